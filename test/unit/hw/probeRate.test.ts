import assert from 'node:assert/strict';
import { ProbeRate } from '../../../hw/probeRate.ts';

describe('A4 whether a probe sends data or headers only', () => {
  const rate = (): ProbeRate => new ProbeRate({ quietMs: 1000, quietMaxMs: 4000 });

  /** The time at which it asks for data again, with quiet heartbeats ten times a second from `from` on. */
  function quietUntil(of: ProbeRate, from: number): number {
    for (let now = from; now < from + 100_000; now += 100) if (of.filled(0, now)) return now;
    throw new Error('never');
  }

  it('falls back when samples were lost, once', () => {
    const it = rate();
    assert.equal(it.overflowed(10), true);
    assert.equal(it.overflowed(20), false);
    assert.equal(it.headerOnly, true);
    assert.match(it.why, /line is too slow/);
  });

  it('falls back before that when the buffer fills', () => {
    const it = rate();
    assert.equal(it.filled(0.5, 10), false);
    assert.equal(it.filled(0.8, 20), true);
    assert.match(it.why, /filled to 80%/);
  });

  it('asks for data again after a quiet time, which a half filled buffer begins anew', () => {
    const it = rate();
    it.overflowed(0);
    assert.equal(it.filled(0, 100), false);
    assert.equal(it.filled(0.3, 900), false);
    assert.equal(quietUntil(it, 1000), 2000);
    assert.deepEqual([it.headerOnly, it.why], [false, '']);
  });

  it('begins the quiet time anew after an interruption', () => {
    const it = rate();
    it.overflowed(0);
    it.filled(0, 100);
    it.interrupted();
    assert.equal(quietUntil(it, 900), 1900);
  });

  it('waits twice as long each time that it was too early, up to the longest, and as long as first after a good while', () => {
    const it = rate();
    let now = 0;
    const waits: number[] = [];
    for (let i = 0; i < 5; i++) {
      it.overflowed(now);
      const back = quietUntil(it, now);
      waits.push(back - now);
      now = back + 100;
    }
    assert.deepEqual(waits, [1000, 2000, 4000, 4000, 4000]);
    now += 60_000;
    it.overflowed(now);
    assert.equal(quietUntil(it, now) - now, 1000);
  });
});
