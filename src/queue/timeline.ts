import type { QueueHead } from '../../parsers/formats/queueEntry.ts';
import type { StoreOrder } from '../../parsers/formats/queueState.ts';
import { Fault } from '../base/fault.ts';
import type { EntryPlace } from '../base/ordered.ts';
import type { Bookmark, Moment, Moments, MomentsSummary, MomentTarget, Span } from './moments.ts';
import type { QueueIndex } from './queueIndex.ts';
import { type NumberRange, type OrderRun, SharedOrders } from './sharedOrders.ts';

/** What holds from an entry on until the next one of its list. */
interface Turn<T> {
  readonly sequence: number;
  readonly value: T;
}

/** The base's own moment, and the volume's length then. */
export interface BaseMoment extends Moment {
  readonly bytes: number;
  /** Its last entry's, and where it stands in a shared order. */
  readonly place?: EntryPlace | undefined;
  readonly shared?: StoreOrder | undefined;
}

/** The moments of a queue: their times, which are consistent, their bookmarks, and the volume's length at each. */
export class Timeline {
  /** In an order with the moments of other volumes. */
  readonly orders: SharedOrders;
  readonly #index: QueueIndex;
  #base: Moment;
  #clock: bigint;
  /** Where `consistent` and the length turn; the first of each is the base's. */
  readonly #consistent: Turn<boolean>[];
  readonly #bytes: Turn<number>[];
  /** Every bookmark that was ever set; the last one of a name counts. */
  readonly #marks: Turn<string>[] = [];

  constructor(index: QueueIndex, base: BaseMoment) {
    this.#index = index;
    const { sequence, at, consistent, place, shared } = base;
    this.orders = new SharedOrders(index, sequence, place, shared);
    this.#base = { sequence, at, consistent };
    this.#clock = at;
    this.#consistent = [{ sequence, value: consistent }];
    this.#bytes = [{ sequence, value: base.bytes }];
  }

  get base(): Moment {
    return this.#base;
  }

  /** The newest moment's sequence. */
  get newest(): number {
    return this.#index.next - 1;
  }

  /** The time of the moment that an entry of time `at` makes. */
  clockOf(at: bigint): bigint {
    return at > this.#clock ? at : this.#clock;
  }

  /** Follows an entry that was just added to the index. */
  add(head: QueueHead): void {
    const sequence = this.newest;
    this.#clock = this.#index.clock(sequence);
    if (head.consistent !== this.#consistent.at(-1)?.value) this.#consistent.push({ sequence, value: head.consistent });
    if (head.kind === 'size') this.#bytes.push({ sequence, value: head.bytes });
    if (head.kind === 'mark') this.#marks.push({ sequence, value: head.name });
    this.orders.add(head);
  }

  moment(sequence: number): Moment {
    if (sequence === this.#base.sequence) return this.#base;
    return { sequence, at: this.#index.clock(sequence), consistent: this.#index.consistent(sequence) };
  }

  bytesAt(sequence: number): number {
    return valueAt(this.#bytes, sequence);
  }

  /** The newest moment that is consistent, if any is. */
  lastConsistent(): number | undefined {
    const last = this.#consistent[this.#consistent.length - 1];
    if (last.value) return this.newest;
    return this.#consistent.length > 1 ? last.sequence - 1 : undefined;
  }

  bookmarks(): Bookmark[] {
    const names = new Map<string, number>();
    for (const { sequence, value } of this.#marks) names.set(value, sequence);
    return [...names]
      .map(([name, sequence]) => ({ name, ...this.moment(sequence) }))
      .sort((a, b) => a.sequence - b.sequence);
  }

  /** The newest `most` of them. */
  spans(most: number = Number.POSITIVE_INFINITY): Span[] {
    const turns = this.#consistent;
    const spans: Span[] = [];
    for (let i = Math.max(0, turns.length - most); i < turns.length; i++) {
      const { sequence, value } = turns[i];
      const to = (turns[i + 1]?.sequence ?? this.newest + 1) - 1;
      spans.push({ from: this.moment(sequence), to: this.moment(to), consistent: value });
    }
    return spans;
  }

  /** `spans`: the newest so many of them. */
  moments(damage: string | undefined, spans?: number): Moments {
    return {
      oldest: this.#base,
      newest: this.moment(this.newest),
      spans: this.spans(spans),
      entries: this.#index.entries,
      bytes: this.#index.bytes,
      bookmarks: this.bookmarks(),
      damage,
    };
  }

  summary(damage: string | undefined): MomentsSummary {
    return {
      oldest: this.#base,
      newest: this.moment(this.newest),
      spans: this.#consistent.length,
      entries: this.#index.entries,
      bytes: this.#index.bytes,
      bookmarks: new Set(this.#marks.map(({ value }) => value)).size,
      damage,
    };
  }

  /** The moment meant; throws a `Fault` where it is not kept, or not consistent and not `force`d. */
  find(target: MomentTarget, force: boolean): Moment {
    const moment = this.moment(this.#sequenceOf(target));
    if (!moment.consistent && !force) throw this.#refusal(moment);
    return moment;
  }

  /** Entries up to this one are the base's from now on: tells which bookmarks left with them. Call before the index drops. */
  dropTo(sequence: number): string[] {
    const before = this.bookmarks();
    this.orders.dropTo(sequence);
    this.#base = this.moment(sequence);
    dropTurns(this.#consistent, sequence);
    dropTurns(this.#bytes, sequence);
    const kept = this.#marks.filter((mark) => mark.sequence > sequence);
    this.#marks.splice(0, this.#marks.length, ...kept);
    return before.filter((mark) => mark.sequence <= sequence).map(({ name }) => name);
  }

  /** The base is no moment of the volume. */
  doubtBase(): void {
    this.#base = { ...this.#base, consistent: false };
    const { sequence } = this.#consistent[0];
    this.#consistent[0] = { sequence, value: false };
    this.orders.doubtBase();
  }

  /** The newest entry whose moment is not after `time`; the base's sequence when there is none. */
  lastNotAfter(time: bigint): number {
    let low = this.#index.first;
    let high = this.#index.next;
    while (low < high) {
      const mid = Math.floor((low + high) / 2);
      if (this.#index.clock(mid) <= time) low = mid + 1;
      else high = mid;
    }
    return Math.max(low - 1, this.#base.sequence);
  }

  /** Entries behind this one never were. Call before the index cuts. */
  cutTo(sequence: number): void {
    for (const turns of [this.#consistent, this.#bytes, this.#marks] as Turn<unknown>[][]) {
      while (turns.length > 0 && turns[turns.length - 1].sequence > sequence) turns.pop();
    }
    this.#clock = this.moment(sequence).at;
    this.orders.cutTo(sequence);
  }

  /** Numbers of the shared order within the run at which the volume was not consistent, or nobody knows; they may overlap. */
  doubtful(run: OrderRun): NumberRange[] {
    const ranges = this.orders.unknown(run);
    this.#consistent.forEach(({ sequence, value }, i) => {
      const end = this.#consistent[i + 1]?.sequence ?? this.newest + 1;
      if (value || end <= run.first || sequence > run.last) return;
      const from = this.orders.numberOf(Math.max(sequence, run.first));
      const to = end > run.last ? run.high : this.orders.numberOf(end) - 1;
      if (from <= to) ranges.push([from, to]);
    });
    return ranges;
  }

  #sequenceOf(target: MomentTarget): number {
    if ('mark' in target) {
      const mark = this.#marks.findLast(({ value }) => value === target.mark);
      if (mark) return mark.sequence;
      const names = this.bookmarks().map(({ name }) => name);
      const mend = names.length > 0 ? `there are: ${names.slice(-20).join(', ')}` : 'none is kept: name a time';
      throw new Fault('local', `no bookmark ${JSON.stringify(target.mark)} is kept`, mend);
    }
    if ('time' in target) return this.#sequenceAt(target.time);
    const { sequence } = target;
    if (Number.isSafeInteger(sequence) && sequence >= this.#base.sequence && sequence <= this.newest) return sequence;
    const mend = `sequences ${this.#base.sequence} to ${this.newest} are kept`;
    throw new Fault('local', `sequence ${sequence} is not kept`, mend);
  }

  /** The last moment that is not after `time`. */
  #sequenceAt(time: bigint): number {
    if (time < this.#base.at) {
      const mend = `the oldest moment kept is that of ${timeText(this.#base.at)}`;
      throw new Fault('local', `${timeText(time)} lies before everything that is kept`, mend);
    }
    return this.lastNotAfter(time);
  }

  #refusal({ sequence, at }: Moment): Fault {
    const i = this.#consistent.findLastIndex((turn) => turn.sequence <= sequence);
    const told: string[] = [];
    if (i > 0) told.push(`the last one before it is ${this.#words(this.#consistent[i].sequence - 1)}`);
    const after = this.#consistent[i + 1];
    if (after) told.push(`the first one after it is ${this.#words(after.sequence)}`);
    const nearest =
      told.length > 0 ? `take a consistent one: ${told.join(', ')}; or` : 'wait until it has caught up, or';
    const what = `the moment of sequence ${sequence} (${timeText(at)}) is not consistent`;
    return new Fault('local', `${what}: it mixes blocks of different times`, `${nearest} force it`);
  }

  #words(sequence: number): string {
    return `sequence ${sequence} (${timeText(this.moment(sequence).at)})`;
  }
}

function valueAt<T>(turns: readonly Turn<T>[], sequence: number): T {
  const i = turns.findLastIndex((turn) => turn.sequence <= sequence);
  return turns[Math.max(i, 0)].value;
}

/** Lets the list begin at `sequence`. */
function dropTurns<T>(turns: Turn<T>[], sequence: number): void {
  const value = valueAt(turns, sequence);
  const later = turns.findIndex((turn) => turn.sequence > sequence);
  turns.splice(0, later < 0 ? turns.length : later, { sequence, value });
}

/** ISO 8601 in UTC, to the millisecond. */
export function timeText(at: bigint): string {
  if (at === 0n) return 'the beginning';
  const ms = Number(at / 1_000_000n);
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : `${at} ns`;
}
