import type { DoubtRecord, Reason } from '../base/backlog.ts';
import type { Barrier, Change, Piece } from '../base/change.ts';
import { Extents } from '../base/extents.ts';
import type { SharedPlace } from '../base/ordered.ts';
import { isOr } from '../base/payload.ts';
import { WHOLE } from './doubts.ts';
import type { Held } from './flight.ts';
import type { Horizon } from './orderedHorizon.ts';
import { common } from './orderedPieces.ts';
import { type ChangeItem, type GapItem, type OrderedQueue, orderOf, upstreamOf } from './orderedQueue.ts';
import type { Copying, OrderedTraffic, Sent } from './orderedTraffic.ts';
import type { Unknown } from './orderedUnknown.ts';

export interface WriterParts {
  record: DoubtRecord;
  unknown: Unknown;
  horizon: Horizon;
  queue: OrderedQueue;
  traffic: OrderedTraffic;
  /** Nanoseconds since 1970. */
  clock: () => bigint;
  /** Something came to be in doubt. */
  touched: () => void;
  upstream?: Upstream;
  /** The number before the first of the order that the volume shares with others. Absent: it shares none. */
  order?: number;
}

/** What is mirrored where that is a mirror itself (requirement D3): how it is before the first item that is taken. */
export interface Upstream {
  /** It holds a moment. */
  readonly consistent: boolean;
  /** Nanoseconds since 1970: the time of its newest moment. */
  readonly at: bigint;
}

/**
 * Makes entries of what an ordered mirror takes and copies, and says of each whether the mirror is consistent once it is
 * applied: whether it then holds what the first volume held after exactly the changes that were taken.
 *
 * Why that holds. `unknown` names the bytes whose content after the newest entry is not known. Each other byte holds
 * either what the changes taken so far made it, or what a copy read, which may be newer. A copy of bytes that are
 * unknown is read after every entry appended before it was asked for had happened at the first volume; what was appended
 * or came to be unknown since is taken out of it, so the rest holds the effect of the newest change among those taken, of
 * one that still stands in the backlog (and is applied later, over the copy, in its order), or of a write that had not
 * been told yet. Therefore the mirror is level again as soon as the backlog is worked off up to where it ended after the
 * last read, and the writes that were under way then have ended and are worked off too (`Horizon`). Until then, and while
 * anything is unknown, no entry says that the mirror is consistent.
 *
 * Where the first volume is a mirror itself (`upstream`, requirement D3) what it held after the changes that were taken is a
 * moment only if it said so: that travels with the changes, in their order, so `#moment` is what it said at exactly the
 * place that was taken up to. Copies change nothing of this: level, the mirror holds what the first volume held at that
 * place, whichever way the bytes came. Entries that no command brought have the time of the newest that was taken.
 *
 * In an order that volumes share (requirement C5) an entry's number is that of what was dealt with last, so a consistent
 * entry of number N stands for the volume's changes up to N, all of them. The entry before it does so for the numbers
 * between only if none of the volume's changes has one of those: whatever is missed on the way is a `doubt`, or a new
 * beginning, and the entry that comes next is not `joined` then. Nor may that be undone: marks that were given up in a gap
 * are named behind it.
 */
export class OrderedWriter {
  readonly #parts: WriterParts;
  /** What the newest entry said; undefined before the first. */
  #told: boolean | undefined;
  /** The newest time of an entry. */
  #at: bigint;
  /** The first volume holds a moment once what was taken is applied there. */
  #moment: boolean;
  /** The number of what was dealt with last, and whether everything since the newest entry is in none because there was nothing. */
  #order: number | undefined;
  #joined = false;
  /** The number that was told last. */
  #said = 0;
  /** Where the volume ends, as far as it is known. */
  end = WHOLE;

  constructor(parts: WriterParts) {
    this.#parts = parts;
    this.#moment = parts.upstream?.consistent ?? true;
    this.#at = parts.upstream?.at ?? 0n;
    this.#order = parts.order;
  }

  /** The mirror holds what the first volume held after the changes that were taken. */
  get consistent(): boolean {
    const { unknown, horizon, queue } = this.#parts;
    return this.#moment && !unknown.intersects(0, this.end) && horizon.level(queue.position);
  }

  /** What the mirror was told last. */
  get told(): boolean | undefined {
    return this.#told;
  }

  /** What the first volume says of itself from here on; undefined: the same as before. */
  follow(consistent: boolean | undefined): void {
    if (consistent !== undefined) this.#moment = consistent;
  }

  /** What the mirror holds is what the record says, and was said nothing of. */
  begin(): void {
    this.#parts.unknown.begin();
    this.#told = undefined;
    this.#joined = false;
  }

  /** Everything up to this number has been dealt with: true when the newest entry stands for it, and nobody has been told. */
  stands(order: number): boolean {
    if (this.#order === undefined || !this.#joined || order <= this.#said) return false;
    this.reach(order);
    this.#said = this.#order;
    return true;
  }

  /** What is dealt with has this number; undefined: that of what was before. */
  reach(order: number | undefined): void {
    if (this.#order !== undefined && order !== undefined && order > this.#order) this.#order = order;
  }

  /** `[offset, offset + length)` is not known from here on. */
  doubt(offset: number, length: number, reason: Reason): void {
    const { record, unknown, traffic, touched } = this.#parts;
    if (length === 0) return;
    this.#joined = false;
    const [start, end] = this.#blocks(offset, offset + length);
    if (end === WHOLE) record.addWhole(reason);
    else record.add(offset, length, reason);
    unknown.add(end === WHOLE ? 0 : start, end);
    traffic.doubt(end === WHOLE ? 0 : start, end);
    touched();
  }

  doubtAll(ranges: Extents, reason: Reason): void {
    for (const [start, length] of ranges.toRanges()) this.doubt(start, length, reason);
  }

  /** Nothing of the change is going to be written. */
  miss(change: Change, reason: Reason): void {
    if (change.pieces === 'wholeLu') this.doubt(0, WHOLE, change.doubt ?? reason);
    else for (const { offset, length } of change.pieces) this.doubt(offset, length, change.doubt ?? reason);
  }

  /** The item was taken from the queue's front just now. */
  change(item: ChangeItem): void {
    const { change, entry, pieces } = item;
    this.follow(upstreamOf(item));
    this.reach(orderOf(item));
    const { traffic } = this.#parts;
    const held: Held | undefined = entry && { entry, pending: 1 };
    this.#saw(change.at);
    if (change.pieces === 'wholeLu') this.miss(change, 'outcome');
    let group: Group | undefined;
    for (const piece of pieces ?? []) {
      if (piece.length === 0) continue;
      if (piece.payload === 'lbnOnly') {
        this.doubt(piece.offset, piece.length, change.doubt ?? (entry ? 'outcome' : 'no-room'));
        continue;
      }
      if (group && !group.add(piece)) {
        // The parts of an entry are applied at once, so what a later part of a change covers is an entry of its own.
        this.#send(group, change.at, false);
        group = undefined;
      }
      group ??= new Group(traffic.open(held), piece);
      this.#write(group.sent, piece);
    }
    if (group) this.#send(group, change.at, this.consistent);
    if (held) traffic.letGo(held);
  }

  /** What stood in a backlog that was given up. Its bookmarks name moments that nobody has any more. */
  gap(item: GapItem): void {
    this.follow(upstreamOf(item));
    this.reach(orderOf(item));
    this.doubtAll(item.ranges, 'no-room');
    for (const barrier of item.marks) this.mark(barrier, false);
  }

  mark(barrier: Barrier, consistent: boolean): void {
    const { traffic } = this.#parts;
    const { at, name = '' } = barrier;
    const sent = traffic.open(undefined);
    sent.mark = barrier;
    this.#saw(at);
    this.#told = consistent;
    this.reach(barrier.order);
    traffic.send(sent, { kind: 'mark', at, name, consistent, ...this.#place() });
  }

  /** A copy was read and compared; `pieces` differ. Returns how much of it came to be known by that. */
  copied({ start, end, touched }: Copying, pieces: readonly Piece[]): number {
    const { unknown, horizon, traffic, record } = this.#parts;
    const known = new Extents();
    unknown.forEachIn(start, end, (from, to) => touched.gaps(from, to, (s, e) => known.add(s, e)));
    if (known.isEmpty) return 0;
    const ranges = known.toRanges().map(([from, length]) => [from, from + length] as const);
    for (const [from, to] of ranges) {
      unknown.clear(from, to);
      horizon.copied(from, to);
    }
    const differing = common(pieces, known);
    // Where nothing differs it is proved by what the mirror was given before, once all of that is durable.
    const sent = differing.length > 0 ? traffic.open(undefined) : traffic.newest;
    for (const [from, to] of ranges) {
      if (sent) sent.proves(from, to);
      else record.clear(from, to - from);
    }
    if (sent && differing.length > 0) {
      const at = this.#now();
      traffic.send(sent, {
        kind: 'copy',
        at,
        pieces: differing,
        consistent: this.#say(this.consistent),
        ...this.#place(),
      });
    }
    return known.total;
  }

  /** Tells the mirror what it is by now, if that is news. */
  sync(): void {
    const { traffic } = this.#parts;
    const { consistent } = this;
    if (consistent === this.#told) return;
    const at = this.#now();
    traffic.send(traffic.open(undefined), { kind: 'state', at, consistent: this.#say(consistent), ...this.#place() });
  }

  #write(sent: Sent, { offset, length, payload }: Piece): void {
    const { record, unknown, traffic } = this.#parts;
    const end = offset + length;
    traffic.touch(...this.#blocks(offset, end));
    // An OR makes known only what was known before.
    if (isOr(payload) || !record.intersects(offset, end)) return;
    unknown.clear(offset, end);
    sent.proves(offset, end);
  }

  #send({ sent, pieces }: Group, at: bigint, consistent: boolean): void {
    this.#parts.traffic.send(sent, { kind: 'change', at, pieces, consistent: this.#say(consistent), ...this.#place() });
  }

  /** The next entry's place in the shared order. */
  #place(): { order?: SharedPlace } {
    if (this.#order === undefined) return {};
    const joined = this.#joined;
    this.#joined = true;
    this.#said = this.#order;
    return { order: { number: this.#order, joined } };
  }

  #say(consistent: boolean): boolean {
    this.#told = consistent;
    return consistent;
  }

  /** `[start, end)` rounded outwards to whole blocks, as the record keeps them. */
  #blocks(start: number, end: number): [number, number] {
    const { blockSize } = this.#parts.unknown;
    return [Math.floor(start / blockSize) * blockSize, Math.min(Math.ceil(end / blockSize) * blockSize, WHOLE)];
  }

  #saw(at: bigint): void {
    if (at > this.#at) this.#at = at;
  }

  /** The time of an entry that no command brought: never before those of the bus. */
  #now(): bigint {
    if (this.#parts.upstream === undefined) this.#saw(this.#parts.clock());
    return this.#at;
  }
}

/** Pieces of one change that become one entry. */
class Group {
  readonly sent: Sent;
  readonly pieces: Piece[];
  #high: number;
  #covered: Extents | undefined;

  constructor(sent: Sent, piece: Piece) {
    this.sent = sent;
    this.pieces = [piece];
    this.#high = piece.offset + piece.length;
  }

  /** False when the piece touches one of those before. */
  add(piece: Piece): boolean {
    const end = piece.offset + piece.length;
    if (piece.offset < this.#high) {
      this.#covered ??= this.#cover();
      if (this.#covered.intersects(piece.offset, end)) return false;
    }
    this.#covered?.add(piece.offset, end);
    this.#high = Math.max(this.#high, end);
    this.pieces.push(piece);
    return true;
  }

  #cover(): Extents {
    const covered = new Extents();
    for (const { offset, length } of this.pieces) covered.add(offset, offset + length);
    return covered;
  }
}
