import assert from 'node:assert/strict';
import { CaptureSplitter } from '../../parsers/capture/capture.ts';
import { MAX_CAPTURED } from '../../parsers/capture/splitter.ts';
import { type FrameBatch, frameBatch } from '../../src/base/frames.ts';
import type { Random } from './random.ts';
import { runBus } from './runBus.ts';
import type { Window } from './windows.ts';
import { put16, put32 } from './wire.ts';

const BATCH = 64;
const batch = frameBatch(new Uint8Array(0), BATCH);
const together = frameBatch(new Uint8Array(0), 1024);
const file = new Uint8Array(1 << 19);

/** A capture file with damage in its headers, its records or anywhere: split in pieces, and read as far as it goes. */
export function fileCase(random: Random, choice: readonly Window[]): void {
  const w = random.pick(choice);
  let length = random.chance(3) ? pcapng(random, w) : pcap(w, random.between(1, 40));
  for (let n = random.below(6); n > 0; n--) {
    const at = random.chance(2) ? random.below(Math.min(length, 200)) : random.below(length);
    if (random.chance(3)) file[at] ^= 1 << random.below(8);
    else if (random.chance(2)) put32(file, at & ~3, random.hostile());
    else random.fill(file, at, Math.min(length, at + random.between(1, 40)));
  }
  if (random.chance(3)) length = random.between(1, length);
  const whole = split(file, length, () => length);
  const parts = split(file, length, () => random.between(1, 4000));
  assert.deepEqual(parts, whole, 'another chunking gives other frames');
  if (random.chance(4) && together.count > 0) {
    runBus(together, { room: 'ample', run: 0, scrub: false, applies: false, claims: w.claims });
  }
}

/** Feeds the bytes as a reader would: what was not used comes again, with at least `need` bytes. */
function split(bytes: Uint8Array, length: number, size: () => number): string[] {
  const splitter = new CaptureSplitter();
  const frames: string[] = [];
  batch.bytes = bytes;
  together.bytes = bytes;
  together.count = 0;
  let from = 0;
  let to = Math.min(length, size());
  for (let steps = 0; ; steps++) {
    assert.ok(steps < length * 2 + 100, 'the splitter goes in circles');
    batch.count = 0;
    const used = splitter.split(bytes, from, to, batch);
    assert.ok(used >= from && used <= to, `used up to ${used} of ${from} to ${to}`);
    from = used;
    take(batch, to, frames);
    if (batch.count > 0) continue;
    if (splitter.fault !== undefined) {
      frames.push(`${splitter.fault.reason} at ${splitter.fault.offset}`);
      assert.ok(splitter.fault.offset >= 0 && splitter.fault.offset <= to);
      return frames;
    }
    if (to === length) return frames;
    assert.ok(from === to || splitter.need > to - from, `stands still at ${from} with ${to - from} bytes`);
    to = Math.min(length, Math.max(to + size(), from));
  }
}

function take(b: FrameBatch, to: number, frames: string[]): void {
  for (let i = 0; i < b.count; i++) {
    assert.ok(b.captured[i] <= MAX_CAPTURED && b.offset[i] + b.captured[i] <= to, 'a frame outside of the file');
    assert.ok(Number.isFinite(b.seconds[i]) && b.nanos[i] < 1e9, 'a time that is none');
    frames.push(`${b.offset[i]} ${b.captured[i]} ${b.wire[i]} ${b.link[i]} ${b.seconds[i]} ${b.nanos[i]}`);
    if (together.count >= 1000) continue;
    const k = together.count++;
    together.offset[k] = b.offset[i];
    together.captured[k] = b.captured[i];
    together.wire[k] = b.wire[i];
    together.seconds[k] = b.seconds[i];
    together.nanos[k] = b.nanos[i];
    together.link[k] = b.link[i];
  }
}

function pcap(w: Window, frames: number): number {
  let length = 24;
  for (let i = 0; i < Math.min(frames, w.count) && length + 16 + w.length[i] < file.length; i++)
    length += 16 + w.length[i];
  file.set(w.file.subarray(0, length));
  return length;
}

/** The same frames as pcapng: a section, an interface with options, enhanced and simple packets, unknown blocks. */
function pcapng(random: Random, w: Window): number {
  let at = 0;
  const block = (type: number, body: number, fill: (from: number) => void): void => {
    const size = 12 + ((body + 3) & ~3);
    file.fill(0, at, at + size);
    put32(file, at, type);
    put32(file, at + 4, size);
    fill(at + 8);
    put32(file, at + size - 4, size);
    at += size;
  };
  block(0x0a0d0d0a, 16, (o) => {
    put32(file, o, 0x1a2b3c4d);
    put16(file, o + 4, 1);
    put32(file, o + 8, 0xffffffff);
    put32(file, o + 12, 0xffffffff);
  });
  block(1, 20, (o) => {
    put16(file, o, w.link);
    put32(file, o + 4, 262144);
    put16(file, o + 8, 9); // if_tsresol
    put16(file, o + 10, 1);
    file[o + 12] = random.pick([6, 9, 0x80 | 20, 0]);
  });
  for (let i = 0; i < Math.min(30, w.count) && at + w.length[i] + 64 < file.length; i++) {
    const n = w.length[i];
    const from = w.offset[i];
    if (random.chance(12)) block(0x0bad, random.below(40), () => {});
    if (random.chance(12)) {
      block(3, 4 + n, (o) => {
        put32(file, o, n);
        file.set(w.arena.subarray(from, from + n), o + 4);
      });
    } else {
      block(6, 20 + n, (o) => {
        put32(file, o + 4, 0x00060000);
        put32(file, o + 8, i * 1000);
        put32(file, o + 12, n);
        put32(file, o + 16, n);
        file.set(w.arena.subarray(from, from + n), o + 20);
      });
    }
  }
  return at;
}
