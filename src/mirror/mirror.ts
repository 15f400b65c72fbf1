import type { Backlog, DoubtRecord, Entry, Reason } from '../base/backlog.ts';
import type { Change, Piece } from '../base/change.ts';
import { Extents } from '../base/extents.ts';
import { Fault } from '../base/fault.ts';
import type { Machine } from '../base/machine.ts';
import { isOr } from '../base/payload.ts';
import { Flight, type Held } from './flight.ts';
import type { MirrorInput, MirrorRequest, MirrorState } from './requests.ts';
import { Resolver } from './resolver.ts';
import { cannotGrow, type MirrorName, tooSmall } from './words.ts';

export interface MirrorOptions {
  name: MirrorName;
  backlog: Backlog;
  record: DoubtRecord;
  /** Bytes the mirror's medium holds. */
  size: number;
  /** Honour SYNCHRONIZE CACHE and FUA as the host was promised them; a replay flushes once at its end instead. */
  flushBarriers?: boolean;
  /** Writes under way at once. */
  inFlightMax?: number;
  /** Bytes that go out together; one longer piece goes alone. */
  batchBytes?: number;
  /** Bytes of one copy from the first volume, and copies under way at once. */
  copyBytes?: number;
  copiesMax?: number;
}

const WHOLE = Number.MAX_SAFE_INTEGER;

/**
 * One mirror as a machine (requirements B5, B6, B7): takes its backlog in order, asks for writes, and keeps the record
 * of what it is not known to have right.
 *
 * Order: pieces that do not overlap may be under way together; a piece that touches bytes under way waits for them, and
 * everything behind it waits too. A barrier waits for all before it. An LBN-only piece enters the record at once,
 * and then no write or copy already under way can take it out again: only what comes later does. What fails is put into
 * the record; a mirror that broke goes on taking its backlog, into the record only, so it never holds memory.
 */
export class Mirror implements Machine<MirrorInput, MirrorRequest> {
  readonly name: MirrorName;
  readonly record: DoubtRecord;
  readonly #backlog: Backlog;
  readonly #flushBarriers: boolean;
  readonly #inFlightMax: number;
  readonly #batchBytes: number;
  readonly #copyBytes: number;
  readonly #copiesMax: number;
  #size: number;
  #capacity = 0;
  #requests: MirrorRequest[] = [];
  readonly #flights = new Map<number, Flight>();
  /** Bytes under way, of writes and copies. */
  readonly #busy = new Extents();
  #writes = 0;
  #copies = 0;
  /** Flushes and growths under way: no write starts until they end. */
  #holds = 0;
  #flushWanted = false;
  #lastId = 0;
  /** The entry being cut up, and its next piece. */
  #current: Held | undefined;
  #index = 0;
  #resolver: Resolver | undefined;
  #resolved = { done: 0, total: 0 };
  #paused = false;
  #fault: Fault | undefined;
  /** Bytes written for changes, and bytes copied from the first volume. */
  writtenBytes = 0;
  resolvedBytes = 0;

  constructor(options: MirrorOptions) {
    this.name = options.name;
    this.record = options.record;
    this.#backlog = options.backlog;
    this.#size = options.size;
    this.#flushBarriers = options.flushBarriers ?? true;
    this.#inFlightMax = options.inFlightMax ?? 4;
    this.#batchBytes = options.batchBytes ?? 1024 * 1024;
    this.#copyBytes = options.copyBytes ?? 1024 * 1024;
    this.#copiesMax = options.copiesMax ?? 2;
  }

  /** Nothing under way, nothing waiting. */
  get idle(): boolean {
    return this.caughtUp && this.#flights.size === 0 && !this.#flushWanted && this.#resolver === undefined;
  }

  /** Every entry was taken and written (or is in the record). */
  get caughtUp(): boolean {
    return this.#backlog.length === 0 && this.#current === undefined && this.#writes === 0;
  }

  get resolving(): boolean {
    return this.#resolver !== undefined;
  }

  /** Why it is broken or paused. */
  get fault(): Fault | undefined {
    return this.#fault;
  }

  get size(): number {
    return this.#size;
  }

  get state(): MirrorState {
    if (this.#fault) return this.#paused ? 'paused' : 'broken';
    if (this.#resolver) return this.#resolver.whole ? 'copying' : 'repairing';
    return this.idle && !this.record.intersects(0, this.#capacity || WHOLE) ? 'equal' : 'behind';
  }

  /** Bytes read back, of those that were to be, in the resolving under way or the last one. */
  get progress(): { done: number; total: number } {
    return this.#resolver ? { done: this.#resolver.done, total: this.#resolver.total } : this.#resolved;
  }

  /** Calls back with every range of bytes that is on its way to the mirror or waits for it; they may overlap. */
  forEachWaiting(callback: (start: number, end: number) => void): void {
    for (const flight of this.#flights.values()) {
      if (flight.kind !== 'copy') for (const [start, end] of flight.runs) callback(start, end);
    }
    const entry = (entry: Entry): void => {
      if (entry.change?.pieces === 'wholeLu') callback(0, WHOLE);
      else for (const { offset, length } of entry.change?.pieces ?? []) callback(offset, offset + length);
    };
    if (this.#current) entry(this.#current.entry);
    this.#backlog.forEach(entry);
  }

  take(): readonly MirrorRequest[] {
    const requests = this.#requests;
    if (requests.length > 0) this.#requests = [];
    return requests;
  }

  step(input: MirrorInput): void {
    switch (input.kind) {
      case 'more':
        break;
      case 'done':
        this.#done(this.#land(input.id));
        break;
      case 'failed':
        this.#failed(this.#land(input.id), input.fault, input.source);
        break;
      case 'missed':
        // What is cut up already came earlier, and must not be written over what is missed now.
        this.#dropCurrent('no-room');
        this.#miss(input.change, 'no-room');
        // The backlog is being given up at this moment: it must not be taken from.
        return;
      case 'facts':
        this.#facts(input.blockSize, input.capacity);
        break;
      case 'size':
        this.#resize(input.bytes);
        break;
      case 'resolve':
        if (!this.#fault) {
          this.#resolver = new Resolver(this.record, Math.min(input.limit, this.#size), this.#copyBytes);
        }
        break;
      case 'stop':
        if (this.#resolver) this.#endResolving(this.#resolver);
        break;
      case 'flush':
        this.#flushWanted = !this.#fault || this.#paused;
        break;
    }
    this.#fill();
    this.#copy();
  }

  #fill(): void {
    let batch: Flight | undefined;
    while (this.#holds === 0) {
      if (!this.#current && !this.#next(batch)) break;
      if (!this.#current) continue;
      const change = this.#current.entry.change as Change;
      const piece = (change.pieces as readonly Piece[])[this.#index];
      if (piece === undefined) {
        const held = this.#current;
        this.#current = undefined;
        this.#letGo(held);
        continue;
      }
      if (piece.payload === 'lbnOnly') {
        this.#doubt(piece.offset, piece.length, change.doubt ?? 'outcome');
      } else if (piece.offset + piece.length > this.#size) {
        this.#break(tooSmall(this.name, this.#size, piece.offset + piece.length, 'a write on the bus reaches to'));
        continue;
      } else if (piece.length > 0) {
        if (this.#busy.intersects(piece.offset, piece.offset + piece.length)) break;
        // A zero request promises no durability, so with FUA zeros go out as data do.
        const zero = piece.payload === 'zeros' && !(change.fua && this.#flushBarriers);
        if (zero || isOr(piece.payload)) {
          if (this.#writes >= this.#inFlightMax) break;
          const flight = this.#open(zero ? 'zero' : 'or');
          this.#put(flight, piece, change.fua);
          this.#send(flight);
        } else {
          if (batch && batch.bytes + piece.length > this.#batchBytes) {
            this.#send(batch);
            batch = undefined;
          }
          if (!batch && this.#writes >= this.#inFlightMax) break;
          batch ??= this.#open('writev');
          this.#put(batch, piece, change.fua);
        }
      }
      this.#index++;
    }
    if (batch) this.#send(batch);
    if (this.#flushWanted && this.caughtUp && this.#holds === 0) {
      this.#flushWanted = false;
      this.#flush();
    }
  }

  /** Takes the next entry; false when there is none, or it must wait for what is under way. */
  #next(batch: Flight | undefined): boolean {
    const entry = this.#backlog.peek();
    if (!entry) return false;
    if (entry.barrier) {
      if (this.#flushBarriers && !this.#fault && (batch || this.#writes > 0)) return false;
      this.#backlog.take();
      if (this.#flushBarriers && !this.#fault) this.#flush();
      return true;
    }
    const lost = this.#backlog.lost;
    this.#backlog.take();
    const change = entry.change as Change;
    if (lost || this.#fault || change.pieces === 'wholeLu') {
      this.#miss(change, this.#fault ? 'not-written' : 'no-room');
      if (!lost) this.#backlog.done(entry);
    } else {
      this.#current = { entry, pending: 1 };
      this.#index = 0;
    }
    return true;
  }

  #copy(): void {
    const resolver = this.#resolver;
    if (!resolver || this.#holds > 0) return;
    while (!resolver.over && this.#copies < this.#copiesMax) {
      const chunk = resolver.peek();
      if (!chunk) {
        if (this.#copies > 0) return;
        resolver.endPass();
        continue;
      }
      const [start, end] = chunk;
      if (this.#busy.intersects(start, end)) return;
      resolver.take();
      const flight = this.#open('copy');
      this.#put(flight, { offset: start, length: end - start, payload: 'lbnOnly' }, false);
      this.#send(flight);
    }
    if (resolver.over && this.#copies === 0) this.#endResolving(resolver);
  }

  #open(kind: Flight['kind']): Flight {
    const flight = new Flight(++this.#lastId, kind);
    this.#flights.set(flight.id, flight);
    if (kind === 'copy') this.#copies++;
    else if (kind === 'flush' || kind === 'grow') this.#holds++;
    else this.#writes++;
    return flight;
  }

  #put(flight: Flight, piece: Piece, fua: boolean): void {
    flight.add(piece, this.#current && flight.kind !== 'copy' ? this.#current : undefined);
    flight.fua ||= fua && this.#flushBarriers;
    this.#busy.add(piece.offset, piece.offset + piece.length);
  }

  #send(flight: Flight): void {
    flight.seal();
    const { id, kind, pieces, fua } = flight;
    if (kind === 'writev') this.#requests.push({ kind, id, pieces, fua });
    else if (kind === 'zero' || kind === 'or' || kind === 'copy') {
      const { offset, length, payload } = pieces[0];
      if (isOr(payload)) this.#requests.push({ kind: 'or', id, offset, length, parts: payload.or, fua });
      else if (kind !== 'or') this.#requests.push({ kind, id, offset, length });
    }
  }

  #flush(): void {
    this.#requests.push({ kind: 'flush', id: this.#open('flush').id });
  }

  /** A request has ended: its bytes are no longer under way. */
  #land(id: number): Flight {
    const flight = this.#flights.get(id);
    if (!flight) throw new Fault('bug', `mirror ${this.name.to}: request ${id} ended twice or was never made`);
    this.#flights.delete(id);
    if (flight.kind === 'copy') this.#copies--;
    else if (flight.kind === 'flush' || flight.kind === 'grow') this.#holds--;
    else this.#writes--;
    for (const [start, end] of flight.runs) this.#busy.remove(start, end);
    for (const held of flight.held) this.#letGo(held);
    return flight;
  }

  #done(flight: Flight): void {
    if (flight.kind === 'flush') return;
    if (flight.kind === 'grow') {
      this.#resize(Math.max(this.#size, flight.bytes));
      return;
    }
    flight.forEachProved((start, end) => this.record.clear(start, end - start));
    if (flight.kind === 'copy') {
      this.resolvedBytes += flight.bytes;
      this.#resolver?.copied(flight.bytes);
    } else {
      this.writtenBytes += flight.bytes;
    }
  }

  #failed(flight: Flight, fault: Fault, source: boolean): void {
    if (flight.kind === 'grow') {
      this.#pause(cannotGrow(this.name, this.#size, this.#capacity, fault));
      return;
    }
    if (flight.kind === 'copy' && source) {
      const resolver = this.#resolver;
      if (!resolver) return;
      if (!resolver.failedBefore) {
        this.#requests.push({
          kind: 'notice',
          text: `${this.name.to}: ${fault.message}; what cannot be read stays unresolved`,
        });
      }
      for (const [start, end] of flight.runs) resolver.failed(start, end);
      return;
    }
    if (flight.kind !== 'copy') {
      for (const [start, end] of flight.runs) this.#doubt(start, end - start, 'not-written');
    }
    this.#break(fault);
  }

  /** `[offset, offset + length)` is not known from here on, whatever is still under way. */
  #doubt(offset: number, length: number, reason: Reason): void {
    this.record.add(offset, length, reason);
    // Whole blocks, as the record keeps them: a write under way on the rest of such a block proves nothing either.
    const blockSize = this.record.blockSize;
    const start = Math.floor(offset / blockSize) * blockSize;
    const end = Math.min(Math.ceil((offset + length) / blockSize) * blockSize, WHOLE);
    for (const flight of this.#flights.values()) flight.doubt(start, end);
    this.#resolver?.touch();
  }

  #miss(change: Change, reason: Reason): void {
    if (change.pieces === 'wholeLu') {
      this.record.addWhole(change.doubt ?? reason);
      for (const flight of this.#flights.values()) flight.doubt(0, WHOLE);
      this.#resolver?.touch();
      return;
    }
    for (const { offset, length, payload } of change.pieces) {
      this.#doubt(offset, length, payload === 'lbnOnly' ? (change.doubt ?? reason) : reason);
    }
  }

  /** Gives up the rest of the entry that is being cut up. */
  #dropCurrent(reason: Reason): void {
    const held = this.#current;
    if (!held) return;
    const change = held.entry.change as Change;
    for (const { offset, length, payload } of (change.pieces as readonly Piece[]).slice(this.#index)) {
      this.#doubt(offset, length, payload === 'lbnOnly' ? (change.doubt ?? reason) : reason);
    }
    this.#current = undefined;
    this.#letGo(held);
  }

  #letGo(held: Held): void {
    held.pending--;
    if (held.pending === 0) this.#backlog.done(held.entry);
  }

  #facts(blockSize: number, capacity: number): void {
    if (blockSize > 0) this.record.blockSize = blockSize;
    if (capacity === 0 || capacity === this.#capacity) return;
    const before = this.#capacity;
    this.#capacity = capacity;
    // What the volume holds where it grew, nobody has seen.
    if (before > 0 && capacity > before) this.#doubt(before, capacity - before, 'not-written');
    if (capacity <= this.#size) {
      this.#resume();
    } else if (before === 0) {
      this.#doubt(this.#size, capacity - this.#size, 'not-written');
      this.#break(tooSmall(this.name, this.#size, capacity, 'the volume'));
    } else if (!this.#fault) {
      const flight = this.#open('grow');
      flight.bytes = capacity;
      this.#requests.push({ kind: 'grow', id: flight.id, bytes: capacity });
    }
  }

  #resize(bytes: number): void {
    this.#size = bytes;
    if (bytes >= this.#capacity) this.#resume();
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#fault = undefined;
  }

  #pause(fault: Fault): void {
    if (this.#fault) return;
    this.#paused = true;
    this.#stopFor(fault);
  }

  #break(fault: Fault): void {
    if (this.#fault && !this.#paused) return;
    this.#paused = false;
    this.#stopFor(fault);
  }

  #stopFor(fault: Fault): void {
    this.#fault = fault;
    this.#flushWanted = false;
    this.#dropCurrent('not-written');
    if (this.#resolver) this.#endResolving(this.#resolver);
    const mend = fault.mend === undefined ? '' : `; ${fault.mend}`;
    this.#requests.push({ kind: 'notice', text: `${fault.message}${mend}` });
  }

  #endResolving(resolver: Resolver): void {
    this.#resolved = { done: resolver.done, total: resolver.total };
    this.#resolver = undefined;
  }
}
