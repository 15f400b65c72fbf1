import type { DoubtRecord } from '../base/backlog.ts';
import { Extents } from '../base/extents.ts';
import { WHOLE } from './doubts.ts';

/** Ranges that are told apart; more grow together. */
const RANGES_MAX = 65_536;

/**
 * What is not known of an ordered mirror as it will be once everything appended so far is applied, in whole blocks.
 *
 * It is part of what the mirror's record names: the record lets go of blocks only when what settled them is durable.
 */
export class Unknown {
  readonly #record: DoubtRecord;
  #ranges = new Extents(RANGES_MAX);

  constructor(record: DoubtRecord) {
    this.#record = record;
  }

  get blockSize(): number {
    return this.#record.blockSize;
  }

  /** Begins anew with what the record names. */
  begin(): void {
    this.#ranges = new Extents(RANGES_MAX);
    for (const [start, length] of this.#record.below(WHOLE).toRanges()) this.#ranges.add(start, start + length);
  }

  /** `[start, end)`, which are whole blocks. */
  add(start: number, end: number): void {
    this.#ranges.add(start, end);
  }

  /** Rounded inwards to whole blocks: a part of a block proves nothing of the rest. */
  clear(start: number, end: number): void {
    if (this.#ranges.isEmpty) return;
    const { blockSize } = this;
    const from = Math.ceil(start / blockSize) * blockSize;
    const to = Math.floor(end / blockSize) * blockSize;
    if (from < to) this.#ranges.remove(from, to);
  }

  intersects(start: number, end: number): boolean {
    return this.#ranges.intersects(start, end);
  }

  forEachIn(start: number, end: number, callback: (start: number, end: number) => void): void {
    this.#ranges.forEachIn(start, end, callback);
  }

  below(limit: number): Extents {
    const below = new Extents();
    this.#ranges.forEachIn(0, limit, (start, end) => below.add(start, end));
    return below;
  }
}
