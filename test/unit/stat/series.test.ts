import assert from 'node:assert/strict';
import fc from 'fast-check';
import { CONTROL, READ, WRITE } from '../../../src/stat/natures.ts';
import { RateSeries } from '../../../src/stat/series.ts';

const MS = 1e6;
const DAY = 86_400_000;

function sum(list: readonly number[]): number {
  return list.reduce((a, b) => a + b, 0);
}

describe('H3 rate series', () => {
  it('counts commands and bytes in intervals of 1 ms while they fit', () => {
    const series = new RateSeries(8);
    series.record(10 * MS, READ, 100);
    series.record(10.5 * MS, WRITE, 7);
    series.record(13 * MS, READ, 50);
    series.record(13 * MS, CONTROL, 0);
    assert.deepEqual(series.snapshot(), {
      startUnixSeconds: 0.01,
      intervalSeconds: 0.001,
      reads: [1, 0, 0, 1],
      writes: [1, 0, 0, 0],
      controls: [0, 0, 0, 1],
      bytesRead: [100, 0, 0, 50],
      bytesWritten: [7, 0, 0, 0],
    });
  });

  it('doubles the interval when the slots are full', () => {
    const series = new RateSeries(4);
    for (const ms of [1, 2, 3, 4, 5]) series.record(ms * MS, READ, ms);
    const { intervalSeconds, startUnixSeconds, bytesRead } = series.snapshot();
    assert.equal(intervalSeconds, 0.002);
    assert.equal(startUnixSeconds, 0);
    assert.deepEqual(bytesRead, [1, 2 + 3, 4 + 5]);
  });

  it('makes room in front for earlier times', () => {
    const series = new RateSeries(4);
    for (const ms of [12, 10]) series.record(ms * MS, READ, ms);
    const { intervalSeconds, startUnixSeconds, bytesRead } = series.snapshot();
    assert.equal(intervalSeconds, 0.001);
    assert.equal(startUnixSeconds, 0.01);
    assert.deepEqual(bytesRead, [10, 0, 12]);
  });

  it('puts any times in any order where a plain model puts them, and loses nothing', () => {
    const times = fc.array(fc.oneof(fc.nat(50), fc.nat(5000), fc.nat(DAY)), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(times, fc.integer({ min: 2, max: 40 }), (list, slots) => {
        const series = new RateSeries(slots);
        for (const ms of list) series.record(ms * MS, READ, ms);
        const { bytesRead, reads, intervalSeconds, startUnixSeconds } = series.snapshot();
        assert.ok(reads.length <= slots);
        assert.equal(sum(reads), list.length);
        const intervalMs = Math.round(intervalSeconds * 1000);
        const first = Math.round((startUnixSeconds * 1000) / intervalMs);
        const model = new Array<number>(reads.length).fill(0);
        for (const ms of list) model[Math.floor(ms / intervalMs) - first] += ms;
        assert.deepEqual(bytesRead, model);
      }),
    );
  });

  it('ends with times that no calendar reaches', () => {
    const series = new RateSeries(4);
    series.record(0, READ, 1);
    series.record(2 ** 94, READ, 1);
    assert.equal(sum(series.snapshot().reads), 2);
  });
});
