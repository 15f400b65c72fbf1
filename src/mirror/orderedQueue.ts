import type { Backlog, Entry } from '../base/backlog.ts';
import type { Barrier, Change, Piece } from '../base/change.ts';
import { Extents } from '../base/extents.ts';
import { WHOLE } from './doubts.ts';
import { dataBytes, hasData, recalledPieces } from './orderedPieces.ts';
import type { OrderedTraffic } from './orderedTraffic.ts';

/** Bytes and entries that are taken ahead of the one that is next, so that their data is recalled meanwhile. */
const AHEAD_BYTES = 4 * 1024 * 1024;
const AHEAD_ENTRIES = 1024;
/** Ranges of a gap that are told apart, and bookmarks in it that are kept. */
const GAP_RANGES = 65_536;
const GAP_MARKS = 4096;

/** A change that was taken. */
export interface ChangeItem {
  readonly kind: 'change';
  readonly position: number;
  readonly change: Change;
  /** Its place in the backlog, unless its data was lost there. */
  readonly entry: Entry | undefined;
  /** Undefined while its data is being recalled. */
  pieces: readonly Piece[] | undefined;
  readonly bytes: number;
}

/** What stood in a backlog that was given up. */
export interface GapItem {
  readonly kind: 'gap';
  readonly position: number;
  readonly ranges: Extents;
  readonly marks: Barrier[];
  /** What the last of it said, and its number in a shared order. */
  consistent: boolean | undefined;
  order: number | undefined;
  readonly bytes: 0;
}

export interface MarkItem {
  readonly kind: 'mark';
  readonly position: number;
  readonly barrier: Barrier;
  readonly bytes: 0;
}

export type Item = ChangeItem | GapItem | MarkItem;

/** Where the data of an item ends at the mirror; 0 where it has none. */
export function reachOf(item: Item): number {
  let end = 0;
  if (item.kind === 'change') {
    for (const { offset, length, payload } of item.pieces ?? []) {
      if (payload !== 'lbnOnly') end = Math.max(end, offset + length);
    }
  }
  return end;
}

/** Whether what is mirrored holds a moment once the item is applied there; undefined: as before. */
export function upstreamOf(item: Item): boolean | undefined {
  if (item.kind === 'gap') return item.consistent;
  return item.kind === 'change' ? item.change.consistent : item.barrier.consistent;
}

/** Its number in an order that volumes share; undefined: that of the item before. */
export function orderOf(item: Item): number | undefined {
  if (item.kind === 'gap') return item.order;
  return item.kind === 'change' ? item.change.order : item.barrier.order;
}

/** An ordered mirror's backlog as it is worked off: strictly in order, the data of lost entries recalled ahead. */
export class OrderedQueue {
  readonly #backlog: Backlog;
  readonly #traffic: OrderedTraffic;
  readonly #items: Item[] = [];
  readonly #recalls = new Map<number, ChangeItem>();
  #bytes = 0;

  constructor(backlog: Backlog, traffic: OrderedTraffic) {
    this.#backlog = backlog;
    this.#traffic = traffic;
  }

  /** The ring's position before which every change has been dealt with. */
  get position(): number {
    for (const { kind, position } of this.#items) if (kind !== 'mark') return position;
    return this.#backlog.position;
  }

  /** One past the newest entry of the ring. */
  get head(): number {
    return this.#backlog.position + this.#backlog.length;
  }

  /** When the oldest entry happened that was taken. */
  get oldest(): bigint | undefined {
    const item = this.#items[0];
    if (item?.kind === 'change') return item.change.at;
    return item?.kind === 'mark' ? item.barrier.at : item?.marks[0]?.at;
  }

  get isEmpty(): boolean {
    return this.#items.length === 0 && this.#backlog.length === 0;
  }

  /** What is next, taken from the backlog where that is needed; undefined when there is nothing. */
  peek(): Item | undefined {
    while (this.#mayTake()) this.#take();
    return this.#items[0];
  }

  /** A change stands behind the item that `peek` shows. */
  get changeBehind(): boolean {
    return this.#backlog.length > 0 || this.#items.some(({ kind }, i) => i > 0 && kind !== 'mark');
  }

  shift(): void {
    const item = this.#items.shift();
    if (item) this.#bytes -= item.bytes;
  }

  recalled(id: number, pieces: readonly Piece[]): void {
    const item = this.#recalls.get(id);
    this.#recalls.delete(id);
    if (item) item.pieces = recalledPieces(item.change.pieces as readonly Piece[], pieces);
  }

  /** The backlog is giving this change up at this moment; it must not be taken from. */
  miss(change: Change): void {
    const gap = this.#gap();
    const { ranges } = gap;
    gap.consistent = change.consistent ?? gap.consistent;
    gap.order = change.order ?? gap.order;
    if (change.pieces === 'wholeLu') ranges.add(0, WHOLE);
    else for (const { offset, length } of change.pieces) ranges.add(offset, offset + length);
    if (this.#backlog.lost) this.#traffic.forget(change.seq);
  }

  missMark(barrier: Barrier): void {
    const gap = this.#gap();
    const { marks } = gap;
    gap.consistent = barrier.consistent ?? gap.consistent;
    gap.order = barrier.order ?? gap.order;
    if (marks.length < GAP_MARKS) marks.push(barrier);
  }

  /** Takes everything there is and gives it up; calls back with each item. */
  drop(callback: (item: Item) => void): void {
    const items = this.#items.splice(0);
    this.#bytes = 0;
    this.#recalls.clear();
    for (const item of items) callback(item);
    for (let entry = this.#backlog.peek(); entry; entry = this.#backlog.peek()) {
      const { lost, position } = this.#backlog;
      this.#backlog.take();
      const { change, barrier } = entry;
      if (change) {
        if (lost) this.#traffic.forget(change.seq);
        callback({ kind: 'change', position, change, entry: lost ? undefined : entry, pieces: [], bytes: 0 });
      } else if (barrier?.name !== undefined) callback({ kind: 'mark', position, barrier, bytes: 0 });
    }
  }

  /** Calls back with every range of bytes that waits; they may overlap. */
  forEachWaiting(callback: (start: number, end: number) => void): void {
    const each = (change: Change | undefined): void => {
      if (change?.pieces === 'wholeLu') callback(0, WHOLE);
      else for (const { offset, length } of change?.pieces ?? []) callback(offset, offset + length);
    };
    for (const item of this.#items) {
      if (item.kind === 'gap') item.ranges.forEachIn(0, WHOLE, callback);
      else if (item.kind === 'change') each(item.change);
    }
    this.#backlog.forEach((entry) => {
      each(entry.change);
    });
  }

  /** Ahead of the next one only what is waited for, and bookmarks: what is taken can no longer be shed. */
  #mayTake(): boolean {
    const next = this.#backlog.peek();
    if (!next) return false;
    if (this.#items.length === 0) return true;
    if (this.#bytes >= AHEAD_BYTES || this.#items.length >= AHEAD_ENTRIES) return false;
    return next.change === undefined || next.change.late || this.#backlog.lost || this.#recalls.size > 0;
  }

  #take(): void {
    const entry = this.#backlog.peek() as Entry;
    const { change, barrier } = entry;
    const { lost, position } = this.#backlog;
    this.#backlog.take();
    if (!change) {
      if (barrier?.name !== undefined) this.#items.push({ kind: 'mark', position, barrier, bytes: 0 });
      return;
    }
    const pieces = change.pieces === 'wholeLu' ? [] : change.pieces;
    let bytes = 0;
    for (const piece of pieces) bytes += dataBytes(piece);
    const item: ChangeItem = { kind: 'change', position, change, entry: lost ? undefined : entry, pieces, bytes };
    // A bookmark that waits does so for this as well: hosts have done nothing since it was set.
    const behind = change.late ? this.#items.findLastIndex(({ kind }) => kind !== 'mark') + 1 : this.#items.length;
    this.#items.splice(behind, 0, item);
    this.#bytes += bytes;
    if (!lost) return;
    item.pieces = undefined;
    this.#recalls.set(this.#traffic.recall(change.seq, pieces.filter(hasData)), item);
  }

  #gap(): GapItem {
    const last = this.#items.at(-1);
    if (last?.kind === 'gap') return last;
    const { position } = this.#backlog;
    const ranges = new Extents(GAP_RANGES);
    const said = { consistent: undefined, order: undefined };
    const gap: GapItem = { kind: 'gap', position, ranges, marks: [], ...said, bytes: 0 };
    this.#items.push(gap);
    return gap;
  }
}
