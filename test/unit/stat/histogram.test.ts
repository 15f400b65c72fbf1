import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Histogram, log2Floor } from '../../../src/stat/histogram.ts';

const values = fc.array(fc.oneof(fc.nat(200), fc.nat(2 ** 31 - 1), fc.maxSafeNat()), { minLength: 1, maxLength: 400 });

function filled(list: readonly number[], maxBits = 53): Histogram {
  const histogram = new Histogram(maxBits);
  for (const value of list) histogram.record(value);
  return histogram;
}

describe('H3 histogram', () => {
  it('gives quantiles within 1/128 of the exact ones', () => {
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (list, q) => {
        const sorted = [...list].sort((a, b) => a - b);
        const exact = sorted[Math.max(1, Math.ceil(q * sorted.length)) - 1];
        const got = filled(list).quantile(q);
        assert.ok(Math.abs(got - exact) <= exact / 128, `${got} for ${exact}`);
      }),
    );
  });

  it('is exact below 128, at the highest value, and for mean, min and count', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(127), { minLength: 1 }), (list) => {
        const histogram = filled(list);
        const sorted = [...list].sort((a, b) => a - b);
        for (const q of [0, 0.25, 0.5, 0.9, 1]) {
          assert.equal(histogram.quantile(q), sorted[Math.max(1, Math.ceil(q * list.length)) - 1]);
        }
        assert.equal(histogram.min, sorted[0]);
        assert.equal(histogram.max, sorted.at(-1));
        assert.equal(histogram.count, list.length);
        assert.equal(histogram.mean, list.reduce((sum, value) => sum + value, 0) / list.length);
      }),
    );
  });

  it('puts every value into a bucket that holds it and is at most 1/64 of it wide', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        const [{ from, to, count }, ...others] = filled([value]).buckets();
        assert.deepEqual(others, []);
        assert.equal(count, 1);
        assert.ok(from <= value && value <= to);
        assert.ok(to - from + 1 <= Math.max(1, from / 64));
      }),
    );
  });

  it('merges into what recording everything in one gives', () => {
    fc.assert(
      fc.property(values, values, (a, b) => {
        const merged = filled(a);
        merged.merge(filled(b));
        const whole = filled([...a, ...b]);
        assert.deepEqual(merged.buckets(), whole.buckets());
        assert.deepEqual([merged.count, merged.min, merged.max], [whole.count, whole.min, whole.max]);
      }),
    );
  });

  it('keeps values beyond its range in the last bucket, and their maximum', () => {
    const histogram = filled([1, 2 ** 40, 2 ** 50], 20);
    assert.equal(histogram.max, 2 ** 50);
    assert.equal(histogram.quantile(1), 2 ** 50);
    assert.equal(histogram.buckets().length, 2);
    assert.equal(histogram.quantile(0.6) < 2 ** 20, true);
  });

  it('is 0 everywhere while empty, and counts what is below 0 as 0', () => {
    const empty = new Histogram();
    assert.deepEqual([empty.quantile(0.5), empty.min, empty.max, empty.mean, empty.count], [0, 0, 0, 0, 0]);
    assert.deepEqual(filled([-5]).buckets(), [{ from: 0, to: 0, count: 1 }]);
  });

  it('refuses to merge another range', () => {
    assert.throws(() => new Histogram(20).merge(new Histogram(21)), RangeError);
  });

  it('takes logarithms exactly up to 2^53 - 1', () => {
    for (let bit = 0; bit < 53; bit++) {
      assert.equal(log2Floor(2 ** bit), bit);
      assert.equal(log2Floor(2 ** (bit + 1) - 1), bit);
    }
  });
});
