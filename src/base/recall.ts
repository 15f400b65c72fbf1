import type { Change, Piece } from './change.ts';

/**
 * Blocks of a local mirror to which an ordered mirror's entries still refer (requirement C4). The local mirror's pump
 * holds each write back until the guard has saved what the write would destroy.
 */
export interface WriteGuard {
  /**
   * The bytes `[offset, offset + length)` of the local mirror are about to be written: by change `seq`, or (positive
   * infinity) by a copy from the first volume. The write begins when the promise resolves, at once where there is none.
   * It never rejects, and resolves whatever becomes of the references: what cannot be saved is lost to them.
   *
   * Writes of one mirror that touch the same bytes are under way one after the other, in the order of their changes;
   * a copy is never under way together with a write of the same bytes.
   */
  before(offset: number, length: number, seq: number): Promise<void> | undefined;
  /**
   * The local mirror is through with change `seq`. With `written` each of the change's pieces that names its data is there;
   * without, any of them may be missing (the mirror had lost it, is broken, or failed). Told once for each change with a
   * lease, in the order in which they end, after the last request that carried a part of it.
   */
  done(seq: number, written: boolean): void;
}

/** Brings back the data that an ordered mirror's entry has lost, while what it refers to is kept (requirement C4). */
export interface Recaller {
  /** The link has no room for the data of `change`, which was pushed this moment: no mirror has begun to write it. */
  refer(change: Change): void;
  /**
   * The data of pieces of a referred change: bytes as the local mirror held them once it had written the change and
   * nothing that came after. Waits until the mirror has. What cannot be had is left out: the answer covers as much of
   * `pieces` as is known, sorted by offset, without overlap. The bytes are the caller's own from then on. Never rejects.
   * Afterwards nothing refers to the change any more. Of a change that was never referred nothing is known.
   */
  recall(seq: number, pieces: readonly Piece[]): Promise<readonly Piece[]>;
  /** The entry is not going to be recalled. A change that is not referred changes nothing. */
  drop(seq: number): void;
}

/** The copy-out of one ordered mirror over the local mirror that its entries refer to. */
export interface CopyOut extends WriteGuard, Recaller {}
