import { FAN_OUT } from '../base/blocks.ts';
import { copyOf } from '../base/bytes.ts';
import { FLAG_BYTES, FLAGS_PAGE, SECTION_GROUPS, sectionOf } from './geometry.ts';

const ONES: Uint8Array = Uint8Array.from({ length: 256 }, (_, n) => {
  let ones = 0;
  for (let left = n; left > 0; left >>= 1) ones += left & 1;
  return ones;
});

/** Which blocks' checksums are true of now, in memory, by groups of 64. A section of which none is takes no room. */
export class Flags {
  readonly #sections: (Uint8Array | undefined)[] = [];
  /** Of each section the blocks that are set. */
  readonly #counts: number[] = [];
  /** Of all. */
  count = 0;

  /** The flags of a section as they were stored; `blocks` of it are within the volume, and others are left out. */
  load(section: number, page: Uint8Array, blocks: number): void {
    const own = copyOf(page, 0, FLAGS_PAGE);
    for (let bit = blocks; bit < SECTION_GROUPS * FAN_OUT; bit++) own[bit >> 3] &= ~(1 << (bit & 7));
    let count = 0;
    for (const byte of own) count += ONES[byte];
    this.#sections[section] = count > 0 ? own : undefined;
    this.count += count - this.countOf(section);
    this.#counts[section] = count;
  }

  countOf(section: number): number {
    return this.#counts[section] ?? 0;
  }

  has(block: number): boolean {
    const page = this.#sections[sectionOf(Math.floor(block / FAN_OUT))];
    const bit = block % (SECTION_GROUPS * FAN_OUT);
    return page !== undefined && (page[bit >> 3] & (1 << (bit & 7))) !== 0;
  }

  /** The flags of a group, to be looked at only; undefined: none of its section is set. */
  of(group: number): Uint8Array | undefined {
    const at = (group % SECTION_GROUPS) * FLAG_BYTES;
    return this.#sections[sectionOf(group)]?.subarray(at, at + FLAG_BYTES);
  }

  /** Blocks of a group that are set. */
  countIn(group: number): number {
    const page = this.#sections[sectionOf(group)];
    if (!page) return 0;
    const at = (group % SECTION_GROUPS) * FLAG_BYTES;
    let count = 0;
    for (let i = at; i < at + FLAG_BYTES; i++) count += ONES[page[i]];
    return count;
  }

  /** Takes out blocks `from` to `to` (both of the group, both included); false when none of them was set. */
  clear(group: number, from: number, to: number): boolean {
    const section = sectionOf(group);
    const page = this.#sections[section];
    if (!page) return false;
    const at = (group % SECTION_GROUPS) * FLAG_BYTES;
    let gone = 0;
    for (let byte = from >> 3; byte <= to >> 3; byte++) {
      const low = byte === from >> 3 ? from & 7 : 0;
      const high = byte === to >> 3 ? to & 7 : 7;
      const mask = (0xff << low) & (0xff >> (7 - high));
      gone += ONES[page[at + byte] & mask];
      page[at + byte] &= ~mask;
    }
    this.#counts[section] -= gone;
    this.count -= gone;
    return gone > 0;
  }

  set(group: number, block: number): void {
    const section = sectionOf(group);
    this.#sections[section] ??= new Uint8Array(FLAGS_PAGE);
    const page = this.#sections[section];
    const at = (group % SECTION_GROUPS) * FLAG_BYTES + (block >> 3);
    const bit = 1 << (block & 7);
    if ((page[at] & bit) !== 0) return;
    page[at] |= bit;
    this.#counts[section] = this.countOf(section) + 1;
    this.count++;
  }

  /** Calls back with each section that has any. */
  forEachSection(callback: (section: number) => void): void {
    for (let section = 0; section < this.#counts.length; section++) if (this.countOf(section) > 0) callback(section);
  }

  clearAll(): void {
    this.#sections.length = 0;
    this.#counts.length = 0;
    this.count = 0;
  }
}
