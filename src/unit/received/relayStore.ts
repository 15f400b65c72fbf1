import type { Doubt, Piece } from '../../base/change.ts';
import { Extents } from '../../base/extents.ts';
import type { EntryPlace, FarStore, OrderedEntry } from '../../base/ordered.ts';
import type { Room } from '../../buffer/room.ts';
import { piecesOf } from '../../queue/draft.ts';
import type { Outstanding } from '../../snoop/lu/outstanding.ts';
import { ForwardingStore } from '../blockTable/forwardingStore.ts';
import { Turn } from '../history/historyTurn.ts';
import type { LiveVolume } from '../live/liveVolume.ts';
import { RelayFirst } from './relayFirst.ts';
import { ownPieces, unknownPieces } from './relayPieces.ts';

export interface RelayStoreOptions {
  /** What links call the volume. */
  name: string;
  store: FarStore;
  /** Where changes lie until the further mirrors have them. */
  room: Room;
}

/** Ranges that are told apart of what is not durable yet; more grow together. */
const LOOSE_RANGES = 1024;
const NONE: readonly Piece[] = [];
const NO_NODES = new Uint8Array(0);

/**
 * A far store whose entries are passed on to further mirrors, in their order (requirement D3).
 *
 * Where an entry writes is marked in the mirrors' records before the store is given it, and it is pushed once the store
 * holds it: so after a kill in between the records name what a mirror may lack, and no mirror is ever given what the
 * store does not hold. Nothing here waits for a mirror; what finds no room is passed on as blocks to be read back.
 *
 * What the store held and gave up again (a medium that failed a sync, a rolled back moment) the mirrors may have been
 * given: those blocks, or all where what had been durable is gone, are pushed as unknown, so that they are compared with
 * what the store holds now. Until that was pushed nothing that is read from the store is believed (`RelayFirst`), so no
 * copy takes a mirror from one of the two lives into the other unnoticed.
 */
export class RelayStore extends ForwardingStore implements FarStore {
  readonly first: RelayFirst;
  readonly compareNodes?: NonNullable<FarStore['compareNodes']>;
  readonly #name: string;
  readonly #room: Room;
  readonly #turn = new Turn();
  #live: LiveVolume | undefined;
  #seq = 0;
  /** The newest time of an entry. */
  #at = 0n;
  /** Of the entry that is being appended. */
  #open: readonly Piece[] = NONE;
  /** Pushed since the last sync began, and what syncs under way are to make durable. Of a process before it may be all. */
  #loose = new Extents(LOOSE_RANGES);
  readonly #settling = new Set<Extents>();
  /** As they were dealt with. */
  #incarnation: string;
  #cuts: number;
  /** The store's incarnation when it last gave something up. */
  #cutIncarnation: string;

  constructor({ name, store, room }: RelayStoreOptions) {
    super(store);
    this.#name = name;
    this.#room = room;
    if (store.compareNodes) this.compareNodes = async (theirs) => (await store.compareNodes?.(theirs)) ?? NO_NODES;
    this.#incarnation = store.incarnation;
    this.#cutIncarnation = store.incarnation;
    this.#cuts = store.cuts ?? 0;
    this.#loose.add(0, store.bytes);
    this.first = new RelayFirst(store, () => this.look());
  }

  /** Those who are given what is appended from here on. */
  feed(live: LiveVolume): void {
    this.#live = live;
  }

  append(place: EntryPlace, entry: OrderedEntry): Promise<void> {
    return this.#turn.run(() => this.#append(place, entry));
  }

  async sync(): Promise<void> {
    const settling = this.#loose;
    this.#loose = new Extents(LOOSE_RANGES);
    this.#settling.add(settling);
    try {
      await this.store.sync();
    } catch (error) {
      settling.forEachIn(0, Number.MAX_SAFE_INTEGER, (start, end) => this.#loose.add(start, end));
      throw error;
    } finally {
      this.look();
      this.#settling.delete(settling);
    }
  }

  async grow(bytes: number): Promise<void> {
    await this.store.grow(bytes);
    this.first.grown();
  }

  /** The mirrors are another's to close. */
  close(): Promise<void> {
    return this.store.close();
  }

  /** What is being written, in blocks. */
  outstanding(): Outstanding {
    const blocks = new Extents();
    const { blockSize } = this;
    for (const { offset, length } of this.#open) {
      blocks.add(Math.floor(offset / blockSize), Math.ceil((offset + length) / blockSize));
    }
    return { tasks: this.#open.length > 0 ? 1 : 0, blocks };
  }

  /** What was pushed and the store may yet give up. */
  loose(): Extents {
    const all = this.#loose.clone();
    for (const one of this.#settling) one.forEachIn(0, Number.MAX_SAFE_INTEGER, (start, end) => all.add(start, end));
    return all;
  }

  /** Tells the mirrors what the store gave up since the last look; true when it gave nothing up. */
  look(): boolean {
    const { incarnation } = this.store;
    const { cuts } = this;
    if (incarnation === this.#incarnation && cuts === this.#cuts) return true;
    // What becomes another store says so before it gives up what it had: the cut behind that is as large.
    const whole = incarnation !== this.#cutIncarnation;
    if (cuts !== this.#cuts) this.#cutIncarnation = incarnation;
    this.#incarnation = incarnation;
    this.#cuts = cuts;
    this.first.losses++;
    const lost = this.loose();
    for (const one of [this.#loose, ...this.#settling]) one.clear();
    if (whole) {
      this.#live?.renewed(this.first.identity().id);
      this.#push('wholeLu', 'unseen');
    } else this.#doubt(lost.toRanges().map(([offset, length]) => ({ offset, length })));
    return false;
  }

  async #append(place: EntryPlace, entry: OrderedEntry): Promise<void> {
    this.look();
    const { cuts } = this;
    const pieces = piecesOf(entry);
    const seq = ++this.#seq;
    for (const { offset, length } of pieces) this.#live?.intent(offset, length);
    this.#open = pieces;
    try {
      await this.#save(seq, pieces);
      await this.store.append(place, entry);
      this.look();
      this.#pass(seq, entry, pieces);
      if (cuts !== this.cuts) this.#doubt(pieces);
    } catch (error) {
      this.look();
      // A medium may have got a part of it.
      if (!this.consistent) this.#doubt(pieces);
      throw error;
    } finally {
      this.#open = NONE;
    }
  }

  /** Links refer to blocks that are about to be overwritten: those are copied out first. */
  async #save(seq: number, pieces: readonly Piece[]): Promise<void> {
    for (const guard of this.#live?.guards ?? []) {
      for (const { offset, length } of pieces) {
        const saved = guard.before(offset, length, seq);
        if (saved) await saved;
      }
    }
  }

  /** The store holds it. */
  #pass(seq: number, entry: OrderedEntry, pieces: readonly Piece[]): void {
    const live = this.#live;
    if (!live) return;
    const { at } = entry;
    if (at > this.#at) this.#at = at;
    const lu = this.#name;
    const consistent = entry.consistent && this.consistent;
    if (entry.kind === 'mark') {
      live.barrier({ seq, at, lu, name: entry.name, consistent });
      return;
    }
    for (const { offset, length } of pieces) this.#loose.add(offset, offset + length);
    const own = ownPieces(pieces, this.#room, this.blockSize);
    live.push({ seq, at, lu, fua: false, consistent, ...own });
    if (!own.lease) return;
    // A link without room for it refers to it from here on, and the store has written it.
    for (const guard of live.guards) {
      for (const { offset, length } of pieces) void guard.before(offset, length, seq);
      guard.done(seq, true);
    }
  }

  #doubt(ranges: readonly Pick<Piece, 'offset' | 'length'>[]): void {
    this.#push(unknownPieces(ranges, this.blockSize), 'outcome');
  }

  #push(pieces: readonly Piece[] | 'wholeLu', doubt: Doubt): void {
    const seq = ++this.#seq;
    const { consistent } = this;
    this.#live?.push({ seq, at: this.#at, lu: this.#name, pieces, fua: false, doubt, consistent });
  }
}
