import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Trend } from '../../../../src/unit/watch/trend.ts';
import { TREND_MINUTES, TREND_SECONDS, TrendRing } from '../../../../src/unit/watch/trendRing.ts';
import { mirror, volume } from '../../../page/kit/madeUp.ts';

describe('H4 how volumes went', () => {
  it('keeps each second of ten minutes and each minute of a day, and nothing where nothing was known', () => {
    const seconds = fc.array(fc.tuple(fc.integer({ min: 1, max: 200 }), fc.nat(1000)), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(seconds, fc.constantFrom('mean' as const, 'most' as const), (steps, gathering) => {
        const ring = new TrendRing(gathering);
        const model = new Map<number, number>();
        let second = -1;
        for (const [step, value] of steps) {
          second += step;
          ring.put(second, value);
          model.set(second, value);
        }
        const end = second + 1;
        assert.deepEqual(
          ring.seconds(end, TREND_SECONDS),
          Array.from({ length: TREND_SECONDS }, (_, i) => model.get(end - TREND_SECONDS + i) ?? null),
        );
        const minutes = ring.minutes(end, TREND_MINUTES);
        const last = Math.floor(second / 60);
        minutes.forEach((found, i) => {
          const minute = last - TREND_MINUTES + 1 + i;
          const inside = [...model].filter(([at]) => Math.floor(at / 60) === minute).map(([, value]) => value);
          if (inside.length === 0) {
            assert.equal(found, null);
            return;
          }
          const sum = inside.reduce((a, b) => a + b, 0);
          const expected = gathering === 'mean' ? sum / inside.length : Math.max(...inside);
          assert.ok(Math.abs((found ?? Number.NaN) - expected) < 0.01, `minute ${minute}: ${found}, not ${expected}`);
        });
      }),
      { numRuns: 60 },
    );
  });

  it('forgets the day before where the unit slept', () => {
    const ring = new TrendRing('mean');
    ring.put(30, 7);
    ring.put(30 + TREND_MINUTES * 60 + 3600, 9);
    const known = ring.minutes(30 + TREND_MINUTES * 60 + 3601, TREND_MINUTES).filter((one) => one !== null);
    assert.deepEqual(known, [9]);
  });

  it('tells rates from counters, and what a mirror lacks', () => {
    const trend = new Trend(0);
    const one = volume('a/0', [mirror('file:a', { lag: { changes: 3, seconds: 2.5 }, behindBytes: 4096 })]);
    let written = 0;
    for (let second = 0; second < 31; second++) {
      assert.ok(trend.due(second * 1000));
      trend.look(second * 1000, [one], () => written);
      assert.ok(!trend.due(second * 1000 + 900));
      one.changes += 10;
      written += 5000;
    }
    const report = trend.report('a/0', 'minutes', 30_000, 1_000_000);
    assert.ok(report);
    assert.deepEqual(report.writes.slice(-31), [0, ...new Array(30).fill(10)]);
    assert.deepEqual(report.bytes.slice(-3), [5000, 5000, 5000]);
    assert.equal(report.writes[0], null);
    assert.deepEqual([report.endMs, report.stepSeconds], [1_000_000, 1]);
    const [to] = report.mirrors;
    assert.deepEqual([to.to, to.recoverySeconds.at(-1), to.behindBytes.at(-1)], ['file:a', 2.5, 4096]);
    const [short] = trend.overview(30_000, 1_000_000).volumes;
    assert.equal(short.bytes.at(-1), 5000);
    assert.equal(trend.report('a/0', 'day', 30_000, 1_000_000)?.stepSeconds, 60);
    // A counter that begins again tells nothing below 0.
    one.changes = 0;
    trend.look(31_000, [one], () => undefined);
    assert.equal(trend.report('a/0', 'minutes', 31_000, 0)?.writes.at(-1), 0);
    trend.look(32_000, [], () => undefined);
    assert.equal(trend.report('a/0', 'minutes', 32_000, 0), undefined, 'a volume that is gone is forgotten');
  });
});
