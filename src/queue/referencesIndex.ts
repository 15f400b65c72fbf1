/** A run of bytes. Its end may move while it stands in an index, its offset may not. */
export interface Run {
  readonly offset: number;
  readonly length: number;
}

/** A chunk of so many is cut in two: what an insertion moves stays short however many runs there are. */
const CHUNK_MAX = 256;

/** Neighbours, never none. The offsets stand apart, so that a search touches little memory. */
interface Chunk<T> {
  readonly offsets: number[];
  readonly runs: T[];
}

/** Runs that do not overlap, by their place. A look that finds nothing allocates nothing. */
export class SegmentIndex<T extends Run> {
  readonly #chunks: Chunk<T>[] = [];
  /** The lowest offset of each chunk. */
  readonly #firsts: number[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** True when some run holds a byte of `[start, end)`. */
  touches(start: number, end: number): boolean {
    if (this.#count === 0) return false;
    // The last run that begins before the end: those before it end before it begins.
    const { offsets, runs } = this.#chunks[this.#chunkOf(end - 1)];
    const at = atOrBefore(offsets, end - 1);
    return at >= 0 && runs[at].offset + runs[at].length > start;
  }

  /** The runs that hold a byte of `[start, end)`, in order. */
  within(start: number, end: number): T[] {
    const found: T[] = [];
    if (this.#count === 0) return found;
    const first = this.#chunkOf(start);
    let at = Math.max(0, atOrBefore(this.#chunks[first].offsets, start));
    for (let i = first; i < this.#chunks.length; i++, at = 0) {
      for (const { runs } = this.#chunks[i]; at < runs.length; at++) {
        const run = runs[at];
        if (run.offset >= end) return found;
        if (run.offset + run.length > start) found.push(run);
      }
    }
    return found;
  }

  /** One that overlaps none that is here. */
  insert(run: T): void {
    const { offset } = run;
    this.#count++;
    if (this.#chunks.length === 0) {
      this.#chunks.push({ offsets: [offset], runs: [run] });
      this.#firsts.push(offset);
      return;
    }
    const i = this.#chunkOf(offset);
    const { offsets, runs } = this.#chunks[i];
    const at = atOrBefore(offsets, offset) + 1;
    offsets.splice(at, 0, offset);
    runs.splice(at, 0, run);
    this.#firsts[i] = offsets[0];
    if (runs.length <= CHUNK_MAX) return;
    const behind = { offsets: offsets.splice(CHUNK_MAX / 2), runs: runs.splice(CHUNK_MAX / 2) };
    this.#chunks.splice(i + 1, 0, behind);
    this.#firsts.splice(i + 1, 0, behind.offsets[0]);
  }

  /** One that is here. */
  remove({ offset }: T): void {
    const i = this.#chunkOf(offset);
    const { offsets, runs } = this.#chunks[i];
    const at = atOrBefore(offsets, offset);
    offsets.splice(at, 1);
    runs.splice(at, 1);
    this.#count--;
    if (runs.length > 0) {
      this.#firsts[i] = offsets[0];
      return;
    }
    this.#chunks.splice(i, 1);
    this.#firsts.splice(i, 1);
  }

  /** The last chunk that begins at or before `at`, or the first one. */
  #chunkOf(at: number): number {
    return Math.max(0, atOrBefore(this.#firsts, at));
  }
}

/** Index of the last of the sorted numbers that is at most `value`; -1 when there is none. */
function atOrBefore(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const mid = (low + high) >>> 1;
    if (sorted[mid] <= value) low = mid + 1;
    else high = mid;
  }
  return low - 1;
}

/** Index of the first of the sorted runs that ends behind `at`: it holds `at`, or lies behind it. */
export function firstEndingAfter(runs: readonly Run[], at: number): number {
  let low = 0;
  let high = runs.length;
  while (low < high) {
    const mid = (low + high) >>> 1;
    if (runs[mid].offset + runs[mid].length > at) high = mid;
    else low = mid + 1;
  }
  return low;
}
