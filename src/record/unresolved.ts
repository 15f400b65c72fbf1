import type { DoubtRecord, Reason } from '../base/backlog.ts';
import { Extents } from '../base/extents.ts';

const RANGES_MAX = 65_536;
/** Where a LU of unknown capacity ends. */
const WHOLE_END = Number.MAX_SAFE_INTEGER;

/**
 * One mirror's record in memory: the blocks that are not known to equal the volume, with the reasons.
 *
 * Kept in bytes, in whole blocks, one bounded set for each reason; a block may be there for several. A LU in doubt
 * whole is the range up to 2^53-1: its capacity cuts it when it is read, so the capacity may be learned later.
 */
export class Unresolved implements DoubtRecord {
  blockSize = 512;
  readonly #rangesMax: number;
  readonly #sets = new Map<Reason, Extents>();

  constructor(rangesMax: number = RANGES_MAX) {
    this.#rangesMax = rangesMax;
  }

  get isEmpty(): boolean {
    for (const set of this.#sets.values()) if (!set.isEmpty) return false;
    return true;
  }

  add(offset: number, length: number, reason: Reason): void {
    if (length === 0) return;
    const size = this.blockSize;
    const start = Math.floor(offset / size) * size;
    const end = Math.min(Math.ceil((offset + length) / size) * size, WHOLE_END);
    this.#set(reason).add(start, end);
  }

  addWhole(reason: Reason): void {
    this.#set(reason).add(0, WHOLE_END);
  }

  clear(offset: number, length: number): void {
    if (this.#sets.size === 0) return;
    const size = this.blockSize;
    const start = Math.ceil(offset / size) * size;
    const end = Math.floor((offset + length) / size) * size;
    if (start >= end) return;
    for (const set of this.#sets.values()) set.remove(start, end);
  }

  intersects(start: number, end: number): boolean {
    for (const set of this.#sets.values()) if (set.intersects(start, end)) return true;
    return false;
  }

  below(limit: number): Extents {
    const union = new Extents();
    for (const set of this.#sets.values()) set.forEachIn(0, limit, (start, end) => union.add(start, end));
    return union;
  }

  /** Calls back with each range of bytes below `limit` and its reason; a block with two reasons is in both. */
  forEachBelow(limit: number, callback: (reason: Reason, start: number, end: number) => void): void {
    for (const [reason, set] of this.#sets) {
      set.forEachIn(0, limit, (start, end) => callback(reason, start, end));
    }
  }

  /** One past the highest byte that was named itself, not only as part of the LU whole. */
  get namedEnd(): number {
    let end = 0;
    for (const set of this.#sets.values()) {
      const last = set.last();
      if (last) end = Math.max(end, last[1] === WHOLE_END ? last[0] : last[1]);
    }
    return end;
  }

  #set(reason: Reason): Extents {
    let set = this.#sets.get(reason);
    if (!set) {
      set = new Extents(this.#rangesMax);
      this.#sets.set(reason, set);
    }
    return set;
  }
}
