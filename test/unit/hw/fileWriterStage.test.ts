import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Stage } from '../../../hw/fileWriterStage.ts';
import type { Payload, Piece } from '../../../src/base/change.ts';
import { Fault } from '../../../src/base/fault.ts';

interface Planned {
  gap: number;
  length: number;
  kind: 'bytes' | 'parts' | 'zeros' | 'fill';
  seed: number;
}

const planned = fc.record<Planned>({
  gap: fc.constantFrom(0, 0, 1, 700),
  length: fc.integer({ min: 0, max: 900 }),
  kind: fc.constantFrom('bytes', 'parts', 'zeros', 'fill'),
  seed: fc.nat(255),
});

/** Pieces as planned, what they are to leave in a file, and the bytes of payload they hold themselves. */
function make(plan: readonly Planned[]): { pieces: Piece[]; file: Map<number, number>; bytes: number } {
  const pieces: Piece[] = [];
  const file = new Map<number, number>();
  let bytes = 0;
  let offset = 0;
  for (const { gap, length, kind, seed } of plan) {
    offset += gap;
    const own = new Uint8Array(length).map((_, i) => seed + i);
    const block = Uint8Array.of(seed, 1, 2);
    let payload: Payload = [own];
    if (kind === 'zeros') payload = 'zeros';
    else if (kind === 'fill') payload = { fill: block };
    // The last part may be longer than what is left of the piece.
    else if (kind === 'parts')
      payload = [own.subarray(0, length >> 1), Buffer.concat([own.subarray(length >> 1), own])];
    for (let i = 0; i < length; i++)
      file.set(offset + i, kind === 'zeros' ? 0 : kind === 'fill' ? block[i % 3] : own[i]);
    pieces.push({ offset, length, payload });
    if (kind !== 'zeros') bytes += kind === 'fill' ? block.length : length;
    offset += length;
  }
  return { pieces, file, bytes };
}

/** What the batch at `place` says, read apart from the code under test. */
function read(stage: Stage, place: number): { fd: number; operations: number; file: Map<number, number> } {
  const numbers = new DataView(stage.memory);
  const number = (at: number): number => numbers.getFloat64(at, true);
  const bytes = new Uint8Array(stage.memory);
  const file = new Map<number, number>();
  const operations = number(place + 8);
  for (let op = 0; op < operations; op++) {
    const [at, length, position, block] = [0, 8, 16, 24].map((word) => number(place + 16 + op * 32 + word));
    assert.ok(length > 0);
    for (let i = 0; i < length; i++) {
      const from = at + (block > 0 ? i % block : i);
      file.set(position + i, at < 0 ? 0 : bytes[from]);
    }
  }
  return { fd: number(place), operations, file };
}

describe('B5 the memory between a volume and its writing thread', () => {
  it('holds every batch as it was put in until it is released, and never more than it has room for', () => {
    const step = fc.oneof(fc.record({ put: fc.array(planned, { maxLength: 6 }) }), fc.constant('release' as const));
    const SIZE = 8192;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const stage = new Stage(SIZE);
        const open: { place: number; fd: number; file: Map<number, number>; atMost: number }[] = [];
        const release = (): void => {
          const oldest = open.shift();
          if (oldest === undefined) return;
          const { fd, file } = read(stage, oldest.place);
          assert.equal(fd, oldest.fd);
          assert.deepEqual(file, oldest.file);
          stage.release(oldest.place);
        };
        for (const [fd, one] of steps.entries()) {
          if (one === 'release') {
            release();
            continue;
          }
          const { pieces, file, bytes } = make(one.put);
          const atMost = 16 + 40 * pieces.length + bytes;
          const place = stage.put(fd, pieces, bytes);
          if (place < 0) {
            // A ring with so much of it free, or half of it in one run, would have taken it.
            const used = open.reduce((sum, batch) => sum + batch.atMost + 8, 0);
            assert.ok(used + 2 * (atMost + 8) > SIZE);
            continue;
          }
          assert.equal(place % 8, 0);
          open.push({ place, fd, file, atMost });
          assert.equal(stage.open, open.length);
        }
        while (open.length > 0) release();
        assert.equal(stage.open, 0);
      }),
      { numRuns: 300 },
    );
  });

  it('goes round without end, at whatever places batches lie', () => {
    const stage = new Stage(1024);
    const places: number[] = [];
    for (let i = 0; i < 500; i++) {
      const bytes = new Uint8Array(100 + (i % 7)).fill(i);
      const place = stage.put(3, [{ offset: i, length: bytes.length, payload: [bytes] }], bytes.length);
      assert.ok(place >= 0 && place + 48 + bytes.length <= 1024);
      places.push(place);
      if (places.length < 4) continue;
      const oldest = places.shift() as number;
      assert.equal(read(stage, oldest).file.get(i - 3), (i - 3) & 0xff);
      stage.release(oldest);
    }
    assert.ok(new Set(places).size === 3);
  });

  it('makes one operation of plain bytes that lie one behind the other, and of nothing else', () => {
    const stage = new Stage(8192);
    const bytes = (offset: number): Piece => ({ offset, length: 10, payload: [new Uint8Array(10)] });
    const zeros = (offset: number): Piece => ({ offset, length: 10, payload: 'zeros' });
    const operations = (pieces: Piece[]): number => read(stage, stage.put(1, pieces, 100)).operations;
    assert.equal(operations([bytes(0), bytes(10), bytes(20)]), 1);
    assert.equal(operations([bytes(0), bytes(11)]), 2);
    assert.equal(operations([bytes(0), zeros(10), bytes(20)]), 3);
    assert.equal(operations([zeros(0), zeros(10)]), 2);
    assert.equal(operations([]), 0);
  });

  it('refuses what is no write, and has not taken anything then', () => {
    const stage = new Stage(1024);
    const put = (length: number, payload: Payload) => () => stage.put(1, [{ offset: 0, length, payload }], 0);
    const bug = (error: unknown): boolean => error instanceof Fault && error.blame === 'bug';
    assert.throws(put(8, 'lbnOnly'), bug);
    assert.throws(put(8, { or: [new Uint8Array(8)] }), bug);
    assert.throws(put(8, { fill: new Uint8Array(0) }), bug);
    assert.throws(put(8, [new Uint8Array(7)]), bug);
    assert.equal(stage.open, 0);
    assert.equal(stage.put(1, [], 1024), -1, 'larger than all of it');
    const place = stage.put(1, [], 0);
    assert.throws(() => stage.release(place + 8), bug);
  });
});
