import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Change, Piece } from '../../../../src/base/change.ts';
import { JournalRing } from '../../../../src/unit/watch/journalRing.ts';

const LU = 'iqn.2024-01.example:disk/1';

function change(seq: number, pieces: Change['pieces'], rest: Partial<Change> = {}): Change {
  return { seq, at: BigInt(seq) * 1_000_000n, lu: LU, pieces, fua: false, ...rest };
}

function piece(offset: number, length: number): Piece {
  return { offset, length, payload: 'zeros' };
}

describe('H4 the journal of changes', () => {
  it('knows who wrote a block last, and before', () => {
    const ring = new JournalRing(8);
    ring.add(change(1, [piece(0, 4096)], { host: 'a', operation: 'WRITE(10)' }));
    ring.add(change(2, [piece(512, 512)], { host: 'b', operation: 'WRITE SAME(16)', doubt: 'overlap' }));
    ring.add(change(3, [piece(512, 512)], { lu: 'other/1' }));
    const found = ring.find(LU, 512, 512, 10);
    assert.deepEqual(
      found.map(({ seq, host, operation, doubt }) => [seq, host, operation, doubt]),
      [
        [2, 'b', 'WRITE SAME(16)', 'overlap'],
        [1, 'a', 'WRITE(10)', undefined],
      ],
    );
    assert.equal(found[0].at, 2_000_000n);
    assert.deepEqual(ring.find(LU, 4096, 512, 10), []);
    assert.equal(ring.since, undefined);
  });

  it('forgets the oldest, and says since when it remembers', () => {
    const ring = new JournalRing(4);
    for (let seq = 1; seq <= 6; seq++) ring.add(change(seq, [piece(0, 512)]));
    assert.deepEqual(
      ring.find(LU, 0, 512, 10).map(({ seq }) => seq),
      [6, 5, 4, 3],
    );
    assert.equal(ring.since, 3_000_000n);
  });

  it('has a change of the whole LU on every block', () => {
    const ring = new JournalRing(4);
    ring.add(change(1, 'wholeLu', { doubt: 'lost-command' }));
    assert.equal(ring.find(LU, 1e15, 512, 1)[0].doubt, 'lost-command');
  });

  it('never says less than was written, however many runs a change has and hosts there are', () => {
    const runs = fc.array(fc.tuple(fc.nat(500), fc.integer({ min: 1, max: 20 })), { minLength: 1, maxLength: 100 });
    fc.assert(
      fc.property(fc.array(runs, { maxLength: 8 }), fc.nat(520), (changes, at) => {
        const ring = new JournalRing(1024);
        changes.forEach((all, i) => {
          ring.add(
            change(
              i + 1,
              all.map(([offset, length]) => piece(offset, length)),
              { host: `h${i}` },
            ),
          );
        });
        const found = new Set(ring.find(LU, at, 1, 1024).map(({ seq }) => seq));
        changes.forEach((all, i) => {
          const touched = all.some(([offset, length]) => offset <= at && at < offset + length);
          if (touched) assert.ok(found.has(i + 1), `change ${i + 1} wrote byte ${at}`);
        });
      }),
      { numRuns: 100 },
    );
    const many = new JournalRing(8192);
    for (let n = 1; n <= 5000; n++) many.add(change(n, [piece(0, 512)], { host: `host ${n}` }));
    const [last] = many.find(LU, 0, 512, 1);
    assert.equal(last.seq, 5000);
    assert.equal(last.host, '');
  });
});
