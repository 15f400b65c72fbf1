import type { Lease, LeaseRoom } from '../base/change.ts';
import { Fault } from '../base/fault.ts';
import { Slab } from './slab.ts';

/** What a source does when room is short: a file waits, a bus does not. */
export type WhenFull = 'wait' | 'lbn';

export interface RoomOptions {
  /** Memory for write data, never exceeded. */
  bytes: number;
  /** Share of `bytes` (0 to below 1) that stays free: below it changes keep only their LBNs. */
  threshold?: number;
  whenFull?: WhenFull;
}

/** A ring whose changes hold leases of the room. */
export interface RoomHolder {
  /** Bytes of leases that some mirror has yet to write. */
  readonly heldBytes: number;
  /** True while so many entries wait that a source which can wait should. */
  readonly crowded: boolean;
  /** Gives back up to about `bytes` that only mirrors behind the foremost still need; returns how many it gave. */
  shed(bytes: number): number;
}

export interface RoomReport {
  bytes: number;
  threshold: number;
  whenFull: WhenFull;
  state: 'data' | 'lbnOnly';
  /** Times that it went from keeping data to keeping LBNs only. */
  falls: number;
  refusedLeases: number;
  peakBytes: number;
  dataNs: number;
  lbnOnlyNs: number;
}

const SLAB_BYTES = 64 * 1024 * 1024;
const SMALL_ROOM_BYTES = 1024 * 1024;
/** A source is paused between batches only, so it pauses early: the rest of a batch still finds room. */
const PAUSE_BELOW = 0.5;
/** So much is free, or the rings are empty, before the source goes on: the next write may be as long as that. */
const PAUSE_BELOW_BYTES = 4 * 1024 * 1024;

interface Run {
  slab: Slab;
  page: number;
}

class PageLease implements Lease {
  readonly parts: readonly Uint8Array[];
  readonly bytes: number;
  /** Emptied when it is given back. */
  readonly runs: Run[];

  constructor(parts: readonly Uint8Array[], bytes: number, runs: Run[]) {
    this.parts = parts;
    this.bytes = bytes;
    this.runs = runs;
  }
}

/**
 * The bounded memory for write data, one for all volumes (requirement B4).
 *
 * `whenFull: 'lbn'`: a lease that would leave less than the threshold free is refused, and the state is `lbnOnly` until
 * free room returns above it. `'wait'`: the threshold makes the source pause (`full`) and a lease may use all that is
 * left, as data that the capture file holds should not be given up; it is refused only when nothing is left.
 * Before a lease is refused the rings shed what only their slower mirrors need.
 */
export class Room implements LeaseRoom {
  readonly #options: Required<RoomOptions>;
  readonly #pageSize: number;
  readonly #pages: number;
  readonly #slabs: Slab[] = [];
  /** Pages in slabs that do not exist yet. */
  #unborn: number;
  #freeBytes: number;
  readonly #floor: number;
  readonly #pauseMark: number;
  readonly #holders: RoomHolder[] = [];
  #waiters: (() => void)[] = [];
  #state: 'data' | 'lbnOnly' = 'data';
  #falls = 0;
  #refused = 0;
  #peak = 0;
  #now = -1;
  #dataNs = 0;
  #lbnOnlyNs = 0;

  constructor(options: RoomOptions) {
    const { bytes, threshold = 0.25, whenFull = 'wait' } = options;
    if (!Number.isSafeInteger(bytes) || bytes < 512) {
      throw new Fault('local', `the buffer needs at least 512 bytes, not ${bytes}`, 'raise buffer.bytes');
    }
    if (!(threshold >= 0 && threshold < 1)) {
      throw new Fault('local', `the buffer's threshold is a share from 0 to below 1, not ${threshold}`);
    }
    this.#options = { bytes, threshold, whenFull };
    this.#pageSize = bytes < SMALL_ROOM_BYTES ? 512 : 4096;
    this.#pages = Math.floor(bytes / this.#pageSize);
    this.#unborn = this.#pages;
    this.#freeBytes = this.#pages * this.#pageSize;
    this.#floor = whenFull === 'lbn' ? threshold * bytes : 0;
    this.#pauseMark = Math.min(this.#freeBytes, Math.max(threshold * bytes, PAUSE_BELOW * bytes, PAUSE_BELOW_BYTES));
  }

  register(holder: RoomHolder): void {
    this.#holders.push(holder);
  }

  unregister(holder: RoomHolder): void {
    const at = this.#holders.indexOf(holder);
    if (at >= 0) this.#holders.splice(at, 1);
    this.eased();
  }

  /** All of it, lent or not. */
  get bytes(): number {
    return this.#options.bytes;
  }

  get freeBytes(): number {
    return this.#freeBytes;
  }

  get state(): 'data' | 'lbnOnly' {
    return this.#state;
  }

  /** Pausing helps only while a ring has something to drain: open tasks alone never make the room full. */
  get full(): boolean {
    if (this.#options.whenFull === 'lbn') return false;
    const short = this.#freeBytes < this.#pauseMark;
    for (const holder of this.#holders) if (holder.crowded || (short && holder.heldBytes > 0)) return true;
    return false;
  }

  /** Calls back once as soon as the room is not full; at once when it is not. */
  onRoom(callback: () => void): void {
    if (this.full) this.#waiters.push(callback);
    else callback();
  }

  /** A ring has drained: wakes whoever waits for room. */
  eased(): void {
    if (this.#waiters.length === 0 || this.full) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter();
  }

  take(bytes: number): Lease | undefined {
    const pages = Math.ceil(bytes / this.#pageSize);
    const size = pages * this.#pageSize;
    const lacking = size + this.#floor - this.#freeBytes;
    if (lacking > 0 && size + this.#floor <= this.#pages * this.#pageSize) this.#shed(lacking);
    if (this.#freeBytes - size < this.#floor) {
      this.#refused++;
      if (this.#state === 'data') {
        this.#falls++;
        this.#state = 'lbnOnly';
      }
      return undefined;
    }
    this.#state = 'data';
    const runs: Run[] = [];
    const parts: Uint8Array[] = [];
    for (let left = pages, least = pages; left > 0; least = Math.min(left, least)) {
      const run = this.#run(least, left);
      if (!run) {
        least = Math.ceil(least / 2);
        continue;
      }
      const length = run.slab.lengthAt(run.page);
      runs.push(run);
      parts.push(run.slab.bytes.subarray(run.page * this.#pageSize, (run.page + length) * this.#pageSize));
      left -= length;
    }
    this.#freeBytes -= size;
    this.#peak = Math.max(this.#peak, this.#pages * this.#pageSize - this.#freeBytes);
    return new PageLease(parts, size, runs);
  }

  give(lease: Lease): void {
    if (!(lease instanceof PageLease) || (lease.bytes > 0 && lease.runs.length === 0)) {
      throw new Fault('bug', 'a lease was given back twice, or to a room that did not lend it');
    }
    for (const run of lease.runs) run.slab.give(run.page);
    lease.runs.length = 0;
    this.#freeBytes += lease.bytes;
    if (this.#freeBytes > this.#floor) this.#state = 'data';
    this.eased();
  }

  /** Tells the time, in nanoseconds of whichever clock the owner counts in; it may stand still but not go back. */
  tick(nowNs: number): void {
    if (this.#now >= 0 && nowNs > this.#now) {
      if (this.#state === 'data') this.#dataNs += nowNs - this.#now;
      else this.#lbnOnlyNs += nowNs - this.#now;
    }
    this.#now = Math.max(this.#now, nowNs);
  }

  report(): RoomReport {
    return {
      ...this.#options,
      state: this.#state,
      falls: this.#falls,
      refusedLeases: this.#refused,
      peakBytes: this.#peak,
      dataNs: this.#dataNs,
      lbnOnlyNs: this.#lbnOnlyNs,
    };
  }

  #shed(bytes: number): void {
    let lacking = bytes;
    for (const holder of this.#holders.toSorted((a, b) => b.heldBytes - a.heldBytes)) {
      if (lacking <= 0) return;
      lacking -= holder.shed(lacking);
    }
  }

  /** A run of `least` to `most` pages, from memory in use before from memory not yet reserved. */
  #run(least: number, most: number): Run | undefined {
    for (const slab of this.#slabs) {
      const page = slab.take(least, most);
      if (page >= 0) return { slab, page };
    }
    if (this.#unborn === 0) return undefined;
    const slab = new Slab(Math.min(this.#unborn, SLAB_BYTES / this.#pageSize), this.#pageSize);
    this.#unborn -= slab.free;
    this.#slabs.push(slab);
    const page = slab.take(least, most);
    return page >= 0 ? { slab, page } : undefined;
  }
}
