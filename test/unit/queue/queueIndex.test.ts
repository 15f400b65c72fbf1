import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { QueueHead, QueuePiece } from '../../../parsers/formats/queueEntry.ts';
import { QueueIndex } from '../../../src/queue/queueIndex.ts';

const EPOCH = '11111111-2222-3333-4444-555555555555';
const BYTES = 40 * 4096;

function headOf(sequence: number, pieces: QueuePiece[]): QueueHead {
  const payloadBytes = pieces.reduce((sum, { stored }) => sum + stored, 0);
  const place = { epoch: EPOCH, number: sequence };
  const rest = { at: 0n, kind: 'change', consistent: true, name: '', bytes: 0, payloadCrc: 0 } as const;
  return { sequence, durable: 0, place, pieces, payloadBytes, ...rest };
}

const zeros = (offset: number, length: number): QueuePiece => ({ offset, length, kind: 'zeros', stored: 0 });

/** Which entry is the newest on each of `bytes / step` places, at the moment of `sequence`. */
function owners(index: QueueIndex, bytes: number, step: number, sequence: number): number[] {
  const found: number[] = [];
  let end = 0;
  for (const run of index.resolve(0, bytes, sequence)) {
    assert.equal(run.start, end, 'without a gap');
    end = run.end;
    const owner = run.piece < 0 ? 0 : index.piece(run.piece).sequence;
    for (let at = run.start; at < run.end; at += step) found[at / step] = owner;
  }
  assert.equal(end, bytes);
  return found;
}

type Step = { add: [offset: number, length: number][] } | { drop: number } | { cut: number };

const range = fc.tuple(fc.nat(79), fc.nat(79)).map(([a, b]) => [Math.min(a, b) * 2048, (Math.abs(a - b) + 1) * 1024]);
const steps = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.record({ add: fc.array(range as fc.Arbitrary<[number, number]>, { maxLength: 3 }) }) },
    { weight: 1, arbitrary: fc.record({ drop: fc.nat(10) }) },
    { weight: 1, arbitrary: fc.record({ cut: fc.nat(10) }) },
  ),
  { maxLength: 60 },
);

describe('C1 the index of a queue', () => {
  it('names the newest entry on every byte of every moment, whatever was dropped or cut', () => {
    fc.assert(
      fc.property(steps, (list: Step[]) => {
        const index = new QueueIndex(1);
        const entries: [number, number][][] = [];
        for (const step of list) {
          if ('add' in step) {
            const pieces = step.add.map(([offset, length]) => zeros(offset, Math.min(length, BYTES - offset)));
            index.add(headOf(index.next, pieces), 76, 1, 0, 0n, true);
            entries[index.next - 1] = pieces.map(({ offset, length }) => [offset, offset + length]);
          } else if ('drop' in step) index.dropTo(Math.min(index.next - 1, index.first + step.drop - 1));
          else index.cutTo(Math.max(index.first - 1, index.next - 1 - step.cut));
        }
        for (let moment = index.first - 1; moment < index.next; moment++) {
          const model = new Array<number>(BYTES / 1024).fill(0);
          for (let s = index.first; s <= moment; s++) {
            for (const [start, end] of entries[s]) model.fill(s, start / 1024, end / 1024);
          }
          assert.deepEqual(owners(index, BYTES, 1024, moment), model);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('holds pieces of any length and place at the cost of few places', () => {
    const index = new QueueIndex(1);
    const far = 2 ** 46 - 4096;
    index.add(headOf(1, [zeros(4096, far)]), 76, 1, 0, 0n, true);
    index.add(headOf(2, [zeros(2 ** 40 + 512, 512)]), 76, 1, 0, 0n, true);
    assert.ok(index.items < 400, `${index.items} items`);
    const runs = index.resolve(0, 2 ** 46, 2);
    assert.deepEqual(
      runs.map(({ start, end, piece }) => [start, end, piece]),
      [
        [0, 4096, -1],
        [4096, 2 ** 40 + 512, 0],
        [2 ** 40 + 512, 2 ** 40 + 1024, 1],
        [2 ** 40 + 1024, 2 ** 46, 0],
      ],
    );
  });

  it('forgets what it held: a hundred thousand entries through a short window', () => {
    const index = new QueueIndex(1);
    for (let s = 1; s <= 100_000; s++) {
      index.add(headOf(s, [zeros((s % 1000) * 4096, 4096)]), 76, 1, 0, 0n, true);
      if (s % 100 === 0) index.dropTo(s - 50);
    }
    assert.equal(index.entries, 50);
    assert.equal(index.items, 150);
    assert.equal(index.bytes, 50 * 76);
    assert.equal(owners(index, 1000 * 4096, 4096, 100_000)[0], 100_000);
  });
});
