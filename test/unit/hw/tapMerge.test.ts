import assert from 'node:assert/strict';
import fc from 'fast-check';
import { TapMerge } from '../../../hw/tapMerge.ts';
import { type FrameBatch, frameBatch } from '../../../src/base/frames.ts';

/** A batch with frames of these stamps in microseconds; `wire` tells them apart. */
function batch(frames: readonly { at: number; name: number }[]): FrameBatch {
  const made = frameBatch(new Uint8Array(1), frames.length);
  frames.forEach(({ at, name }, i) => {
    made.seconds[i] = Math.floor(at / 1e6);
    made.nanos[i] = (at % 1e6) * 1000;
    made.wire[i] = name;
  });
  made.count = frames.length;
  return made;
}

/** Everything that may be handed out now, by name. */
function drain(merge: TapMerge): number[] {
  const names: number[] = [];
  for (;;) {
    merge.used();
    const run = merge.next();
    if (run === undefined) return names;
    for (let i = run.from; i < run.to; i++) names.push(run.batch.wire[i]);
  }
}

describe('A2 interfaces merged by time', () => {
  it('hands out one interface at once', () => {
    const merge = new TapMerge(1);
    merge.push(0, batch([{ at: 5, name: 1 }]));
    assert.deepEqual(drain(merge), [1]);
  });

  it('waits for an interface of which nothing is known, until it is known to be empty', () => {
    const merge = new TapMerge(2);
    merge.push(
      0,
      batch([
        { at: 100, name: 1 },
        { at: 200, name: 2 },
        { at: 300, name: 3 },
      ]),
    );
    assert.deepEqual(drain(merge), []);
    merge.advance(1, 200);
    // A frame of exactly the horizon's time may still be to come.
    assert.deepEqual(drain(merge), [1]);
    merge.advance(1, 150);
    assert.deepEqual(drain(merge), [], 'a horizon never goes back');
    merge.advance(1, 201);
    assert.deepEqual(drain(merge), [2]);
    merge.push(1, batch([{ at: 250, name: 9 }]));
    assert.deepEqual(drain(merge), [9]);
    merge.end();
    assert.deepEqual(drain(merge), [3]);
  });

  it('keeps the order of the interfaces among frames of one time', () => {
    const merge = new TapMerge(3);
    for (const lane of [2, 0, 1])
      merge.push(
        lane,
        batch([
          { at: 7, name: lane },
          { at: 7, name: lane + 10 },
        ]),
      );
    merge.end();
    assert.deepEqual(drain(merge), [0, 10, 1, 11, 2, 12]);
  });

  it('leaves a batch borrowed until the next call, then names it once', () => {
    const merge = new TapMerge(1);
    const first = batch([{ at: 1, name: 1 }]);
    merge.push(0, first);
    assert.equal(merge.used(), undefined);
    merge.next();
    assert.deepEqual(merge.used(), { lane: 0, batch: first });
    assert.equal(merge.used(), undefined);
  });

  it('says up to when all was handed out', () => {
    const merge = new TapMerge(2);
    merge.advance(0, 500);
    merge.advance(1, 400);
    assert.equal(merge.quietUntil, 400);
    merge.push(0, batch([{ at: 450, name: 1 }]));
    merge.advance(1, 600);
    assert.equal(merge.quietUntil, 450, 'this frame is still to be handed out');
    assert.deepEqual(drain(merge), [1]);
    assert.equal(merge.quietUntil, 500);
  });

  it('gives what a sort by time gives, whatever comes when', () => {
    const lane = fc.array(fc.array(fc.nat(6), { minLength: 1, maxLength: 6 }), { maxLength: 6 });
    fc.assert(
      fc.property(fc.array(lane, { minLength: 1, maxLength: 4 }), fc.infiniteStream(fc.nat(1000)), (steps, dice) => {
        let name = 0;
        // Stamps of an interface never go back: each step adds to the one before.
        const lanes = steps.map((batches) => {
          let at = 1_000_000;
          return batches.map((gaps) =>
            gaps.map((gap) => {
              at += gap;
              return { at, name: name++ };
            }),
          );
        });
        const merge = new TapMerge(lanes.length);
        const pushed = lanes.map(() => 0);
        const out: number[] = [];
        for (;;) {
          const open = lanes.flatMap((batches, i) => (pushed[i] < batches.length ? [i] : []));
          if (open.length === 0) break;
          const i = open[dice.next().value % open.length];
          const next = lanes[i][pushed[i]++];
          // Before it comes, the interface may be known to be empty up to its first frame.
          if (dice.next().value % 2 === 0) merge.advance(i, next[0].at);
          out.push(...drain(merge));
          merge.push(i, batch(next));
          if (dice.next().value % 2 === 0) out.push(...drain(merge));
        }
        merge.end();
        out.push(...drain(merge));
        const flat = lanes.flatMap((batches, i) => batches.flat().map((frame) => ({ ...frame, i })));
        const sorted = flat.sort((a, b) => a.at - b.at || a.i - b.i || a.name - b.name);
        assert.deepEqual(
          out,
          sorted.map((frame) => frame.name),
        );
      }),
    );
  });
});
