import { Fault } from './fault.ts';

const FIRST_ROOM = 16;
/** Of sets that nothing was added to: many are made only to be looked at. */
const NO_ROOM = new Float64Array(0);

/**
 * A set of non-negative safe integers as sorted, disjoint, non-touching half-open ranges `[start, end)`.
 *
 * With a `limit` the number of ranges stays at or below it: when one more would not fit, the nearest neighbours grow
 * together across the smallest gaps. So the set may cover more than was added and never less, which is the safe
 * direction for a set of doubts. To keep that cheap a large limit is undershot by up to an eighth when it is hit.
 *
 * An empty range (`start === end`) changes nothing. Anything else than `0 <= start <= end <= 2^53-1` is a caller's bug.
 * Callbacks must not change the set they are called from.
 */
export class Extents {
  readonly #limit: number;
  #starts: Float64Array = NO_ROOM;
  #ends: Float64Array = NO_ROOM;
  #count = 0;
  #total = 0;

  constructor(limit: number = Number.POSITIVE_INFINITY) {
    if (!(limit >= 1)) throw new Fault('bug', `a set of extents needs room for one range, not ${limit}`);
    this.#limit = limit;
  }

  /** Number of ranges. */
  get count(): number {
    return this.#count;
  }

  /** Number of integers in the set. */
  get total(): number {
    return this.#total;
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  add(start: number, end: number): void {
    check(start, end);
    if (start === end) return;
    const n = this.#count;
    // Sequential writes append or extend at the end: no search, no move.
    if (n === 0 || start > this.#ends[n - 1]) {
      this.#open(n);
      this.#starts[n] = start;
      this.#ends[n] = end;
      this.#total += end - start;
      this.#keepLimit();
      return;
    }
    // Ranges [from, to) overlap or touch the new one.
    const from = this.#firstEndingAt(start);
    const to = this.#firstStartingAfter(end, from);
    if (from === to) {
      this.#open(from);
      this.#starts[from] = start;
      this.#ends[from] = end;
      this.#total += end - start;
      this.#keepLimit();
      return;
    }
    const s = Math.min(start, this.#starts[from]);
    const e = Math.max(end, this.#ends[to - 1]);
    for (let i = from; i < to; i++) this.#total -= this.#ends[i] - this.#starts[i];
    this.#total += e - s;
    this.#close(from + 1, to);
    this.#starts[from] = s;
    this.#ends[from] = e;
  }

  remove(start: number, end: number): void {
    check(start, end);
    if (start === end || this.#count === 0) return;
    let from = this.#firstEndingAfter(start);
    if (from === this.#count || this.#starts[from] >= end) return;
    const s = this.#starts[from];
    const e = this.#ends[from];
    if (s < start && e > end) {
      this.#open(from + 1);
      this.#ends[from] = start;
      this.#starts[from + 1] = end;
      this.#ends[from + 1] = e;
      this.#total -= end - start;
      this.#keepLimit();
      return;
    }
    if (s < start) {
      this.#total -= e - start;
      this.#ends[from] = start;
      from++;
    }
    let to = from;
    while (to < this.#count && this.#ends[to] <= end) {
      this.#total -= this.#ends[to] - this.#starts[to];
      to++;
    }
    if (to < this.#count && this.#starts[to] < end) {
      this.#total -= end - this.#starts[to];
      this.#starts[to] = end;
    }
    this.#close(from, to);
  }

  /** True when every integer of `[start, end)` is in the set (an empty range always is). */
  covers(start: number, end: number): boolean {
    check(start, end);
    if (start === end) return true;
    const i = this.#firstEndingAfter(start);
    return i < this.#count && this.#starts[i] <= start && this.#ends[i] >= end;
  }

  /** True when some integer of `[start, end)` is in the set. */
  intersects(start: number, end: number): boolean {
    check(start, end);
    if (start === end) return false;
    const i = this.#firstEndingAfter(start);
    return i < this.#count && this.#starts[i] < end;
  }

  /** Calls back in order with the parts of the set that lie within `[start, end)`. */
  forEachIn(start: number, end: number, callback: (start: number, end: number) => void): void {
    check(start, end);
    if (start === end) return;
    for (let i = this.#firstEndingAfter(start); i < this.#count && this.#starts[i] < end; i++) {
      callback(Math.max(start, this.#starts[i]), Math.min(end, this.#ends[i]));
    }
  }

  /** Calls back in order with the parts of `[start, end)` that are not in the set. */
  gaps(start: number, end: number, callback: (start: number, end: number) => void): void {
    check(start, end);
    if (start === end) return;
    let at = start;
    for (let i = this.#firstEndingAfter(start); i < this.#count && this.#starts[i] < end; i++) {
      if (this.#starts[i] > at) callback(at, this.#starts[i]);
      at = this.#ends[i];
    }
    if (at < end) callback(at, end);
  }

  clear(): void {
    this.#count = 0;
    this.#total = 0;
    this.#starts = NO_ROOM;
    this.#ends = NO_ROOM;
  }

  /** The lowest range as `[start, end]`. */
  first(): [number, number] | undefined {
    return this.#count === 0 ? undefined : [this.#starts[0], this.#ends[0]];
  }

  /** The highest range as `[start, end]`. */
  last(): [number, number] | undefined {
    const i = this.#count - 1;
    return i < 0 ? undefined : [this.#starts[i], this.#ends[i]];
  }

  /** Every range as `[start, length]`, in order. */
  toRanges(): [number, number][] {
    const ranges: [number, number][] = [];
    for (let i = 0; i < this.#count; i++) ranges.push([this.#starts[i], this.#ends[i] - this.#starts[i]]);
    return ranges;
  }

  /** An independent copy with the same limit. */
  clone(): Extents {
    const copy = new Extents(this.#limit);
    copy.#starts = this.#starts.slice();
    copy.#ends = this.#ends.slice();
    copy.#count = this.#count;
    copy.#total = this.#total;
    return copy;
  }

  /** Index of the first range with `end >= at`: it overlaps or touches what begins at `at`. */
  #firstEndingAt(at: number): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const mid = (low + high) >>> 1;
      if (this.#ends[mid] < at) low = mid + 1;
      else high = mid;
    }
    return low;
  }

  /** Index of the first range with `end > at`: it holds `at`, or lies above it. */
  #firstEndingAfter(at: number): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const mid = (low + high) >>> 1;
      if (this.#ends[mid] <= at) low = mid + 1;
      else high = mid;
    }
    return low;
  }

  /** Index of the first range at or after `low` with `start > at`. */
  #firstStartingAfter(at: number, low: number): number {
    let high = this.#count;
    while (low < high) {
      const mid = (low + high) >>> 1;
      if (this.#starts[mid] <= at) low = mid + 1;
      else high = mid;
    }
    return low;
  }

  /** Makes room for one range at index `at`. */
  #open(at: number): void {
    const n = this.#count;
    if (n === this.#starts.length) {
      const room = Math.max(FIRST_ROOM, n * 2);
      const starts = new Float64Array(room);
      const ends = new Float64Array(room);
      starts.set(this.#starts);
      ends.set(this.#ends);
      this.#starts = starts;
      this.#ends = ends;
    }
    if (at < n) {
      this.#starts.copyWithin(at + 1, at, n);
      this.#ends.copyWithin(at + 1, at, n);
    }
    this.#count = n + 1;
  }

  /** Drops the ranges with indexes `[from, to)`. */
  #close(from: number, to: number): void {
    if (from === to) return;
    if (to < this.#count) {
      this.#starts.copyWithin(from, to, this.#count);
      this.#ends.copyWithin(from, to, this.#count);
    }
    this.#count -= to - from;
  }

  #keepLimit(): void {
    if (this.#count <= this.#limit) return;
    // Finding the smallest gaps reads every range, so a large set makes room for many more at once.
    let merges = this.#count - (this.#limit - Math.floor(this.#limit / 8));
    const gaps = new Float64Array(this.#count - 1);
    for (let i = 0; i < gaps.length; i++) gaps[i] = this.#starts[i + 1] - this.#ends[i];
    const widest = gaps.slice().sort()[merges - 1];
    let ties = merges;
    for (const gap of gaps) if (gap < widest) ties--;
    let out = 0;
    for (let i = 1; i < this.#count; i++) {
      const gap = gaps[i - 1];
      if (merges > 0 && (gap < widest || (gap === widest && ties-- > 0))) {
        merges--;
        this.#total += gap;
        this.#ends[out] = this.#ends[i];
      } else {
        out++;
        this.#starts[out] = this.#starts[i];
        this.#ends[out] = this.#ends[i];
      }
    }
    this.#count = out + 1;
  }
}

function check(start: number, end: number): void {
  if (!(start >= 0 && start <= end && Number.isSafeInteger(start) && Number.isSafeInteger(end))) {
    throw new Fault('bug', `not a range of non-negative safe integers: [${start}, ${end})`);
  }
}
