import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { readHeaderPage } from '../../../parsers/formats/recordHeader.ts';
import { RECORD_PAGE_BYTES, readBitmapPage } from '../../../parsers/formats/recordPage.ts';
import { isParseFault } from '../../../src/base/fault.ts';

export const MiB = 2 ** 20;
const CHUNK = 65_536;

/** Numbers that are the same every time (xorshift). */
export function dice(seed: number): (below: number) => number {
  let x = (Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995) | 1;
  return (below) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % below;
  };
}

export function noise(bytes: number, roll: (below: number) => number): Uint8Array {
  const words = new Uint32Array(Math.ceil(bytes / 4));
  for (let i = 0; i < words.length; i++) words[i] = roll(0x1_0000_0000);
  return new Uint8Array(words.buffer, 0, bytes);
}

/** Writes noise into a file that is there, as if the disk had been used before. */
export function used(path: string, at: number, bytes: number, seed: number): void {
  const fd = openSync(path, 'r+');
  writeSync(fd, noise(bytes, dice(seed)), 0, bytes, at);
  closeSync(fd);
}

export function sha256(path: string, bytes = Number.MAX_SAFE_INTEGER): string {
  const hash = createHash('sha256');
  forEachPart(path, bytes, (part) => hash.update(part));
  return hash.digest('hex');
}

/** Every mirror holds what the first volume holds, byte for byte. */
export function assertSame(first: string, mirrors: readonly string[]): void {
  const bytes = sizeOf(first);
  const expected = sha256(first);
  for (const mirror of mirrors) {
    if (sha256(mirror, bytes) === expected) continue;
    const chunks = different(first, mirror);
    const some = chunks.slice(0, 5).join(', ');
    assert.fail(`${mirror} differs from ${first} in ${chunks.length} chunks of 64 KiB (${some} ...)`);
  }
}

/** A device has no size of its own for `stat`. */
function sizeOf(path: string): number {
  const fd = openSync(path, 'r');
  const { size } = fstatSync(fd);
  closeSync(fd);
  return size;
}

function different(one: string, other: string): number[] {
  const sums = (path: string): string[] => {
    const all: string[] = [];
    forEachPart(path, sizeOf(one), (part) => {
      for (let at = 0; at < part.length; at += CHUNK) {
        all.push(
          createHash('sha256')
            .update(part.subarray(at, at + CHUNK))
            .digest('hex'),
        );
      }
    });
    return all;
  };
  const [left, right] = [sums(one), sums(other)];
  return left.flatMap((sum, i) => (sum === right[i] ? [] : [i]));
}

function forEachPart(path: string, bytes: number, callback: (part: Uint8Array) => void): void {
  const fd = openSync(path, 'r');
  const room = new Uint8Array(16 * CHUNK);
  for (let at = 0; at < bytes; ) {
    const got = readSync(fd, room, 0, Math.min(room.length, bytes - at), at);
    if (got === 0) break;
    callback(room.subarray(0, got));
    at += got;
  }
  closeSync(fd);
}

/**
 * Bytes that the records in a state folder have marked, as they lie on the disk: of all of them, and those that any has.
 * Nobody may be writing them.
 */
export function markedBytes(state: string): { all: number; any: number } {
  const any = new Set<number>();
  let [all, chunkBytes] = [0, 0];
  for (const name of readdirSync(state).filter((one) => one.endsWith('.record'))) {
    const file = readFileSync(join(state, name));
    const page = (n: number): Uint8Array => file.subarray(n * RECORD_PAGE_BYTES, (n + 1) * RECORD_PAGE_BYTES);
    const header = readHeaderPage(page(0));
    assert.ok(!isParseFault(header), `the header of ${name} can be read`);
    chunkBytes = header.chunkBytes;
    for (let n = 1; n * RECORD_PAGE_BYTES < file.length; n++) {
      const bits = readBitmapPage(page(n), n, header.generation);
      assert.ok(!isParseFault(bits), `page ${n} of ${name} can be read`);
      for (let bit = 0; bit < bits.length * 8; bit++) {
        if ((bits[bit >> 3] & (1 << (bit & 7))) === 0) continue;
        all++;
        any.add((n - 1) * bits.length * 8 + bit);
      }
    }
  }
  return { all: all * chunkBytes, any: any.size * chunkBytes };
}
