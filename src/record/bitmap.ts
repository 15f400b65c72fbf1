import { bitmapPages } from '../../parsers/formats/recordHeader.ts';
import {
  flipPageBit,
  initBitmapPage,
  PAGE_BITS_AT,
  PAGE_CRC_AT,
  RECORD_PAGE_BITS,
  RECORD_PAGE_BYTES,
  sealPage,
} from '../../parsers/formats/recordPage.ts';

/** Bytes of bits in a page. */
export const MASK_BYTES: number = PAGE_CRC_AT - PAGE_BITS_AT;
const MASK_WORDS = MASK_BYTES / 4;
const BITS_IN = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length);

/** Some bits of a page, also by fours of bytes to pass over what is empty (whatever order the machine has them in). */
export class PageMask {
  readonly bytes: Uint8Array = new Uint8Array(MASK_BYTES);
  readonly words: Uint32Array = new Uint32Array(this.bytes.buffer);
}

/**
 * One bit for each chunk, in memory as the pages that are stored: a page is ready to be written at any moment.
 *
 * `dirty` lists each page (from 0; the file has its header before them) that was changed since it was last taken from there.
 */
export class Bitmap {
  readonly chunks: number;
  readonly generation: number;
  readonly pages: readonly Uint8Array[];
  readonly dirty: number[] = [];
  /** The bits of each page by fours of bytes, to pass over what is empty. */
  readonly #words: readonly Uint32Array[];
  readonly #isDirty: Uint8Array;
  readonly #markedIn: Int32Array;
  #marked = 0;

  constructor(chunks: number, generation: number) {
    this.chunks = chunks;
    this.generation = generation;
    const count = bitmapPages(chunks);
    const room = new Uint8Array(count * RECORD_PAGE_BYTES);
    this.pages = Array.from({ length: count }, (_, i) =>
      room.subarray(i * RECORD_PAGE_BYTES, (i + 1) * RECORD_PAGE_BYTES),
    );
    this.#words = this.pages.map((page) => new Uint32Array(room.buffer, page.byteOffset + PAGE_BITS_AT, MASK_WORDS));
    this.#isDirty = new Uint8Array(count);
    this.#markedIn = new Int32Array(count);
    for (let i = 0; i < count; i++) initBitmapPage(this.pages[i], i + 1, generation);
  }

  get marked(): number {
    return this.#marked;
  }

  markedIn(page: number): number {
    return this.#markedIn[page];
  }

  has(chunk: number): boolean {
    const page = pageOf(chunk);
    const bit = chunk - page * RECORD_PAGE_BITS;
    return (this.pages[page][PAGE_BITS_AT + (bit >> 3)] & (1 << (bit & 7))) !== 0;
  }

  /** False when it was set already. */
  set(chunk: number): boolean {
    const page = pageOf(chunk);
    const bit = chunk - page * RECORD_PAGE_BITS;
    const bytes = this.pages[page];
    if ((bytes[PAGE_BITS_AT + (bit >> 3)] & (1 << (bit & 7))) !== 0) return false;
    flipPageBit(bytes, bit);
    this.#changed(page, 1);
    return true;
  }

  /** Sets `[first, end)`; returns how many of them were not set before. */
  fill(first: number, end: number): number {
    let added = 0;
    forEachPage(first, end, (page, from, to) => {
      const bytes = this.pages[page];
      let fresh = 0;
      forEachByte(from, to, (at, mask) => {
        const missing = mask & ~bytes[PAGE_BITS_AT + at];
        if (missing === 0) return;
        bytes[PAGE_BITS_AT + at] |= mask;
        fresh += BITS_IN[missing];
      });
      this.#sealed(page, fresh);
      added += fresh;
    });
    return added;
  }

  /** Takes over the bits of a stored page (4076 bytes), as far as there are chunks. */
  load(page: number, bits: Uint8Array): void {
    const bytes = this.pages[page];
    const from = page * RECORD_PAGE_BITS;
    forEachByte(0, Math.min(RECORD_PAGE_BITS, this.chunks - from), (at, mask) => {
      bytes[PAGE_BITS_AT + at] = bits[at] & mask;
      this.#markedIn[page] += BITS_IN[bits[at] & mask];
    });
    this.#marked += this.#markedIn[page];
    sealPage(bytes);
  }

  /** Clears what is set in `mask`. */
  clear(page: number, mask: PageMask): void {
    const words = this.#words[page];
    let gone = 0;
    for (let word = 0; word < MASK_WORDS; word++) {
      const both = mask.words[word] & words[word];
      if (both === 0) continue;
      words[word] ^= both;
      gone += bitsIn(both);
    }
    this.#sealed(page, -gone);
  }

  /** Copies the set bits among `from` to `to` of a page into `mask`, which has none of them; returns how many there are. */
  copy(page: number, from: number, to: number, mask: PageMask): number {
    const bytes = this.pages[page];
    const words = this.#words[page];
    let count = 0;
    for (let word = from >> 5; word << 5 < to; word++) {
      if (words[word] === 0) continue;
      if (word << 5 >= from && (word + 1) << 5 <= to) {
        mask.words[word] = words[word];
        count += bitsIn(words[word]);
        continue;
      }
      forEachByte(Math.max(from, word << 5), Math.min(to, (word + 1) << 5), (at, within) => {
        const set = bytes[PAGE_BITS_AT + at] & within;
        mask.bytes[at] |= set;
        count += BITS_IN[set];
      });
    }
    return count;
  }

  /** Calls back in order with each run `[first, end)` of set chunks. */
  forEachRun(callback: (first: number, end: number) => void): void {
    let open = -1;
    for (let page = 0; page < this.pages.length; page++) {
      if (open < 0 && this.#markedIn[page] === 0) continue;
      const base = page * RECORD_PAGE_BITS;
      const count = Math.min(RECORD_PAGE_BITS, this.chunks - base);
      const bytes = this.pages[page];
      for (let bit = 0; bit < count; bit++) {
        const byte = bytes[PAGE_BITS_AT + (bit >> 3)];
        // A whole byte at once, where it goes on as it was.
        if ((bit & 7) === 0 && byte === (open < 0 ? 0 : 255) && bit + 8 <= count) bit += 7;
        else if ((byte & (1 << (bit & 7))) === 0) {
          if (open >= 0) callback(open, base + bit);
          open = -1;
        } else if (open < 0) open = base + bit;
      }
    }
    if (open >= 0) callback(open, this.chunks);
  }

  /** Every page is to be written again. */
  allDirty(): void {
    for (let page = 0; page < this.pages.length; page++) this.#dirtied(page);
  }

  /** The page that is to be written next was written. */
  written(): void {
    this.#isDirty[this.dirty.pop() ?? 0] = 0;
  }

  #sealed(page: number, difference: number): void {
    if (difference === 0) return;
    sealPage(this.pages[page]);
    this.#changed(page, difference);
  }

  #changed(page: number, difference: number): void {
    this.#marked += difference;
    this.#markedIn[page] += difference;
    this.#dirtied(page);
  }

  #dirtied(page: number): void {
    if (this.#isDirty[page] !== 0) return;
    this.#isDirty[page] = 1;
    this.dirty.push(page);
  }
}

/** Bits that are set in 32: sums of neighbours, in pairs, then fours, then bytes. */
export function bitsIn(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555);
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

export function pageOf(chunk: number): number {
  return Math.floor(chunk / RECORD_PAGE_BITS);
}

/** Calls back with each page that `[first, end)` touches and the bits `[from, to)` of it. */
export function forEachPage(
  first: number,
  end: number,
  callback: (page: number, from: number, to: number) => void,
): void {
  for (let at = first; at < end; ) {
    const page = pageOf(at);
    const base = page * RECORD_PAGE_BITS;
    const to = Math.min(end - base, RECORD_PAGE_BITS);
    callback(page, at - base, to);
    at = base + to;
  }
}

/** Calls back with each byte that the bits `[from, to)` touch and those bits of it. */
export function forEachByte(from: number, to: number, callback: (at: number, mask: number) => void): void {
  for (let bit = from; bit < to; ) {
    const low = bit & 7;
    const high = Math.min(8, low + to - bit);
    callback(bit >> 3, ((1 << high) - 1) & ~((1 << low) - 1));
    bit += high - low;
  }
}
