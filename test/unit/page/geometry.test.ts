import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  areaPath,
  binaryTop,
  boxesPath,
  highest,
  knownRuns,
  levelRuns,
  linePath,
  newest,
  niceTop,
  regions,
} from '../../../src/page/geometry.ts';

describe('H4 the geometry of the page', () => {
  it('ends a scale at 1, 2 or 5 times a power of ten, or at a power of two, never below the value', () => {
    assert.deepEqual([0, 0.03, 1, 1.2, 3, 7, 49, 51].map(niceTop), [1, 0.05, 1, 2, 5, 10, 50, 100]);
    assert.deepEqual([0, 1, 3, 1024, 1025].map(binaryTop), [1, 1, 4, 1024, 2048]);
    fc.assert(
      fc.property(fc.double({ min: 1e-9, max: 1e15, noNaN: true }), (value) => niceTop(value) >= value * (1 - 1e-9)),
    );
  });

  it('breaks a line where nothing is known, and shows a value that stands alone', () => {
    const values = [null, 0, 10, null, null, 5];
    assert.deepEqual(knownRuns(values), [
      [1, 3],
      [5, 6],
    ]);
    assert.equal(linePath(values, 100, 50, 10), 'M20,50L40,0M100,25h0');
    assert.equal(areaPath([0, 10], 100, 50, 10), 'M0,50L0,50L100,0L100,50Z');
    assert.equal(linePath([], 100, 50, 10), '');
    assert.deepEqual([highest(values), newest(values)], [{ value: 10, at: 2 }, 5]);
    assert.equal(highest([null]), undefined);
  });

  it('shows whatever is there, however small it is', () => {
    const bins = [0, 1024, 1024, 0, 1, 0];
    const runs = levelRuns(bins, 4, 1024);
    assert.deepEqual(runs, [
      { first: 1, end: 3, level: 4 },
      { first: 4, end: 5, level: 1 },
    ]);
    assert.equal(boxesPath(runs, 6, 3, 20), 'M0.5,0h1.0v20h-1.0ZM2.0,0h1.0v20h-1.0Z');
    assert.deepEqual(regions(bins, 1), [{ first: 1, end: 3, sum: 2048 }]);
    fc.assert(
      fc.property(fc.array(fc.nat(5000), { minLength: 1, maxLength: 64 }), (all) => {
        const shown = levelRuns(all, 4, Math.max(1, ...all)).flatMap(({ first, end, level }) => {
          assert.ok(level >= 1 && level <= 4);
          return Array.from({ length: end - first }, (_, i) => first + i);
        });
        assert.deepEqual(
          shown,
          all.flatMap((one, i) => (one > 0 ? [i] : [])),
        );
      }),
    );
  });
});
