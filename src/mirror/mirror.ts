import type { Backlog, DoubtRecord } from '../base/backlog.ts';
import type { Fault } from '../base/fault.ts';
import type { Machine } from '../base/machine.ts';
import { Doubts, WHOLE } from './doubts.ts';
import { Feed } from './feed.ts';
import type { Flight } from './flight.ts';
import { Health } from './health.ts';
import type { MirrorMachine } from './machine.ts';
import { Repair } from './repair.ts';
import type { MirrorInput, MirrorRequest } from './requests.ts';
import { Standing } from './standing.ts';
import { Traffic } from './traffic.ts';
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
  /** Copies wait for `credit`. */
  metered?: boolean;
  /** Whether somebody refers to this mirror's blocks at present, and is told when it is through with a change. */
  guarded?: () => boolean;
  /** Its medium could not be reached: it begins as broken. */
  fault?: Fault;
}

/**
 * One mirror as a machine (requirements B5, B6, B7): takes its backlog in order (`Feed`), asks for writes and copies
 * (`Traffic`, `Repair`), and keeps the record of what it is not known to have right (`Doubts`).
 *
 * An LBN-only piece enters the record at once, and then no write or copy already under way can take it out again: only
 * what comes later does. An OR takes nothing out. What fails is put into the record; a mirror that broke goes on taking
 * its backlog, into the record only, so it never holds memory.
 */
export class Mirror extends Standing implements Machine<MirrorInput, MirrorRequest>, MirrorMachine {
  readonly #traffic: Traffic;
  readonly #doubts: Doubts;
  readonly #feed: Feed;
  /** Bytes written for changes. */
  writtenBytes = 0;

  constructor(options: MirrorOptions) {
    const { name, backlog, record, size, flushBarriers = true, inFlightMax = 4 } = options;
    const { batchBytes = 2 * 1024 * 1024, copyBytes = 1024 * 1024, copiesMax = 2, metered = false } = options;
    const { guarded = () => false } = options;
    const traffic = new Traffic();
    const repair = new Repair(record, traffic, { copyBytes, copiesMax, metered });
    const health = new Health(size, options.fault);
    super({ name, record, repair, health, traffic });
    this.#traffic = traffic;
    this.#doubts = new Doubts(record, traffic, repair);
    const parts = { backlog, traffic, doubts: this.#doubts, health };
    this.#feed = new Feed(parts, { flushBarriers, inFlightMax, batchBytes, guarded });
  }

  /** Nothing under way, nothing waiting. */
  get idle(): boolean {
    return this.caughtUp && this.#traffic.isEmpty && !this.#feed.flushWanted && !this.repair.active;
  }

  /** Every entry was taken and written (or is in the record). */
  get caughtUp(): boolean {
    return this.#feed.caughtUp;
  }

  protected get settled(): boolean {
    return this.idle && !this.record.intersects(0, this.health.capacity || WHOLE);
  }

  /** Calls back with every range of bytes that is on its way to the mirror or waits for it; they may overlap. */
  forEachWaiting(callback: (start: number, end: number) => void): void {
    this.#traffic.forEachWrite(callback);
    this.#feed.forEachWaiting(callback);
  }

  take(): readonly MirrorRequest[] {
    return this.#traffic.take();
  }

  step(input: MirrorInput): void {
    switch (input.kind) {
      case 'more':
      case 'hurry':
      case 'reach':
        break;
      case 'done':
        this.#done(this.#land(input.id));
        break;
      case 'failed':
        this.#failed(this.#land(input.id, true), input.fault, input.source);
        break;
      case 'missed':
        // What is cut up already came earlier, and must not be written over what is missed now.
        this.#feed.drop('no-room');
        this.#doubts.miss(input.change, 'no-room');
        this.#feed.landed(input.change, false);
        // The backlog is being given up at this moment: it must not be taken from.
        return;
      case 'facts':
        this.#facts(input.blockSize, input.capacity);
        break;
      case 'size':
        this.health.resize(input.bytes);
        break;
      case 'resolve':
        if (!this.health.fault) this.repair.start(Math.min(input.limit, this.health.size));
        break;
      case 'stop':
        this.repair.stop();
        break;
      case 'broken':
        this.break(input.fault);
        break;
      case 'mended':
        this.mended(input.bytes);
        break;
      case 'credit':
        this.repair.allow(input.bytes);
        break;
      case 'flush':
        if (!this.health.fault || this.health.paused) this.#feed.flush();
        break;
    }
    this.#run();
  }

  #run(): void {
    for (let beyond = this.#feed.run(); beyond; beyond = this.#feed.run()) {
      const end = beyond.offset + beyond.length;
      this.break(tooSmall(this.name, this.health.size, end, 'a write on the bus reaches to'));
    }
    if (!this.#traffic.held && !this.#feed.draining) this.repair.fill();
  }

  #land(id: number, missed = false): Flight {
    const flight = this.#traffic.land(id);
    for (const held of flight.held) {
      held.missed ||= missed;
      this.#feed.letGo(held);
    }
    return flight;
  }

  #done(flight: Flight): void {
    switch (flight.kind) {
      case 'flush':
        break;
      case 'grow':
        this.health.resize(Math.max(this.health.size, flight.bytes));
        break;
      case 'copy':
        this.#doubts.proved(flight);
        this.repair.copied(flight.bytes);
        break;
      default:
        this.#doubts.proved(flight);
        this.writtenBytes += flight.bytes;
    }
  }

  #failed(flight: Flight, fault: Fault, source: boolean): void {
    if (flight.kind === 'grow') {
      const { size, capacity } = this.health;
      this.pause(cannotGrow(this.name, size, capacity, fault));
    } else if (flight.kind === 'copy' && source) {
      this.repair.unread(flight.runs, fault, this.name.to);
    } else {
      // What a copy was to bring is in the record still.
      if (flight.kind !== 'copy') this.#doubts.failed(flight);
      this.break(fault);
    }
  }

  #facts(blockSize: number, capacity: number): void {
    if (blockSize > 0) this.record.blockSize = blockSize;
    const { size, capacity: before } = this.health;
    if (capacity === 0 || capacity === before) return;
    // What the volume holds where it grew, nobody has seen.
    if (before > 0 && capacity > before) this.#doubts.add(before, capacity - before, 'not-written');
    this.health.needs(capacity);
    if (capacity <= size) return;
    if (before === 0) {
      this.#doubts.add(size, capacity - size, 'not-written');
      this.break(tooSmall(this.name, size, capacity, 'the volume'));
    } else if (!this.health.fault) {
      this.#traffic.grow(capacity);
    }
  }

  protected abandon(): void {
    this.#feed.stop();
  }
}
