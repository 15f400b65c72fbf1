import type { Backlog } from '../base/backlog.ts';
import type { Barrier, Piece } from '../base/change.ts';
import { Extents } from '../base/extents.ts';
import { Fault } from '../base/fault.ts';
import type { OrderedEntry } from '../base/ordered.ts';
import type { Held } from './flight.ts';
import { dataBytes } from './orderedPieces.ts';
import type { OrderedRequest } from './orderedRequests.ts';
import type { CopyTraffic } from './repair.ts';

/** Entries under way at once, however small they are. */
const ENTRIES_MAX = 4096;

/** An entry that is being put together, or is under way. */
export class Sent {
  readonly kind = 'append';
  readonly id: number;
  /** It carries a part of a taken entry of the backlog, whose data it refers to. */
  readonly held: Held | undefined;
  pieces: readonly Piece[] = [];
  /** It carries what a change wrote. */
  change = false;
  at = 0n;
  /** The bookmark that it is. */
  mark: Barrier | undefined;
  /** Bytes of memory that it refers to. */
  bytes = 0;
  /** Bytes that leave the record once it is durable. */
  #proved: Extents | undefined;
  /** Its end means nothing any more: what it carried is in the record. */
  void = false;

  constructor(id: number, held: Held | undefined) {
    this.id = id;
    this.held = held;
  }

  proves(start: number, end: number): void {
    this.#proved ??= new Extents();
    this.#proved.add(start, end);
  }

  doubt(start: number, end: number): void {
    this.#proved?.remove(start, end);
  }

  forEachProved(callback: (start: number, end: number) => void): void {
    this.#proved?.forEachIn(0, Number.MAX_SAFE_INTEGER, callback);
  }
}

/** A copy that is being read and compared. */
export class Copying {
  readonly kind = 'copy';
  readonly start: number;
  readonly end: number;
  /** It is compared by block tables. */
  readonly survey: boolean;
  /** What was changed or came to be unknown since it was asked for: what was read there may be older. */
  readonly touched = new Extents();
  void = false;
  /** What of it is read; undefined: all. */
  ranges: readonly (readonly [number, number])[] | undefined;

  constructor(start: number, end: number, survey = false) {
    this.start = start;
    this.end = end;
    this.survey = survey;
  }

  /** What is read of it, in order. */
  get reads(): readonly (readonly [number, number])[] {
    return this.ranges ?? [[this.start, this.end]];
  }

  touch(start: number, end: number): void {
    const [from, to] = [Math.max(start, this.start), Math.min(end, this.end)];
    if (from < to) this.touched.add(from, to);
  }
}

/** A request that carries no data. */
export interface Errand {
  readonly kind: 'flush' | 'grow' | 'settle';
  readonly bytes: number;
}

/** What an ordered mirror has asked for and what is still under way. */
export class OrderedTraffic implements CopyTraffic {
  readonly #backlog: Backlog;
  readonly #bytesMax: number;
  #requests: OrderedRequest[] = [];
  #lastId = 0;
  /** In the order of their ids, which is that of the mirror. */
  readonly #appends = new Map<number, Sent>();
  readonly #copies = new Map<number, Copying>();
  readonly #errands = new Map<number, Errand>();
  #newest: Sent | undefined;
  #bytes = 0;

  constructor(backlog: Backlog, bytesMax: number) {
    this.#backlog = backlog;
    this.#bytesMax = bytesMax;
  }

  /** Entries under way. */
  get appends(): number {
    return this.#appends.size;
  }

  get copies(): number {
    return this.#copies.size;
  }

  /** A flush or a growth is under way: nothing else starts until it ends. */
  get held(): boolean {
    for (const { kind } of this.#errands.values()) if (kind !== 'settle') return true;
    return false;
  }

  get settling(): boolean {
    for (const { kind } of this.#errands.values()) if (kind === 'settle') return true;
    return false;
  }

  get isEmpty(): boolean {
    return this.#appends.size + this.#copies.size + this.#errands.size === 0;
  }

  /** So many bytes more may be under way; one entry always may. */
  hasRoom(bytes: number): boolean {
    return this.#appends.size === 0 || (this.#bytes + bytes <= this.#bytesMax && this.#appends.size < ENTRIES_MAX);
  }

  /** What was asked for since the last call. */
  take(): readonly OrderedRequest[] {
    const requests = this.#requests;
    if (requests.length > 0) this.#requests = [];
    return requests;
  }

  notice(text: string): void {
    this.#requests.push({ kind: 'notice', text });
  }

  /** An entry to be put together, behind those before; it counts as under way from here on. */
  open(held: Held | undefined): Sent {
    const sent = new Sent(++this.#lastId, held);
    if (held) held.pending++;
    this.#appends.set(sent.id, sent);
    this.#newest = sent;
    return sent;
  }

  send(sent: Sent, entry: OrderedEntry): void {
    sent.at = entry.at;
    if ('pieces' in entry) {
      sent.pieces = entry.pieces;
      sent.change = entry.kind === 'change';
      for (const piece of entry.pieces) sent.bytes += dataBytes(piece);
      this.#bytes += sent.bytes;
    }
    this.#requests.push({ kind: 'append', id: sent.id, entry });
  }

  /** The entry that is under way and was opened first. */
  get oldest(): Sent | undefined {
    return this.#appends.values().next().value;
  }

  /** The entry that is under way and was opened last. */
  get newest(): Sent | undefined {
    return this.#newest;
  }

  through(order: number): void {
    this.#requests.push({ kind: 'through', order });
  }

  recall(seq: number, pieces: readonly Piece[]): number {
    const id = ++this.#lastId;
    this.#requests.push({ kind: 'recall', id, seq, pieces });
    return id;
  }

  forget(seq: number): void {
    this.#requests.push({ kind: 'forget', seq });
  }

  flush(): void {
    this.#requests.push({ kind: 'flush', id: this.#errand('flush') });
  }

  settle(): void {
    this.#requests.push({ kind: 'settle', id: this.#errand('settle') });
  }

  grow(bytes: number): void {
    this.#requests.push({ kind: 'grow', id: this.#errand('grow', bytes), bytes });
  }

  /** Copies never touch each other, and need not wait for entries. */
  touches(): boolean {
    return false;
  }

  copy(start: number, end: number): void {
    const id = ++this.#lastId;
    this.#copies.set(id, new Copying(start, end));
    this.#requests.push({ kind: 'copy', id, offset: start, length: end - start });
  }

  copyRanges(ranges: readonly (readonly [number, number])[]): void {
    const id = ++this.#lastId;
    const [offset, end] = [ranges[0][0], ranges[ranges.length - 1][1]];
    const copying = new Copying(offset, end);
    copying.ranges = ranges;
    // What lies between is not read, and so not known either.
    for (let i = 1; i < ranges.length; i++) copying.touch(ranges[i - 1][1], ranges[i][0]);
    this.#copies.set(id, copying);
    this.#requests.push({ kind: 'copy', id, offset, length: end - offset, ranges });
  }

  survey(wanted: Extents, limit: number): void {
    const id = ++this.#lastId;
    this.#copies.set(id, new Copying(0, limit, true));
    this.#requests.push({ kind: 'survey', id, wanted });
  }

  /** A request has ended; the backlog needs an entry's data no longer once all that carried it have. */
  land(id: number): Sent | Copying | Errand {
    const sent = this.#appends.get(id);
    if (sent) {
      this.#appends.delete(id);
      this.#bytes -= sent.bytes;
      if (this.#newest === sent) this.#newest = [...this.#appends.values()].at(-1);
      if (sent.held) this.letGo(sent.held);
      return sent;
    }
    const other = this.#copies.get(id) ?? this.#errands.get(id);
    if (!other) throw new Fault('bug', `request ${id} of an ordered mirror ended twice or was never made`);
    this.#copies.delete(id);
    this.#errands.delete(id);
    return other;
  }

  letGo(held: Held): void {
    held.pending--;
    if (held.pending === 0) this.#backlog.done(held.entry);
  }

  /** `[start, end)` is changed by the entry that is being put together: what a copy reads may be older. */
  touch(start: number, end: number): void {
    for (const copying of this.#copies.values()) copying.touch(start, end);
  }

  /** `[start, end)`, whole blocks, came to be unknown: what is under way proves nothing about it. */
  doubt(start: number, end: number): void {
    this.touch(start, end);
    for (const sent of this.#appends.values()) sent.doubt(start, end);
  }

  /** From here on the end of what is under way means nothing. Calls back with each entry that this is news for. */
  disown(callback: (sent: Sent) => void): void {
    for (const copying of this.#copies.values()) copying.void = true;
    for (const sent of this.#appends.values()) {
      if (!sent.void) callback(sent);
      sent.void = true;
    }
  }

  /** Calls back with the runs of bytes of every entry under way. */
  forEachRun(callback: (start: number, end: number) => void): void {
    for (const { pieces } of this.#appends.values()) {
      for (const { offset, length } of pieces) callback(offset, offset + length);
    }
  }

  #errand(kind: Errand['kind'], bytes = 0): number {
    const id = ++this.#lastId;
    this.#errands.set(id, { kind, bytes });
    return id;
  }
}
