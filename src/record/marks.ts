import { headerPage, type RecordHeader } from '../../parsers/formats/recordHeader.ts';
import { Extents } from '../base/extents.ts';
import { Fault } from '../base/fault.ts';
import type { ClearTicket, RecordReset, RecordStorage, StoredRecord } from '../base/record.ts';
import { type Bitmap, pageOf } from './bitmap.ts';
import { geometryOf, refit } from './geometry.ts';
import { HotSet } from './hotSet.ts';
import { Pending } from './pending.ts';
import { beginningOf, type Keeping, nextGeneration } from './stored.ts';
import { Ticket } from './ticket.ts';

/** Chunks in the hot set at most, whatever is configured: it costs about 60 bytes each. */
const HOT_CHUNKS_MAX = 262_144;
/** A longer run of chunks (a large UNMAP, a whole LU) is marked without driving everything else out of the hot set. */
const HOT_RUN_MAX = 256;
/** Ranges that `below` tells apart; beyond it covers more, never less. */
const RANGES_MAX = 65_536;

/**
 * A mirror's marks, in memory and in a storage.
 *
 * Ordering (DESIGN, "Persistence"):
 * 1. a mark is in the storage when `mark` (or `hold` and `write`) returns, and only then may what it stands for begin: a killed
 *    process loses none. A mark that is there already costs a move in the hot set;
 * 2. it is durable when a later `sync` resolves, and `durable` says so; where marks have to survive a power loss, what a mark
 *    stands for begins only then;
 * 3. a mark is cleared when the mirror was flushed after the ticket was made, and a chunk that was marked since stays. Clearing
 *    needs no sync: a clear that is lost costs a comparison;
 * 4. opening: what was stored is made durable, then the header that says "in use, by this boot" is, before anything may be
 *    marked: a clean header can never stand over marks that came after it. Closing clean: the marks are, then the header;
 * 5. another size or geometry is another generation: every page is written anew, the header last, and a page of another
 *    generation than its header's counts as marked. Any mixture that a power loss leaves is read as more marks, never fewer;
 * 6. after `discard` the storage is empty, and whoever opens it marks everything, until `resume` writes the header: every
 *    page that `lay` wrote is durable then, and those of later marks were written before it.
 *
 * What the storage lacks because writing failed is owed: every later `mark` writes it first, or throws again.
 * Nothing is stored for what lies beyond the length that is known: growing to it marks it.
 */
export class Marks implements StoredRecord {
  /** Bytes of the volume whose pages were torn or damaged, and count as marked therefore. */
  readonly damagedBytes: number;
  readonly reset: RecordReset | undefined;
  readonly #storage: RecordStorage;
  readonly #hotBytes: number;
  readonly #release: () => Promise<void>;
  #header: RecordHeader;
  #bitmap: Bitmap;
  #hot: HotSet = new HotSet(0);
  /** Hot chunks in each page. */
  #hotIn: Int32Array = new Int32Array(0);
  /** The newest one: another takes its place. */
  #ticket: Ticket | undefined;
  #headerOwed = false;
  /** Something was marked beyond the length that is known. */
  #beyond = false;
  /** Counts what has to be durable, and how much of it is. */
  #fresh = 0;
  #durable = 0;
  readonly #pending = new Pending();
  #discarded = false;
  /** Every page was written since the storage was emptied, those that are not dirty. */
  #laid = false;
  #closed = false;

  private constructor(
    storage: RecordStorage,
    stored: Uint8Array | undefined,
    keeping: Keeping,
    release: () => Promise<void>,
  ) {
    this.#storage = storage;
    this.#release = release;
    this.#hotBytes = keeping.hotBytes;
    const { reset, damagedBytes, header, bitmap } = beginningOf(stored, keeping);
    this.reset = reset;
    this.damagedBytes = damagedBytes;
    this.#header = header;
    this.#bitmap = bitmap;
    this.#startHot();
  }

  /**
   * `stored` is what the storage holds from its first byte on (nothing: a new one; undefined: it may have lost some of it). None of it
   * is kept. `release` gives the storage back when the record is closed, not when opening fails.
   */
  static async open(
    storage: RecordStorage,
    stored: Uint8Array | undefined,
    keeping: Keeping,
    release: () => Promise<void> = async () => {},
  ): Promise<Marks> {
    const marks = new Marks(storage, stored, keeping, release);
    marks.write();
    await storage.sync();
    marks.#headerOwed = true;
    marks.write();
    await storage.sync();
    return marks;
  }

  get chunkBytes(): number {
    return this.#header.chunkBytes;
  }

  get marked(): number {
    return this.#bitmap.marked;
  }

  get excess(): number {
    return this.#bitmap.marked - this.#hot.size;
  }

  mark(offset: number, length: number): void {
    this.hold(offset, length);
    this.write();
  }

  /** Marks in memory only: `write` must follow before what the mark stands for can happen. Several holds make one write. */
  hold(offset: number, length: number): void {
    if (!(offset >= 0 && length >= 0)) throw new Fault('bug', `not a run of bytes: ${length} at ${offset}`);
    if (this.#closed) throw new Fault('bug', 'a record was marked after it was closed');
    if (length === 0) return;
    const { bytes, chunkBytes } = this.#header;
    const end = offset + length;
    // Up to 2^53-1 means: the whole volume, however long it is.
    if (end > bytes && end < Number.MAX_SAFE_INTEGER) this.#beyond = true;
    const first = Math.floor(offset / chunkBytes);
    const last = Math.min(Math.floor((end - 1) / chunkBytes), this.#bitmap.chunks - 1);
    // The usual one: the same chunk again.
    if (first === last && this.#ticket === undefined && first === this.#hot.newest) return;
    if (last - first >= HOT_RUN_MAX) this.#holdRun(first, last + 1);
    else for (let chunk = first; chunk <= last; chunk++) this.#holdChunk(chunk);
  }

  /** The storage has everything that was marked when it returns. Throws a `Fault`. */
  write(): void {
    if (this.#discarded) return;
    const bitmap = this.#bitmap;
    if (bitmap.dirty.length > 0) writeDirty(this.#storage, bitmap);
    if (!this.#headerOwed) return;
    this.#storage.writePage(0, headerPage(this.#header));
    this.#headerOwed = false;
  }

  markAll(): void {
    this.#holdRun(0, this.#bitmap.chunks);
    this.write();
  }

  below(limit: number): Extents {
    const ranges = new Extents(RANGES_MAX);
    const { bytes, chunkBytes } = this.#header;
    this.#bitmap.forEachRun((first, end) => {
      if (first * chunkBytes < limit) ranges.add(first * chunkBytes, Math.min(end * chunkBytes, limit));
    });
    if (limit > bytes && (bytes === 0 || this.#beyond)) ranges.add(bytes, limit);
    return ranges;
  }

  resize(bytes: number): void {
    const header = this.#header;
    if (bytes === header.bytes) return;
    const geometry = geometryOf(bytes, header.chunkBytes);
    const bitmap = refit(this.#bitmap, header, geometry, nextGeneration(header.generation));
    bitmap.allDirty();
    const resized = { ...header, ...geometry, generation: bitmap.generation };
    try {
      if (!this.#discarded) {
        // From the end on: where the storage has no room for it, nothing has been touched.
        writeDirty(this.#storage, bitmap);
        this.#storage.writePage(0, headerPage(resized));
      }
    } catch (error) {
      this.#oweAll();
      throw error;
    }
    this.#header = resized;
    this.#bitmap = bitmap;
    this.#beyond = false;
    this.#startHot();
    this.#nothingDurable();
  }

  /**
   * Identities that were learned after opening. False: one of them is not the medium that the record was kept for, and everything
   * is marked now.
   */
  identify(ids: { readonly mirrorId?: string; readonly firstId?: string }): boolean {
    const { mirrorId = this.#header.mirrorId, firstId = this.#header.firstId } = ids;
    const { mirrorId: oldMirror = mirrorId, firstId: oldFirst = firstId } = this.#header;
    const same = mirrorId === oldMirror && firstId === oldFirst;
    if (mirrorId !== this.#header.mirrorId || firstId !== this.#header.firstId) {
      this.#header = { ...this.#header, mirrorId, firstId };
      this.#headerOwed = true;
      this.#fresh++;
    }
    if (same) this.write();
    else this.markAll();
    return same;
  }

  /** The one ticket that counts is the newest: with an older one `clear` clears nothing. */
  candidates(needed: Extents, all: boolean): ClearTicket {
    const ticket = new Ticket(all);
    if (all ? this.marked > 0 : this.excess > 0) {
      const bitmap = this.#bitmap;
      const hotIn = this.#hotIn;
      const wanted = (page: number): boolean => bitmap.markedIn(page) > (all ? 0 : hotIn[page]);
      const end = this.#end;
      needed.gaps(0, end, (from, to) => {
        const first = Math.ceil(from / this.chunkBytes);
        const last = to === end ? bitmap.chunks : Math.floor(to / this.chunkBytes);
        ticket.take(bitmap, first, last, wanted);
      });
      if (!all) this.#hot.forEach((chunk) => void ticket.drop(chunk));
    }
    this.#ticket = ticket.chunks > 0 ? ticket : undefined;
    return ticket;
  }

  clear(ticket: ClearTicket, needed: Extents): void {
    // A flush may end after its mirror's record was closed without it.
    if (this.#closed || this.#ticket === undefined || ticket !== this.#ticket) return;
    const { chunkBytes } = this;
    const current = this.#ticket;
    this.#ticket = undefined;
    needed.forEachIn(0, this.#end, (from, to) => {
      current.dropRun(Math.floor(from / chunkBytes), Math.min(Math.ceil(to / chunkBytes), this.#bitmap.chunks));
    });
    current.forEachPage((page, mask) => this.#bitmap.clear(page, mask));
    // Without `all` there was no hot chunk on it, and one that came to be hot since has left it.
    if (current.all) this.#coolCleared();
    this.write();
  }

  durable(offset: number, length: number): boolean {
    if (this.#pending.isEmpty || length === 0) return true;
    const { chunkBytes } = this.#header;
    const end = Math.min(Math.ceil((offset + length) / chunkBytes), this.#bitmap.chunks);
    return !this.#pending.touches(Math.floor(offset / chunkBytes), end);
  }

  async sync(): Promise<void> {
    this.write();
    const fresh = this.#fresh;
    if (fresh === this.#durable || this.#discarded) return;
    try {
      await this.#storage.sync();
    } catch (error) {
      // What the system failed to bring to the medium it does not try again: all of it has to be written anew.
      this.#oweAll();
      throw error;
    }
    this.#durable = Math.max(this.#durable, fresh);
    this.#pending.settled(this.#durable);
  }

  async discard(): Promise<void> {
    this.#discarded = true;
    this.#laid = false;
    this.#pending.clear();
    this.#refuseClosed();
    this.#storage.empty();
    await this.#storage.sync();
  }

  async lay(): Promise<void> {
    this.#refuseClosed();
    if (!this.#laid) {
      this.#storage.empty();
      await this.#storage.sync();
      this.#refuseClosed();
      this.#bitmap.allDirty();
    }
    // Whatever fails, the next call begins with an empty storage.
    this.#laid = false;
    writeDirty(this.#storage, this.#bitmap);
    await this.#storage.sync();
    this.#laid = true;
  }

  resume(): void {
    this.#refuseClosed();
    if (!this.#discarded || !this.#laid) throw new Fault('bug', 'a record was resumed that was not laid');
    this.#laid = false;
    this.#discarded = false;
    this.#headerOwed = true;
    this.#nothingDurable();
    try {
      this.write();
    } catch (error) {
      this.#discarded = true;
      this.#pending.clear();
      throw error;
    }
  }

  async close(clean: boolean): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      if (clean && !this.#discarded) await this.#closeClean();
    } finally {
      await this.#release();
    }
  }

  async #closeClean(): Promise<void> {
    this.write();
    await this.#storage.sync();
    this.#header = { ...this.#header, clean: true };
    this.#headerOwed = true;
    this.write();
    await this.#storage.sync();
  }

  /** Its storage is given back: its file may be another one's. */
  #refuseClosed(): void {
    if (this.#closed) throw new Fault('local', 'the record was closed');
  }

  /** Where the last chunk ends, as far as numbers go. */
  get #end(): number {
    return Math.min(this.#bitmap.chunks * this.chunkBytes, Number.MAX_SAFE_INTEGER);
  }

  #holdChunk(chunk: number): void {
    this.#ticket?.drop(chunk);
    if (this.#hot.touch(chunk)) return;
    if (this.#bitmap.set(chunk)) this.#pend(chunk, chunk + 1);
    this.#hotIn[pageOf(chunk)]++;
    const fallen = this.#hot.add(chunk);
    if (fallen >= 0) this.#hotIn[pageOf(fallen)]--;
  }

  #holdRun(first: number, end: number): void {
    this.#ticket?.dropRun(first, end);
    if (this.#bitmap.fill(first, end) > 0) this.#pend(first, end);
  }

  #pend(first: number, end: number): void {
    const needs = ++this.#fresh;
    if (this.#discarded) return;
    if (end - first === 1) this.#pending.add(first, needs);
    else this.#pending.addRun(first, end, needs);
  }

  /** Every page was, or has to be, written anew. */
  #nothingDurable(): void {
    this.#pending.clear();
    this.#pend(0, this.#bitmap.chunks);
  }

  #coolCleared(): void {
    this.#hot.forEach((chunk) => {
      if (this.#bitmap.has(chunk)) return;
      this.#hot.delete(chunk);
      this.#hotIn[pageOf(chunk)]--;
    });
  }

  /** Chunks are counted anew: what was hot or on a ticket means nothing any more. */
  #startHot(): void {
    this.#hot = new HotSet(Math.min(Math.floor(this.#hotBytes / this.chunkBytes), HOT_CHUNKS_MAX));
    this.#hotIn = new Int32Array(this.#bitmap.pages.length);
    this.#ticket = undefined;
  }

  #oweAll(): void {
    this.#bitmap.allDirty();
    this.#headerOwed = true;
    this.#nothingDurable();
  }
}

function writeDirty(storage: RecordStorage, bitmap: Bitmap): void {
  const { dirty, pages } = bitmap;
  while (dirty.length > 0) {
    const page = dirty[dirty.length - 1];
    storage.writePage(page + 1, pages[page]);
    bitmap.written();
  }
}
