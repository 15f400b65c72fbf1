/** Sub-buckets per power of two: a bucket is at most 1/64 of its values wide. */
const SUB_BITS = 6;
const SUB = 1 << SUB_BITS;
const TWO_32 = 2 ** 32;

/** floor(log2(value)) of a whole number from 1 to 2^53-1. */
export function log2Floor(value: number): number {
  return value < TWO_32 ? 31 - Math.clz32(value) : 63 - Math.clz32(Math.floor(value / TWO_32));
}

/**
 * Counts of whole numbers in buckets that grow with the value (as HdrHistogram's do): exact below 128, and above that
 * within 1/128 of the value. Memory is constant; `record` allocates nothing.
 */
export class Histogram {
  readonly #counts: Float64Array;
  #count = 0;
  #sum = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;

  /** `maxBits`: values of 2^maxBits and more share the last bucket (`max` and `mean` stay exact); 7 to 53. */
  constructor(maxBits = 42) {
    this.#counts = new Float64Array((maxBits - SUB_BITS + 1) * SUB);
  }

  get count(): number {
    return this.#count;
  }

  /** 0 while nothing was recorded, as `max` and `mean`. */
  get min(): number {
    return this.#count === 0 ? 0 : this.#min;
  }

  get max(): number {
    return this.#max;
  }

  get mean(): number {
    return this.#count === 0 ? 0 : this.#sum / this.#count;
  }

  /** Counts one whole number; below 0 counts as 0. */
  record(value: number): void {
    const v = Math.max(value, 0);
    let index = v;
    if (v >= SUB) {
      const shift = log2Floor(v) - SUB_BITS;
      index = shift * SUB + Math.floor(v / 2 ** shift);
      if (index >= this.#counts.length) index = this.#counts.length - 1;
    }
    this.#counts[index]++;
    this.#count++;
    this.#sum += v;
    if (v < this.#min) this.#min = v;
    if (v > this.#max) this.#max = v;
  }

  /** The value that a share `q` (0 to 1) of all values does not exceed; 0 while nothing was recorded. */
  quantile(q: number): number {
    if (this.#count === 0) return 0;
    const rank = Math.min(this.#count, Math.max(1, Math.ceil(q * this.#count)));
    if (rank === this.#count) return this.#max;
    let seen = 0;
    let index = 0;
    for (; index < this.#counts.length; index++) {
      seen += this.#counts[index];
      if (seen >= rank) break;
    }
    const middle = lowest(index) + Math.floor((lowest(index + 1) - lowest(index) - 1) / 2);
    return Math.min(this.#max, Math.max(this.#min, middle));
  }

  /** Adds the other's counts; both must have the same range. */
  merge(other: Histogram): void {
    if (other.#counts.length !== this.#counts.length) throw new RangeError('histograms of different ranges');
    for (let i = 0; i < this.#counts.length; i++) this.#counts[i] += other.#counts[i];
    this.#count += other.#count;
    this.#sum += other.#sum;
    if (other.#min < this.#min) this.#min = other.#min;
    if (other.#max > this.#max) this.#max = other.#max;
  }

  /** Buckets that hold something, lowest first: values `from` to `to`, both included. */
  buckets(): { from: number; to: number; count: number }[] {
    const found: { from: number; to: number; count: number }[] = [];
    this.#counts.forEach((count, index) => {
      if (count > 0) found.push({ from: lowest(index), to: lowest(index + 1) - 1, count });
    });
    return found;
  }
}

/** The lowest value of a bucket. */
function lowest(index: number): number {
  if (index < 2 * SUB) return index;
  const shift = Math.floor(index / SUB) - 1;
  return (index - shift * SUB) * 2 ** shift;
}
