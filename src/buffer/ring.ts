import type { Backlog, Entry } from '../base/backlog.ts';
import type { Barrier, Change, Lease } from '../base/change.ts';
import { Extents } from '../base/extents.ts';
import type { RoomHolder } from './room.ts';

/** What a ring needs of its room. */
export interface RingRoom {
  give(lease: Lease): void;
  eased(): void;
}

/** What a place may want besides the entries. */
export interface PlaceOptions {
  /**
   * Bytes of leases that the place may hold, from the push until `done`. A change that would exceed them is lost for
   * this place alone, as it is pushed. Absent: as many as the room has.
   */
  bytes?: number;
  /** That has happened to this change; no mirror has begun to write it. */
  lost?: (change: Change) => void;
  /** A bookmark stood in a backlog that had to be given up. Told in order with the changes. */
  missedMark?: (barrier: Barrier) => void;
}

const ENTRIES_MAX = 65_536;

class Slot implements Entry {
  readonly change: Change | undefined;
  readonly barrier: Barrier | undefined;
  readonly position: number;
  /** Mirrors that may still need the data. */
  holders: number;

  constructor(change: Change | undefined, barrier: Barrier | undefined, position: number, holders: number) {
    this.change = change;
    this.barrier = barrier;
    this.position = position;
    this.holders = holders;
  }

  /** An UNMAP may name thousands of runs: each counts. */
  get weight(): number {
    return this.change === undefined || this.change.pieces === 'wholeLu' ? 1 : Math.max(1, this.change.pieces.length);
  }
}

/**
 * The ordered ring of one volume's changes and barriers, with a place for each mirror (requirement B4).
 *
 * A change's lease goes back to the room when no mirror needs its data: each has written it or has lost it. When room
 * is short, mirrors behind the foremost lose data, oldest first, and for them alone those changes are LBN-only; what a
 * mirror has taken is being written and is never lost. A place may have a bound of its own. Entries are bounded too: one more than `entriesMax` (an entry
 * counts once for each of its pieces) and the furthest-behind mirror misses its whole backlog and moves to the head.
 */
export class Ring implements RoomHolder {
  readonly #room: RingRoom;
  readonly #entriesMax: number;
  readonly #places: Place[] = [];
  /** Of them those that get what is pushed. */
  #joined = 0;
  /** Entries at positions `[tail, head)`, at index `position & mask`. */
  #slots: (Slot | undefined)[] = new Array<Slot | undefined>(64).fill(undefined);
  #tail = 0;
  #head = 0;
  #weight = 0;
  #heldBytes = 0;
  /** Nothing below this position can be shed. */
  #shedFrom = 0;

  constructor(room: RingRoom, entriesMax: number = ENTRIES_MAX) {
    this.#room = room;
    this.#entriesMax = entriesMax;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  get crowded(): boolean {
    return this.#weight > this.#entriesMax / 2;
  }

  /** A place for one more mirror, at the head. `missed` is told each change of a backlog that had to be given up. */
  join(missed: (change: Change) => void, options: PlaceOptions = {}): Backlog {
    const place = new Place(this, this.#head, missed, options);
    this.#places.push(place);
    this.#joined++;
    return place;
  }

  /** The mirror of this place gets nothing that is pushed from here on; what it has to take it may take. */
  leave(backlog: Backlog): void {
    const place = this.#places.find((one) => one === backlog);
    if (place === undefined || place.end !== undefined) return;
    place.end = this.#head;
    this.#joined--;
    this.trim();
  }

  /** The lease of the change, if it has one, belongs to the ring from here on. */
  push(change: Change): void {
    this.#push(new Slot(change, undefined, this.#head, this.#joined));
  }

  pushBarrier(barrier: Barrier): void {
    this.#push(new Slot(undefined, barrier, this.#head, this.#joined));
  }

  shed(bytes: number): number {
    let foremost = 0;
    for (const place of this.#places) foremost = Math.max(foremost, place.next);
    let freed = 0;
    let at = Math.max(this.#tail, this.#shedFrom);
    for (; at < foremost && freed < bytes; at++) {
      const slot = this.at(at);
      const lease = slot.change?.lease;
      if (lease === undefined || slot.holders === 0) continue;
      let behind = 0;
      for (const place of this.#places) if (place.needs(at)) behind++;
      // More holders than mirrors behind: someone is writing it, so nothing would come free.
      if (behind !== slot.holders) continue;
      for (const place of this.#places) if (place.needs(at)) place.lose(at);
      slot.holders = 1;
      this.release(slot);
      freed += lease.bytes;
    }
    this.#shedFrom = at;
    return freed;
  }

  /** For places: the entry at a position in `[tail, head)`. */
  at(position: number): Slot {
    return this.#slots[position & (this.#slots.length - 1)] as Slot;
  }

  /** For places: one past the newest entry. */
  get head(): number {
    return this.#head;
  }

  /** For places: one mirror less needs the data. */
  release(slot: Slot): void {
    slot.holders--;
    if (slot.holders > 0) {
      this.#shedFrom = Math.min(this.#shedFrom, slot.position);
      return;
    }
    const lease = slot.change?.lease;
    if (lease === undefined) return;
    this.#heldBytes -= lease.bytes;
    this.#room.give(lease);
  }

  /** For places: one has moved on; entries that all have passed leave the ring. */
  trim(): void {
    const before = this.#tail;
    let last = this.#head;
    for (let i = this.#places.length - 1; i >= 0; i--) {
      const place = this.#places[i];
      if (place.over) this.#places.splice(i, 1);
      else last = Math.min(last, place.next);
    }
    while (this.#tail < last) {
      const index = this.#tail & (this.#slots.length - 1);
      this.#weight -= (this.#slots[index] as Slot).weight;
      this.#slots[index] = undefined;
      this.#tail++;
    }
    if (this.#tail !== before) this.#room.eased();
  }

  #push(slot: Slot): void {
    while (this.#tail < this.#head && this.#weight + slot.weight > this.#entriesMax) this.#furthestBehind().giveUp();
    if (this.#head - this.#tail === this.#slots.length) this.#double();
    this.#slots[this.#head & (this.#slots.length - 1)] = slot;
    this.#head++;
    this.#weight += slot.weight;
    const bytes = slot.change?.lease?.bytes ?? 0;
    this.#heldBytes += bytes;
    if (bytes > 0) for (const place of this.#places) if (place.end === undefined) place.admit(slot, bytes);
    if (this.#joined === 0) {
      slot.holders = 1;
      this.release(slot);
      this.trim();
    }
  }

  #furthestBehind(): Place {
    return this.#places.reduce((a, b) => (b.next < a.next ? b : a));
  }

  #double(): void {
    const slots = new Array<Slot | undefined>(this.#slots.length * 2).fill(undefined);
    for (let at = this.#tail; at < this.#head; at++) slots[at & (slots.length - 1)] = this.at(at);
    this.#slots = slots;
  }
}

class Place implements Backlog {
  readonly #ring: Ring;
  readonly #missed: (change: Change) => void;
  readonly #options: PlaceOptions;
  readonly #bytesMax: number;
  /** Positions from `next` on whose data this mirror has lost. */
  readonly #lost = new Extents();
  /** Positions of changes that were taken and are not done, oldest first. */
  readonly #open = new Set<number>();
  /** Bytes of leases that this mirror has yet to write, and has not lost. */
  #heldBytes = 0;
  next: number;
  /** One past what the mirror gets; undefined while it gets everything. */
  end: number | undefined;

  constructor(ring: Ring, next: number, missed: (change: Change) => void, options: PlaceOptions) {
    this.#ring = ring;
    this.next = next;
    this.#missed = missed;
    this.#options = options;
    this.#bytesMax = options.bytes ?? Number.POSITIVE_INFINITY;
  }

  get length(): number {
    return this.#last - this.next;
  }

  /** It has left, and has taken everything that it was to get. */
  get over(): boolean {
    return this.end !== undefined && this.next >= this.end;
  }

  get #last(): number {
    return this.end ?? this.#ring.head;
  }

  get position(): number {
    return this.next;
  }

  get oldest(): number {
    for (const position of this.#open) return position;
    return this.next;
  }

  get lost(): boolean {
    return this.#lost.intersects(this.next, this.next + 1);
  }

  peek(): Entry | undefined {
    return this.next < this.#last ? this.#ring.at(this.next) : undefined;
  }

  take(): void {
    if (this.peek()?.change !== undefined && !this.lost) this.#open.add(this.next);
    this.#lost.remove(this.next, this.next + 1);
    this.next++;
    this.#ring.trim();
  }

  done(entry: Entry): void {
    this.#open.delete((entry as Slot).position);
    this.#heldBytes -= entry.change?.lease?.bytes ?? 0;
    this.#ring.release(entry as Slot);
  }

  forEach(callback: (entry: Entry, lost: boolean) => void): void {
    for (let at = this.next; at < this.#last; at++) {
      callback(this.#ring.at(at), this.#lost.intersects(at, at + 1));
    }
  }

  /** A change with a lease has just been pushed. */
  admit(slot: Slot, bytes: number): void {
    if (this.#heldBytes + bytes <= this.#bytesMax) {
      this.#heldBytes += bytes;
      return;
    }
    this.#lost.add(slot.position, slot.position + 1);
    this.#options.lost?.(slot.change as Change);
    this.#ring.release(slot);
  }

  needs(position: number): boolean {
    return position >= this.next && position < this.#last && !this.#lost.intersects(position, position + 1);
  }

  /** The room was short. */
  lose(position: number): void {
    this.#lost.add(position, position + 1);
    this.#heldBytes -= this.#ring.at(position).change?.lease?.bytes ?? 0;
  }

  /** Misses the whole backlog and moves to the head. */
  giveUp(): void {
    for (; this.next < this.#last; this.next++) {
      const slot = this.#ring.at(this.next);
      if (slot.change) this.#missed(slot.change);
      else if (slot.barrier?.name !== undefined) this.#options.missedMark?.(slot.barrier);
      if (!this.lost) this.done(slot);
    }
    this.#lost.clear();
    this.#ring.trim();
  }
}
