import type { Barrier, Change, Doubt } from './change.ts';
import type { Extents } from './extents.ts';

/** Why a block may differ at one mirror: its change's own doubt, or a change that this mirror never wrote. */
export type Reason = Doubt | 'not-written';

/** What stands in a volume's ring, in the order the bus gave it: exactly one of the two is there. */
export interface Entry {
  readonly change: Change | undefined;
  readonly barrier: Barrier | undefined;
}

/** One mirror's place in a volume's ring: the entries it has not taken yet, oldest first. */
export interface Backlog {
  /** Entries not yet taken. */
  readonly length: number;
  /** Entries of the ring before the next one, ever since it began; `position + length` is one past the newest. */
  readonly position: number;
  /** Position of the oldest change that is not `done`, taken or not: everything before it this mirror has, or counts as doubt. */
  readonly oldest: number;
  peek(): Entry | undefined;
  /**
   * True when this mirror lost the data of the entry that `peek` shows: its pieces count as LBN-only.
   * An entry that is peeked only may still be lost; one that is taken is kept until `done`.
   */
  readonly lost: boolean;
  /** Moves past the entry that `peek` shows. */
  take(): void;
  /** The mirror needs this taken entry's data no longer. Once per entry, and not for one that was taken as lost. */
  done(entry: Entry): void;
  forEach(callback: (entry: Entry, lost: boolean) => void): void;
}

/** What one mirror is not known to have right. Offsets and lengths in bytes, kept in whole blocks. */
export interface DoubtRecord {
  /** Bytes per block, for rounding; may be set once it is learned. */
  blockSize: number;
  readonly isEmpty: boolean;
  /** Rounded outwards to whole blocks. */
  add(offset: number, length: number, reason: Reason): void;
  addWhole(reason: Reason): void;
  /** Rounded inwards to whole blocks: a part of a block proves nothing of the rest. */
  clear(offset: number, length: number): void;
  intersects(start: number, end: number): boolean;
  /** Everything below `limit` bytes as one set of byte ranges; the caller's own. */
  below(limit: number): Extents;
}
