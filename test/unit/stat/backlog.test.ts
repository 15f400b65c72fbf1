import assert from 'node:assert/strict';
import fc from 'fast-check';
import { backlogAt, burstIn, rateFor, type Slots } from '../../../src/stat/backlog.ts';

/** The delay of every byte by the definition: it leaves once all before it, and itself, were carried. */
function latest(rate: number, { bytes, seconds }: Slots): number {
  let free = 0;
  let late = 0;
  bytes.forEach((coming, i) => {
    if (coming === 0) return;
    const at = i * seconds;
    free = Math.max(free, at) + coming / rate;
    late = Math.max(late, free - at);
  });
  return late;
}

const slots = fc.record({
  bytes: fc.array(fc.integer({ min: 0, max: 10_000 }), { minLength: 1, maxLength: 60 }),
  seconds: fc.constantFrom(0.001, 0.5, 4),
});

describe('H3 what a link of some rate makes wait', () => {
  it('is as late as a queue of its bytes, first come first served', () => {
    fc.assert(
      fc.property(slots, fc.double({ min: 1, max: 1e6, noNaN: true }), (slots, rate) => {
        const { lateSeconds } = backlogAt(rate, slots);
        assert.ok(Math.abs(lateSeconds - latest(rate, slots)) <= 1e-9 * Math.max(1, lateSeconds));
      }),
    );
  });

  it('is just in time at the rate that is found for a recovery point, and not at a lower one', () => {
    fc.assert(
      fc.property(slots, fc.constantFrom(0.01, 1, 60), (slots, recovery) => {
        const rate = rateFor(recovery, slots);
        if (slots.bytes.every((bytes) => bytes === 0)) {
          assert.equal(rate, 0);
          return;
        }
        assert.ok(latest(rate, slots) <= recovery * (1 + 1e-9));
        assert.ok(latest(rate * 0.99, slots) > recovery);
      }),
    );
  });

  it('never comes at the rate 0, and waits for nothing where nothing came', () => {
    assert.equal(backlogAt(0, { bytes: [1], seconds: 1 }).lateSeconds, Number.POSITIVE_INFINITY);
    assert.deepEqual(backlogAt(0, { bytes: [0], seconds: 1 }), { bytes: 0, lateSeconds: 0 });
  });
});

describe('H3 bursts', () => {
  it('are the most that came within the window, wherever it begins', () => {
    fc.assert(
      fc.property(slots, fc.integer({ min: 1, max: 8 }), (slots, width) => {
        let most = 0;
        slots.bytes.forEach((_, i) => {
          const sum = slots.bytes.slice(i, i + width).reduce((a, b) => a + b, 0);
          most = Math.max(most, sum);
        });
        assert.equal(burstIn(width * slots.seconds, slots), most);
      }),
    );
  });
});
