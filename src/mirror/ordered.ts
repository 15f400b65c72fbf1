import type { Backlog } from '../base/backlog.ts';
import type { Barrier, Piece } from '../base/change.ts';
import type { Extents } from '../base/extents.ts';
import type { Fault } from '../base/fault.ts';
import type { Machine } from '../base/machine.ts';
import { Health } from './health.ts';
import type { MirrorMachine } from './machine.ts';
import { Horizon } from './orderedHorizon.ts';
import type { OrderedMirrorOptions } from './orderedOptions.ts';
import { Patience } from './orderedPatience.ts';
import { type Item, type MarkItem, OrderedQueue, orderOf, reachOf, upstreamOf } from './orderedQueue.ts';
import type { OrderedInput, OrderedRequest } from './orderedRequests.ts';
import { type Errand, OrderedTraffic, type Sent } from './orderedTraffic.ts';
import { Unknown } from './orderedUnknown.ts';
import { OrderedWriter } from './orderedWriter.ts';
import { Repair } from './repair.ts';
import { Standing } from './standing.ts';
import { cannotGrow, tooSmall } from './words.ts';

export type { OrderedMirrorOptions };

/** Bookmarks of a broken mirror that are kept. */
const LATE_MARKS = 4096;

/**
 * One mirror that keeps the order of changes (requirements C1, C4, D1), as a machine: takes its backlog strictly in order
 * (`OrderedQueue`), appends an entry for each change that it has the data of (`OrderedWriter`), and has read back from the
 * first volume what nobody knows (`Repair`), beside the entries.
 *
 * What it could not append stands in its record, as with any mirror; blocks leave the record when the entry that settled
 * them is durable. An append that fails will never be durable: the mirror is broken then, and everything that was under
 * way or comes goes into the record, until it is mended and begins anew with what the record names.
 */
export class OrderedMirror extends Standing implements Machine<OrderedInput, OrderedRequest>, MirrorMachine {
  readonly #backlog: Backlog;
  readonly #traffic: OrderedTraffic;
  readonly #queue: OrderedQueue;
  readonly #unknown: Unknown;
  readonly #horizon: Horizon;
  readonly #writer: OrderedWriter;
  readonly #settles: boolean;
  readonly #patience: Patience;
  /** False until its medium is there, and again while it is broken or paused: nothing is known of the mirror then. */
  #begun = false;
  /** Copies came since the look that is under way was asked for. */
  #unsettled = false;
  #flushWanted = false;
  readonly #lateMarks: Barrier[] = [];
  /** Bytes of changes that are durable. */
  writtenBytes = 0;

  constructor(options: OrderedMirrorOptions) {
    const { name, backlog, record, size, inFlightBytes = 16 * 1024 * 1024 } = options;
    const { copyBytes = 1024 * 1024, copiesMax = 4, metered = false } = options;
    const { underWay = () => ({ tasks: 0, bytes: undefined }), clock = () => 0n } = options;
    const traffic = new OrderedTraffic(backlog, inFlightBytes);
    const unknown = new Unknown(record);
    const { surveys, surveyMin } = options;
    const tables = { ...(surveys ? { surveys } : {}), ...(surveyMin === undefined ? {} : { surveyMin }) };
    const repair = new Repair(unknown, traffic, { copyBytes, copiesMax, metered, ...tables });
    super({ name, record, repair, health: new Health(size, options.fault), traffic });
    this.#backlog = backlog;
    this.#settles = options.settles === true;
    this.#patience = new Patience(options.markPatienceNs ?? 0n, clock);
    this.#traffic = traffic;
    this.#queue = new OrderedQueue(backlog, traffic);
    this.#unknown = unknown;
    this.#horizon = new Horizon(underWay);
    this.#writer = new OrderedWriter({
      record,
      unknown,
      horizon: this.#horizon,
      queue: this.#queue,
      traffic,
      clock,
      touched: () => repair.touch(),
      ...(options.upstream ? { upstream: options.upstream } : {}),
      ...(options.order === undefined ? {} : { order: options.order }),
    });
  }

  /** Nothing under way, nothing waiting. */
  get idle(): boolean {
    const quiet = this.#traffic.isEmpty && !this.#flushWanted && !this.repair.active;
    return this.#queue.isEmpty && quiet && !(this.#settles && this.#horizon.unseen);
  }

  /** Every entry was taken and is durable (or is in the record). */
  get caughtUp(): boolean {
    return this.#queue.isEmpty && this.#traffic.appends === 0;
  }

  /** Once everything that it was given is applied, the mirror holds what the first volume held at one moment. */
  get consistent(): boolean {
    return this.#begun && this.#writer.told === true;
  }

  protected get settled(): boolean {
    return this.idle && this.consistent && !this.record.intersects(0, this.#writer.end);
  }

  get waitingAt(): bigint | undefined {
    return this.#traffic.oldest?.at ?? this.#queue.oldest;
  }

  /** Calls back with every range of bytes that is on its way to the mirror or waits for it; they may overlap. */
  forEachWaiting(callback: (start: number, end: number) => void): void {
    this.#traffic.forEachRun(callback);
    this.#queue.forEachWaiting(callback);
  }

  take(): readonly OrderedRequest[] {
    return this.#traffic.take();
  }

  step(input: OrderedInput): void {
    switch (input.kind) {
      case 'more':
        break;
      case 'done':
        this.#done(input.id);
        break;
      case 'failed':
        this.#failed(input.id, input.fault, input.source);
        break;
      case 'recalled':
        this.#queue.recalled(input.id, input.pieces);
        break;
      case 'copied':
        this.#copied(input.id, input.pieces);
        break;
      case 'surveyed':
        this.#surveyed(input.id, input.rest);
        break;
      case 'missed':
        // The backlog is being given up at this moment: it must not be taken from.
        this.#queue.miss(input.change);
        return;
      case 'missedMark':
        this.#queue.missMark(input.barrier);
        return;
      case 'reach':
        this.#reach(input.order);
        return;
      case 'facts':
        this.#facts(input.blockSize, input.capacity);
        break;
      case 'size':
        this.health.resize(input.bytes);
        break;
      case 'resolve':
        this.#resolve(input.limit);
        break;
      case 'stop':
        this.repair.stop();
        break;
      case 'hurry':
        this.#patience.hurry();
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
        this.#flushWanted = this.health.fault === undefined || this.health.paused;
        break;
    }
    this.#run();
  }

  #run(): void {
    this.#work();
    if (this.health.fault) {
      this.#begun = false;
      this.#queue.drop((item) => this.#drop(item));
      return;
    }
    if (this.#traffic.held || !this.#begun) return;
    this.#look();
    this.#adopt();
    this.#writer.sync();
    // Copies are data as entries are: they wait where those would.
    if (this.#traffic.hasRoom(1)) this.repair.fill();
    if (!this.#flushWanted || !this.caughtUp || this.#traffic.copies > 0) return;
    this.#flushWanted = false;
    this.#traffic.flush();
  }

  /** Deals with everything that is next and ready, as long as there is room under way. */
  #work(): void {
    while (!this.health.fault && !this.#traffic.held) {
      if (!this.#begun) this.#begin();
      const item = this.#queue.peek();
      if (!item || !this.#traffic.hasRoom(item.bytes)) return;
      if (item.kind === 'change' && item.pieces === undefined) return;
      if (item.kind === 'mark' && this.#holds(item)) return;
      const beyond = reachOf(item);
      if (beyond > this.health.size) {
        this.break(tooSmall(this.name, this.health.size, beyond, 'a write on the bus reaches to'));
        return;
      }
      this.#queue.shift();
      if (item.kind === 'change') this.#writer.change(item);
      else if (item.kind === 'gap') this.#writer.gap(item);
      else this.#writer.mark(item.barrier, this.#writer.consistent);
    }
  }

  /** What the medium holds is what the record says, from here on. */
  #begin(): void {
    this.#begun = true;
    this.#writer.begin();
    this.#writer.sync();
    for (const barrier of this.#lateMarks.splice(0)) this.#writer.mark(barrier, false);
  }

  /** Nothing with a number up to this one comes any more: said where the newest entry stands for all of it. */
  #reach(order: number): void {
    if (!this.#begun || this.health.fault || !this.#queue.isEmpty) return;
    if (this.#writer.stands(order)) this.#traffic.through(order);
  }

  /** A bookmark waits for what is being read back, as long as the bus is quiet: the moment it names is now. */
  #holds(item: MarkItem): boolean {
    this.#look();
    const { consistent } = item.barrier;
    this.#writer.follow(consistent);
    return consistent !== false && !this.#writer.consistent && !this.#queue.changeBehind && this.#patience.with(item);
  }

  /** Looks at what is under way at the LU, where that matters. */
  #look(): void {
    if (!this.#settles || !this.#horizon.unseen) this.#horizon.look(this.#queue.head);
    else if (!this.#traffic.settling) {
      this.#unsettled = false;
      this.#traffic.settle();
    }
  }

  /** The record may tell less apart than what is unknown: nothing in it is left behind. */
  #adopt(): void {
    const { end } = this.#writer;
    if (this.#traffic.appends + this.#traffic.copies > 0 || this.#unknown.intersects(0, end)) return;
    if (this.record.intersects(0, end)) this.#unknown.begin();
  }

  #done(id: number): void {
    const landed = this.#traffic.land(id);
    if (landed.kind === 'append') this.#durable(landed);
    else if (landed.kind === 'grow') this.health.resize(Math.max(this.health.size, landed.bytes));
    else if (landed.kind === 'settle' && !this.#unsettled) this.#horizon.look(this.#queue.head);
  }

  #durable(sent: Sent): void {
    if (sent.void) return;
    sent.forEachProved((start, end) => this.record.clear(start, end - start));
    if (!sent.change) return;
    for (const { length } of sent.pieces) this.writtenBytes += length;
  }

  #failed(id: number, fault: Fault, source: boolean): void {
    const landed = this.#traffic.land(id);
    if (landed.kind === 'append') {
      if (landed.void) return;
      this.#lose(landed);
      this.break(fault);
    } else if (landed.kind === 'copy') {
      if (landed.void) return;
      // What tables cannot tell is compared as it is copied.
      if (landed.survey) this.repair.surveyed();
      else if (source) this.repair.unread(landed.reads, fault, this.name.to);
      else this.break(fault);
    } else this.#errandFailed(landed, fault);
  }

  #errandFailed({ kind }: Errand, fault: Fault): void {
    if (kind === 'flush') this.break(fault);
    if (kind !== 'grow') return;
    const { size, capacity } = this.health;
    this.pause(cannotGrow(this.name, size, capacity, fault));
  }

  #copied(id: number, pieces: readonly Piece[]): void {
    const landed = this.#traffic.land(id);
    if (landed.kind !== 'copy' || landed.void || !this.#begun) return;
    for (const [start, end] of landed.reads) this.repair.copied(end - start);
    this.#unsettled = true;
    this.#writer.copied(landed, pieces);
  }

  /**
   * What was found to be the same counts as a copy of it that was read and did not differ, so that the writer's proof holds as
   * it stands: the checksums were true after every entry appended before had happened, and what was changed since is touched.
   */
  #surveyed(id: number, rest: Extents): void {
    const landed = this.#traffic.land(id);
    if (landed.kind !== 'copy' || landed.void || !this.#begun) return;
    rest.forEachIn(landed.start, landed.end, (start, end) => landed.touch(start, end));
    this.#unsettled = true;
    this.#writer.copied(landed, []);
    this.repair.surveyed();
  }

  #resolve(limit: number): void {
    if (this.health.fault) return;
    if (this.health.capacity === 0) this.#writer.end = limit;
    this.repair.start(Math.min(limit, this.health.size));
  }

  #facts(blockSize: number, capacity: number): void {
    if (blockSize > 0) this.record.blockSize = blockSize;
    const { size, capacity: before } = this.health;
    if (capacity === 0 || capacity === before) return;
    this.#writer.end = capacity;
    // What the volume holds where it grew, or where the mirror has nothing yet, nobody has seen.
    const known = before === 0 ? size : before;
    if (capacity > known) this.#writer.doubt(known, capacity - known, 'not-written');
    this.health.needs(capacity);
    // What another site has is no reason to refuse: it grows, or the mirror is paused with words until it can.
    if (capacity > size && !this.health.fault) this.#traffic.grow(capacity);
  }

  protected abandon(): void {
    this.#traffic.disown((sent) => this.#lose(sent));
    this.#flushWanted = false;
  }

  /** Whether the mirror has got the entry nobody knows. What a copy was to bring is in the record still. */
  #lose(sent: Sent): void {
    if (sent.mark) this.#keepMarks([sent.mark]);
    if (!sent.change) return;
    for (const { offset, length } of sent.pieces) this.record.add(offset, length, 'not-written');
  }

  #drop(item: Item): void {
    this.#writer.follow(upstreamOf(item));
    this.#writer.reach(orderOf(item));
    if (item.kind === 'change') {
      this.#writer.miss(item.change, 'not-written');
      if (item.entry) this.#backlog.done(item.entry);
    } else {
      if (item.kind === 'gap') this.#writer.doubtAll(item.ranges, 'no-room');
      this.#keepMarks(item.kind === 'gap' ? item.marks : [item.barrier]);
    }
  }

  /** Named again once the mirror is mended, never as consistent: better known to be lost than not known at all. */
  #keepMarks(marks: readonly Barrier[]): void {
    this.#lateMarks.push(...marks.slice(0, LATE_MARKS - this.#lateMarks.length));
  }
}
