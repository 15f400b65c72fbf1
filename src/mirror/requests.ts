import type { Change, Piece } from '../base/change.ts';
import type { Fault } from '../base/fault.ts';

/** What a mirror tells: always true of now, in the order an operator asks for them. */
export type MirrorState = 'equal' | 'behind' | 'copying' | 'repairing' | 'paused' | 'broken';

/** What a mirror wants done. Every request but `notice` and `landed` is answered by `done` or `failed` with its `id`. */
export type MirrorRequest =
  /**
   * Pieces sorted by offset, without overlap, none LBN-only or an OR, to be written to the mirror; each with the `seq` of
   * its change.
   */
  | { kind: 'writev'; id: number; pieces: readonly Piece[]; seqs: readonly number[]; fua: boolean }
  | { kind: 'zero'; id: number; offset: number; length: number; seq: number }
  /** The mirror's own bytes with `parts`, together `length` bytes, ORed into them. */
  | { kind: 'or'; id: number; offset: number; length: number; seq: number; parts: readonly Uint8Array[]; fua: boolean }
  | { kind: 'flush'; id: number }
  /** The mirror must become at least this long. */
  | { kind: 'grow'; id: number; bytes: number }
  /** Bytes to be read from the first volume and written to the mirror at the same offset. */
  | { kind: 'copy'; id: number; offset: number; length: number }
  /**
   * For those who refer to this mirror's blocks: it is through with change `seq`, which has a lease; `written`: with all of
   * its data.
   */
  | { kind: 'landed'; seq: number; written: boolean }
  /** Something an operator should read. */
  | { kind: 'notice'; text: string };

export type MirrorInput =
  /** The backlog has entries. */
  | { kind: 'more' }
  | { kind: 'done'; id: number }
  /** `source`: a copy could not be read; everything else failed at the mirror itself. */
  | { kind: 'failed'; id: number; fault: Fault; source: boolean }
  /** The backlog gave this change up for this mirror, before it was taken. */
  | { kind: 'missed'; change: Change }
  /** What the bus told; 0 while unknown. `capacity` in bytes. */
  | { kind: 'facts'; blockSize: number; capacity: number }
  /** The mirror's medium is this long now. */
  | { kind: 'size'; bytes: number }
  /** Read what is in doubt back from a first volume of `limit` bytes. */
  | { kind: 'resolve'; limit: number }
  /** Start no more copies. */
  | { kind: 'stop' }
  /** Its medium failed outside of any request, a flush for example. */
  | { kind: 'broken'; fault: Fault }
  /** A broken mirror's medium answers again and is this long: what it missed stands in the record. */
  | { kind: 'mended'; bytes: number }
  /** So many more bytes may be copied; only where copies are metered. */
  | { kind: 'credit'; bytes: number }
  /** Everything up to this number of the order that the volume shares with others has been pushed (C5). */
  | { kind: 'reach'; order: number }
  /** The unit is stopping: bookmarks wait for nothing any more. */
  | { kind: 'hurry' }
  /** Make everything durable once the backlog is written. */
  | { kind: 'flush' };
