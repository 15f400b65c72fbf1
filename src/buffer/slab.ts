/**
 * One part of the room's memory, lent in runs of pages.
 *
 * Boundary tags: the first and the last page of every run hold its length, positive where lent and negative where
 * free, so that a given run finds its free neighbours without a search. First fit keeps a small run on few, warm pages.
 */
export class Slab {
  readonly bytes: Uint8Array;
  readonly #tags: Int32Array;
  #free: number;

  /** The memory is reserved by the system at once and occupied only where it is written. */
  constructor(pages: number, pageSize: number) {
    this.bytes = new Uint8Array(pages * pageSize);
    this.#tags = new Int32Array(pages);
    this.#free = pages;
    this.#mark(0, -pages);
  }

  /** Pages that are not lent. */
  get free(): number {
    return this.#free;
  }

  /** First page of a run of at least `min` and at most `max` pages, or -1. `lengthAt` tells how many they are. */
  take(min: number, max: number): number {
    if (min > this.#free) return -1;
    const tags = this.#tags;
    for (let at = 0; at < tags.length; at += Math.abs(tags[at])) {
      const length = -tags[at];
      if (length < min) continue;
      const taken = Math.min(length, max);
      this.#mark(at, taken);
      if (taken < length) this.#mark(at + taken, taken - length);
      this.#free -= taken;
      return at;
    }
    return -1;
  }

  /** Pages of the lent run that starts at `page`. */
  lengthAt(page: number): number {
    return this.#tags[page];
  }

  /** Takes back the lent run that starts at `page`. */
  give(page: number): void {
    const tags = this.#tags;
    const length = tags[page];
    this.#free += length;
    let start = page;
    let end = page + length;
    if (start > 0 && tags[start - 1] < 0) start += tags[start - 1];
    if (end < tags.length && tags[end] < 0) end -= tags[end];
    this.#mark(start, start - end);
  }

  #mark(start: number, tag: number): void {
    this.#tags[start] = tag;
    this.#tags[start + Math.abs(tag) - 1] = tag;
  }
}
