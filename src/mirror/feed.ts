import type { Backlog, Entry, Reason } from '../base/backlog.ts';
import type { Change, Piece } from '../base/change.ts';
import { isOr } from '../base/payload.ts';
import { type Doubts, WHOLE } from './doubts.ts';
import type { Flight, Held } from './flight.ts';
import type { Health } from './health.ts';
import type { Traffic } from './traffic.ts';

export interface FeedOptions {
  /** Honour SYNCHRONIZE CACHE and FUA as the host was promised them. */
  flushBarriers: boolean;
  /** Writes under way at once. */
  inFlightMax: number;
  /** Bytes that go out together; one longer piece goes alone. */
  batchBytes: number;
  /** Whether each change is told when the mirror is through with it. */
  guarded: () => boolean;
}

interface Parts {
  backlog: Backlog;
  traffic: Traffic;
  doubts: Doubts;
  health: Health;
}

/**
 * Takes a mirror's backlog in order, cuts it up into requests, and puts into the record what cannot be written.
 *
 * Pieces that do not overlap may be under way together; a piece that touches bytes under way waits for them, and
 * everything behind it waits too. A barrier waits for all that is under way.
 */
export class Feed {
  readonly #backlog: Backlog;
  readonly #traffic: Traffic;
  readonly #doubts: Doubts;
  readonly #health: Health;
  readonly #options: FeedOptions;
  /** The entry being cut up, and its next piece. */
  #current: Held | undefined;
  #index = 0;
  #batch: Flight | undefined;
  #flushWanted = false;

  constructor({ backlog, traffic, doubts, health }: Parts, options: FeedOptions) {
    this.#backlog = backlog;
    this.#traffic = traffic;
    this.#doubts = doubts;
    this.#health = health;
    this.#options = options;
  }

  /** Every entry was taken and written (or is in the record). */
  get caughtUp(): boolean {
    return this.#backlog.length === 0 && this.#current === undefined && this.#traffic.writes === 0;
  }

  /** A flush is asked for once everything is written. */
  get flushWanted(): boolean {
    return this.#flushWanted;
  }

  /** A flush only waits for what is under way: nothing else may start before it. */
  get draining(): boolean {
    if (this.#flushWanted && this.caughtUp) return true;
    return this.#current === undefined && this.#backlog.peek()?.barrier !== undefined;
  }

  /** Once, when the backlog is empty. */
  flush(): void {
    this.#flushWanted = true;
  }

  /** Nothing is written any more: what is left of the entry at hand is put into the record. */
  stop(): void {
    this.#flushWanted = false;
    this.drop('not-written');
  }

  /** Asks for all that may be under way now. Returns the first piece that does not fit on the medium, which waits. */
  run(): Piece | undefined {
    const beyond = this.#cut();
    if (this.#batch) this.#traffic.send(this.#batch);
    this.#batch = undefined;
    if (this.#flushWanted && this.caughtUp && !this.#traffic.held && this.#traffic.copies === 0) {
      this.#flushWanted = false;
      this.#traffic.flush();
    }
    return beyond;
  }

  /** Gives up the rest of the entry that is being cut up. */
  drop(reason: Reason): void {
    const held = this.#current;
    if (!held) return;
    const change = held.entry.change as Change;
    this.#doubts.missPieces(change, (change.pieces as readonly Piece[]).slice(this.#index), reason);
    held.missed = true;
    this.#current = undefined;
    this.letGo(held);
  }

  /** A request that carried parts of the entry has ended. */
  letGo(held: Held): void {
    held.pending--;
    if (held.pending > 0) return;
    this.#backlog.done(held.entry);
    this.landed(held.entry.change as Change, held.missed !== true);
  }

  /** Nothing of the change is written from here on. Nobody refers to what has no lease. */
  landed({ seq, lease }: Change, written: boolean): void {
    if (lease !== undefined && this.#options.guarded()) this.#traffic.landed(seq, written);
  }

  /** Calls back with every range of bytes that waits to be written; they may overlap. */
  forEachWaiting(callback: (start: number, end: number) => void): void {
    const entry = ({ change }: Entry): void => {
      if (change?.pieces === 'wholeLu') callback(0, WHOLE);
      else for (const { offset, length } of change?.pieces ?? []) callback(offset, offset + length);
    };
    if (this.#current) entry(this.#current.entry);
    this.#backlog.forEach(entry);
  }

  #cut(): Piece | undefined {
    while (!this.#traffic.held) {
      const held = this.#current;
      if (!held) {
        if (!this.#next()) break;
        continue;
      }
      const change = held.entry.change as Change;
      const piece = (change.pieces as readonly Piece[])[this.#index];
      if (piece === undefined) {
        this.#current = undefined;
        this.letGo(held);
        continue;
      }
      if (piece.payload === 'lbnOnly') this.#doubts.add(piece.offset, piece.length, change.doubt ?? 'outcome');
      else if (piece.offset + piece.length > this.#health.size) return piece;
      else if (piece.length > 0 && !this.#write(piece, held, change.fua && this.#options.flushBarriers)) break;
      this.#index++;
    }
    return undefined;
  }

  /** Takes the next entry; false when there is none, or it must wait for what is under way. */
  #next(): boolean {
    const entry = this.#backlog.peek();
    if (!entry) return false;
    const { fault } = this.#health;
    if (entry.barrier) {
      const honoured = this.#options.flushBarriers && !fault;
      // Copies too: what they take out of the record must be as durable as what lies before the barrier.
      if (honoured && this.#traffic.writes + this.#traffic.copies > 0) return false;
      this.#backlog.take();
      if (honoured) this.#traffic.flush();
      return true;
    }
    const { lost } = this.#backlog;
    this.#backlog.take();
    const change = entry.change as Change;
    if (lost || fault || change.pieces === 'wholeLu') {
      this.#doubts.miss(change, fault ? 'not-written' : 'no-room');
      if (!lost) this.#backlog.done(entry);
      this.landed(change, false);
    } else {
      this.#current = { entry, pending: 1 };
      this.#index = 0;
    }
    return true;
  }

  /** False when the piece must wait for what is under way. */
  #write(piece: Piece, held: Held, fua: boolean): boolean {
    const traffic = this.#traffic;
    const { inFlightMax, batchBytes } = this.#options;
    if (traffic.touches(piece.offset, piece.offset + piece.length)) return false;
    // A zero request promises no durability, so with FUA zeros go out as data do.
    const zero = piece.payload === 'zeros' && !fua;
    if (zero || isOr(piece.payload)) {
      if (traffic.writes >= inFlightMax) return false;
      const flight = traffic.open(zero ? 'zero' : 'or');
      traffic.put(flight, piece, fua, held);
      traffic.send(flight);
      return true;
    }
    if (this.#batch && this.#batch.bytes + piece.length > batchBytes) {
      traffic.send(this.#batch);
      this.#batch = undefined;
    }
    if (!this.#batch && traffic.writes >= inFlightMax) return false;
    this.#batch ??= traffic.open('writev');
    traffic.put(this.#batch, piece, fua, held);
    return true;
  }
}
