import { RECORD_PAGE_BITS } from '../../parsers/formats/recordPage.ts';
import type { ClearTicket } from '../base/record.ts';
import { type Bitmap, bitsIn, forEachByte, forEachPage, PageMask, pageOf } from './bitmap.ts';

/** Chunks that may be cleared, page by page; a chunk that is marked again is dropped from it. */
export class Ticket implements ClearTicket {
  /** Hot chunks too. */
  readonly all: boolean;
  #chunks = 0;
  readonly #masks = new Map<number, PageMask>();

  constructor(all: boolean) {
    this.all = all;
  }

  get chunks(): number {
    return this.#chunks;
  }

  /** Takes in what is set among `[first, end)`, in the pages that `wanted` names. */
  take(bitmap: Bitmap, first: number, end: number, wanted: (page: number) => boolean): void {
    forEachPage(first, end, (page, from, to) => {
      if (!wanted(page)) return;
      const mask = this.#masks.get(page) ?? new PageMask();
      const count = bitmap.copy(page, from, to, mask);
      if (count === 0) return;
      this.#masks.set(page, mask);
      this.#chunks += count;
    });
  }

  drop(chunk: number): void {
    const page = pageOf(chunk);
    const mask = this.#masks.get(page)?.bytes;
    if (mask === undefined) return;
    const bit = chunk - page * RECORD_PAGE_BITS;
    if ((mask[bit >> 3] & (1 << (bit & 7))) === 0) return;
    mask[bit >> 3] ^= 1 << (bit & 7);
    this.#chunks--;
  }

  dropRun(first: number, end: number): void {
    forEachPage(first, end, (page, from, to) => {
      const mask = this.#masks.get(page)?.bytes;
      if (mask === undefined) return;
      forEachByte(from, to, (at, within) => {
        this.#chunks -= bitsIn(mask[at] & within);
        mask[at] &= ~within;
      });
    });
  }

  forEachPage(callback: (page: number, mask: PageMask) => void): void {
    for (const [page, mask] of this.#masks) callback(page, mask);
  }
}
