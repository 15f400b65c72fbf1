import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Extents } from '../../src/base/extents.ts';
import { dice, snapped } from './support/derive.ts';
import { bytesOf, type Frame, framesOf } from './support/frames.ts';
import { play, type Shadow } from './support/play.ts';
import { usesOf } from './support/precision.ts';
import { captureFrames, captureNames, capturePath, present, sidecar } from './support/sidecar.ts';
import { assertHonest, determined, truthOf } from './support/truth.ts';
import type { WireCommand } from './support/wire.ts';

const whole = captureNames(
  (side) =>
    (side.luns?.length ?? 0) > 0 && side.base === undefined && side.discovery !== true && side.lossless !== false,
);

describe('A6 snap lengths', () => {
  for (const name of whole) {
    it(`${name} at 60, 96, 128, 256, 512 bytes`, function () {
      this.timeout(20_000);
      // 60 bytes end within the TCP header behind IPv6: of such frames nothing can be told but that they were there.
      for (const length of name.includes('ipv6') ? [96, 128, 256, 512] : [60, 96, 128, 256, 512]) {
        play(name, snapped(captureFrames(name), length), (outcome) =>
          assertHonest(name, outcome, `cut at ${length} bytes`),
        );
      }
    });
  }

  // Every PDU of these starts a segment of its own, so that 150 bytes hold each header whole and hardly any data.
  for (const name of present('d24-veth-base', 'd14-lo6-ipv6')) {
    it(`${name}: headers alone give exactly the written blocks`, () => {
      const frames = captureFrames(name);
      const headers = frames.map((frame, i) => {
        const ends = usesOf(name)[i].pdus.some((p) => p.opcode !== 1 && p.opcode !== 5);
        return ends ? frame : { ...frame, captured: Math.min(frame.captured, 14 + 40 + 20 + 12 + 48) };
      });
      const written = new Extents();
      for (const use of usesOf(name)) {
        for (const pdu of use.pdus) {
          if (pdu.command?.mutates !== true) continue;
          const { blocks } = pdu.command;
          for (let i = 0; i < blocks.length; i += 2) written.add(blocks[i], blocks[i + 1]);
        }
      }
      play(name, headers, (outcome) => {
        assertHonest(name, outcome, 'headers alone');
        const [shadow] = outcome.shadows;
        const block = shadow.truth.block_size;
        shadow.unresolved.forEachIn(0, shadow.truth.size, (s, e) =>
          assert.ok(written.covers(s / block, e / block), `blocks ${s / block} to ${e / block} were not written`),
        );
        const lost = outcome.shadows[0].unresolvedBlocks / written.total;
        assert.ok(lost > 0.9, `${shadow.unresolvedBlocks} of ${written.total} blocks`);
      });
    });
  }
});

describe('A6 captures that begin in the middle', () => {
  for (const name of present('d24-veth-base', 'd07-veth-hddigest-4k', 'd09-veth-unsolicited', 'd14-lo6-ipv6')) {
    it(`${name} without its first frames`, function () {
      this.timeout(20_000);
      const frames = captureFrames(name);
      const step = Math.ceil(frames.length / 60);
      for (let from = 1; from < frames.length; from += step) {
        // What the host wrote before the capture began is in the image that the mirror starts from.
        const rest = frames.slice(from);
        play(name, rest, (outcome) => assertLater(name, from, outcome.shadows));
      }
    });
  }
});

describe('H5 files that end early', () => {
  for (const name of present('d24-veth-base')) {
    it(`${name} cut at every kind of place`, function () {
      this.timeout(30_000);
      const file = readFileSync(capturePath(name));
      const all = captureFrames(name);
      const ends = recordEnds(all);
      const random = dice(11);
      const cuts = [0, 1, 23, 24, 25, 39, 40, 41];
      for (let i = 0; i < ends.length; i += 7) cuts.push(ends[i] - 1, ends[i], ends[i] + 1, ends[i] + 15, ends[i] + 16);
      for (let i = 0; i < 60; i++) cuts.push(Math.floor(random() * file.length));
      for (const cut of cuts) {
        const frames = framesOf(file.subarray(0, cut));
        assert.equal(frames.length, ends.filter((end) => end <= cut).length, `cut at ${cut}`);
        play(name, frames, ({ shadows }) => assertEarlier(name, frames.length, shadows));
      }
    });
  }
});

function recordEnds(frames: readonly Frame[]): number[] {
  return frames.map((f) => f.offset + f.captured);
}

function commandsOf(name: string): WireCommand[] {
  const out = new Set<WireCommand>();
  for (const { pdus } of usesOf(name)) for (const { command } of pdus) if (command?.mutates) out.add(command);
  return [...out];
}

/**
 * Frames from index `count` on are lost: blocks of commands that were open then are unresolved, those that only later
 * commands write are as before, and those that no later command writes are as in the end.
 */
function assertEarlier(name: string, count: number, shadows: readonly Shadow[]): void {
  shadows.forEach((shadow, n) => {
    const truth = truthOf(name)[n];
    const { block_size: block, size, target, lun } = truth.lu;
    const mine = commandsOf(name).filter((c) => c.target === target && c.lun === lun);
    const [done, open, later] = [new Extents(), new Extents(), new Extents()];
    for (const c of mine) {
      const into = c.endFrame < count ? done : c.openFrame < count ? open : later;
      for (let i = 0; i < c.blocks.length; i += 2) into.add(c.blocks[i] * block, c.blocks[i + 1] * block);
    }
    const what = `${name}, the first ${count} frames`;
    shadow.touched.forEachIn(0, size, (s, e) => {
      assert.ok(covered(done, open, s, e), `${what}: bytes ${s} to ${e} changed before any command wrote them`);
    });
    shadow.unresolved.forEachIn(0, size, (s, e) => {
      // A command whose header stands in the last frames may or may not have been seen.
      assert.ok(
        covered(done, open, s, e),
        `${what}: ${(e - s) / block} blocks from ${s / block} in doubt without reason`,
      );
    });
    done.forEachIn(0, size, (s, e) => {
      for (let at = s; at < e; at += block) {
        if (shadow.unresolved.intersects(at, at + block) || later.intersects(at, at + block)) continue;
        if (open.intersects(at, at + block)) continue;
        const want = truth.image?.read(at, at + block);
        if (want !== undefined)
          assert.equal(Buffer.compare(shadow.image.read(at, at + block), want), 0, `${what}: block ${at / block}`);
      }
    });
    assert.ok(
      shadow.unresolved.total <= open.total + 64 * block,
      `${what}: ${shadow.unresolvedBlocks} blocks in doubt`,
    );
  });
}

function covered(a: Extents, b: Extents, s: number, e: number): boolean {
  const both = a.clone();
  b.forEachIn(0, Number.MAX_SAFE_INTEGER, (from, to) => both.add(from, to));
  return both.covers(s, e);
}

/** Frames before index `from` are lost: blocks of commands that began later and that no earlier one wrote are right. */
function assertLater(name: string, from: number, shadows: readonly Shadow[]): void {
  assert.ok(determined(name));
  const side = sidecar(name);
  shadows.forEach((shadow, n) => {
    const truth = truthOf(name)[n];
    const { block_size: block, size, target, lun } = truth.lu;
    const early = new Extents();
    const late = new Extents();
    for (const c of commandsOf(name)) {
      if (c.target !== target || c.lun !== lun) continue;
      // Seen from its command on, or at least with its R2T, data or status.
      const into = c.openFrame >= from ? late : early;
      for (let i = 0; i < c.blocks.length; i += 2) into.add(c.blocks[i] * block, c.blocks[i + 1] * block);
    }
    early.forEachIn(0, size, (s, e) => late.remove(s, e));
    const what = `${side.file} from frame ${from + 1}`;
    late.forEachIn(0, size, (s, e) => {
      for (let at = s; at < e; at += block) {
        if (shadow.unresolved.intersects(at, at + block)) continue;
        const want = truth.image?.read(at, at + block);
        assert.ok(want !== undefined);
        assert.equal(Buffer.compare(shadow.image.read(at, at + block), want), 0, `${what}: block ${at / block}`);
      }
    });
  });
}

describe('A1 the frames of a file are its own', () => {
  it('reading by pieces gives the same bytes', () => {
    for (const name of present('x-ng', 'x-gz')) {
      const frames = captureFrames(name);
      const base = captureFrames('d24-veth-base');
      assert.equal(frames.length, base.length);
      frames.forEach((frame, i) => {
        assert.equal(Buffer.compare(bytesOf(frame), bytesOf(base[i])), 0);
      });
    }
  });
});
