/** A run of bytes. */
export interface Run {
  readonly offset: number;
  readonly length: number;
}

/** A chunk of so many is cut in two: what an insertion moves stays short however many runs there are. */
const CHUNK_MAX = 256;

/** Runs that do not overlap, by their place. A look that finds nothing allocates nothing. */
export class SegmentIndex<T extends Run> {
  /** Sorted, and none is empty. */
  #chunks: T[][] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** True when some run holds a byte of `[start, end)`. */
  touches(start: number, end: number): boolean {
    if (this.#count === 0) return false;
    const chunk = this.#chunks[this.#chunkOf(start)];
    const at = firstEndingAfter(chunk, start);
    return at < chunk.length && chunk[at].offset < end;
  }

  /** The runs that hold a byte of `[start, end)`, in order. */
  within(start: number, end: number): T[] {
    const found: T[] = [];
    if (this.#count === 0) return found;
    const first = this.#chunkOf(start);
    let at = firstEndingAfter(this.#chunks[first], start);
    for (let i = first; i < this.#chunks.length; i++, at = 0) {
      const chunk = this.#chunks[i];
      for (; at < chunk.length; at++) {
        if (chunk[at].offset >= end) return found;
        found.push(chunk[at]);
      }
    }
    return found;
  }

  /** One that overlaps none that is here. */
  insert(segment: T): void {
    this.#count++;
    if (this.#chunks.length === 0) {
      this.#chunks.push([segment]);
      return;
    }
    const i = this.#chunkOf(segment.offset);
    const chunk = this.#chunks[i];
    chunk.splice(firstEndingAfter(chunk, segment.offset), 0, segment);
    if (chunk.length > CHUNK_MAX) this.#chunks.splice(i + 1, 0, chunk.splice(CHUNK_MAX / 2));
  }

  remove(segment: T): void {
    const i = this.#chunkOf(segment.offset);
    const chunk = this.#chunks[i];
    chunk.splice(firstEndingAfter(chunk, segment.offset), 1);
    this.#count--;
    if (chunk.length === 0) this.#chunks.splice(i, 1);
  }

  clear(): void {
    this.#chunks = [];
    this.#count = 0;
  }

  /** The first chunk whose last run ends behind `at`, or the last one. */
  #chunkOf(at: number): number {
    const chunks = this.#chunks;
    let low = 0;
    let high = chunks.length - 1;
    while (low < high) {
      const mid = (low + high) >>> 1;
      const chunk = chunks[mid];
      const { offset, length } = chunk[chunk.length - 1];
      if (offset + length > at) high = mid;
      else low = mid + 1;
    }
    return low;
  }
}

/** Index of the first of the sorted runs that ends behind `at`: it holds `at`, or lies behind it. */
export function firstEndingAfter(chunk: readonly Run[], at: number): number {
  let low = 0;
  let high = chunk.length;
  while (low < high) {
    const mid = (low + high) >>> 1;
    if (chunk[mid].offset + chunk[mid].length > at) high = mid;
    else low = mid + 1;
  }
  return low;
}
