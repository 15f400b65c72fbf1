const PAGE_BLOCKS = 32_768;

/** Which blocks were written: a bit each, as many pages of them as are needed. */
export class WrittenBlocks {
  readonly #blockSize: number;
  readonly #pages = new Map<number, Uint8Array>();

  constructor(blockSize: number) {
    this.#blockSize = blockSize;
  }

  get isEmpty(): boolean {
    return this.#pages.size === 0;
  }

  /** The block in which this byte lies was written. */
  has(offset: number): boolean {
    return this.#has(Math.floor(offset / this.#blockSize));
  }

  /** Every block that `[start, end)` touches was written. */
  add(start: number, end: number): void {
    const last = Math.ceil(end / this.#blockSize);
    for (let block = Math.floor(start / this.#blockSize); block < last; block++) {
      const number = Math.floor(block / PAGE_BLOCKS);
      let page = this.#pages.get(number);
      if (page === undefined) {
        page = new Uint8Array(PAGE_BLOCKS / 8);
        this.#pages.set(number, page);
      }
      const bit = block % PAGE_BLOCKS;
      page[bit >> 3] |= 1 << (bit & 7);
    }
  }

  /** Calls back with all of `[start, end)`, in runs of blocks that were all written or all not. */
  forEachRun(start: number, end: number, callback: (start: number, end: number, written: boolean) => void): void {
    for (let from = start; from < end; ) {
      let block = Math.floor(from / this.#blockSize);
      const written = this.#has(block);
      while (block * this.#blockSize < end && this.#has(block) === written) block = this.#after(block, written);
      const to = Math.min(block * this.#blockSize, end);
      callback(from, to, written);
      from = to;
    }
  }

  #has(block: number): boolean {
    const page = this.#pages.get(Math.floor(block / PAGE_BLOCKS));
    const bit = block % PAGE_BLOCKS;
    return page !== undefined && (page[bit >> 3] & (1 << (bit & 7))) !== 0;
  }

  /** The next block; where a page is missing, the first one of the next page. */
  #after(block: number, written: boolean): number {
    const page = Math.floor(block / PAGE_BLOCKS);
    return written || this.#pages.has(page) ? block + 1 : (page + 1) * PAGE_BLOCKS;
  }
}
