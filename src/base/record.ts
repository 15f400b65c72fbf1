import type { Extents } from './extents.ts';

/** Where a stored record's pages lie (a file). Pages are whole and aligned. */
export interface RecordStorage {
  /** Writes one page; when it returns, a killed process has lost nothing of it (a power loss may). Throws a `Fault`. */
  writePage(index: number, bytes: Uint8Array): void;
  /** Resolves once every page written before the call survives a power loss. */
  sync(): Promise<void>;
  /** When it returns, a killed process leaves a storage as one that was never written (a power loss: after a `sync`). Throws a `Fault`. */
  empty(): void;
}

/** Why a stored record begins with everything marked, in a word for the log. */
export type RecordReset =
  | 'new' // there was none
  | 'other-volume' // it was kept for another LU, mirror or first volume
  | 'damaged' // its header failed its checksum, or the medium may have lost some of it
  | 'power-loss' // the machine went down before the record was synced
  | 'not-looking'; // a passive unit did not see what the hosts wrote while it was away

/**
 * The marks of one mirror that survive the process: chunks of the volume that may differ there.
 *
 * A mark is set before what it stands for can happen, and cleared only when the mirror holds the chunk durably and
 * nothing is under way there. The most recently marked chunks stay marked (the hot set), so that a host writing the same
 * region again costs nothing.
 */
export interface StoredRecord {
  /** Bytes of the volume that one mark stands for; more after `resize` where the volume outgrew the room for marks. */
  readonly chunkBytes: number;
  /** Set when everything was marked at opening, for this reason. */
  readonly reset: RecordReset | undefined;
  /** Chunks that are marked, and those beyond the hot set. */
  readonly marked: number;
  readonly excess: number;
  /** Marks `[offset, offset + length)` bytes, rounded outwards; in the storage when it returns. Throws a `Fault`. */
  mark(offset: number, length: number): void;
  markAll(): void;
  /**
   * What is marked below `limit` bytes, as byte ranges; the caller's own. While the volume's length is not known that is
   * everything; what was marked beyond a known length is in it from there on.
   */
  below(limit: number): Extents;
  /**
   * Identities of media that answered only after the record was opened. False: they are not those that it was kept for, and
   * everything has been marked.
   */
  identify(media: { mirrorId?: string; firstId?: string }): boolean;
  /** The volume is this long now; chunks it grew by are marked. */
  resize(bytes: number): void;
  /**
   * Chunks that may be cleared once the mirror has been flushed: beyond the hot set the least recently marked first, or
   * (with `all`) every one; none that touches `needed`. Hand the result to `clear` after the flush. Only the newest ticket
   * counts: an older one clears nothing.
   */
  candidates(needed: Extents, all: boolean): ClearTicket;
  /** Clears those chunks of the ticket that were not marked again since and that `needed` does not touch. */
  clear(ticket: ClearTicket, needed: Extents): void;
  /** True when every mark within `[offset, offset + length)` survives a power loss by now. */
  durable(offset: number, length: number): boolean;
  /** Every mark made so far survives a power loss when it resolves; calls at one time share one sync. */
  sync(): Promise<void>;
  /**
   * From here on nothing is stored, marks go on in memory alone, and the next opening finds none: everything is marked then.
   * That holds for a killed process when it returns, and survives a power loss when it resolves. Rejects with a `Fault`.
   */
  discard(): Promise<void>;
  /**
   * After `discard`: stores what is marked by now, yet nothing that an opening would believe. Resolves when that survives a
   * power loss; a further call stores what was marked since. Rejects with a `Fault`.
   */
  lay(): Promise<void>;
  /**
   * After `lay`: the storage has every mark when it returns, and is given further ones as before `discard`; all of it is
   * durable with the next `sync`. An opening may believe it from here on, also after a power loss: what was marked since the
   * last `lay` began must not happen before that `sync`. Throws a `Fault`: then it is still as after `discard`.
   */
  resume(): void;
  /** With `clean`, the next opening may believe the marks even after a power loss. */
  close(clean: boolean): Promise<void>;
}

/** Chunks to be cleared; opaque to its holder. */
export interface ClearTicket {
  readonly chunks: number;
}
