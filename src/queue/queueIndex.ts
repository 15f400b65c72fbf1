import type { QueueHead, QueuePieceKind } from '../../parsers/formats/queueEntry.ts';
import type { EntryPlace } from '../base/ordered.ts';
import { bytes, type Column, numbers, times, words } from './column.ts';
import { Pages } from './pages.ts';

/** Bytes `[start, end)` of the volume at a moment: those of a piece in the queue, or the base's (-1). */
export interface Run {
  start: number;
  end: number;
  piece: number;
}

/** Where an entry stands. */
export interface Standing {
  readonly segment: number;
  /** Of its head in the segment. */
  readonly position: number;
  readonly headBytes: number;
  readonly payloadBytes: number;
  readonly payloadCrc: number;
}

/** One piece as it lies in the queue. */
export interface Stored {
  readonly sequence: number;
  readonly offset: number;
  readonly length: number;
  readonly kind: QueuePieceKind;
  /** Its bytes in the segment of its entry, and how many. */
  readonly position: number;
  readonly stored: number;
}

const KINDS: readonly QueuePieceKind[] = ['bytes', 'fill', 'zeros'];
const CONSISTENT = 1;
const CHECKED = 2;
const ORDERED = 4;
const JOINED = 8;

/**
 * The entries of a queue that are not folded yet: where they stand, and what is the newest on each byte at any moment.
 *
 * An entry of one piece within a page costs about 150 bytes of memory.
 */
export class QueueIndex {
  /** Sequences of the oldest entry, and of the one that comes next. */
  #first: number;
  #next: number;
  #bytes = 0;
  #nextPiece = 0;
  #firstPiece = 0;
  readonly #epochs: string[] = [];
  readonly #clock: Column<BigInt64Array>;
  readonly #number: Column<Float64Array>;
  readonly #epoch: Column<Uint32Array>;
  readonly #flags: Column<Uint8Array>;
  readonly #segment: Column<Uint32Array>;
  readonly #position: Column<Float64Array>;
  readonly #headBytes: Column<Uint32Array>;
  readonly #payloadBytes: Column<Uint32Array>;
  readonly #payloadCrc: Column<Uint32Array>;
  readonly #pieceOf: Column<Float64Array>;
  readonly #offset: Column<Float64Array> = numbers(0);
  readonly #length: Column<Float64Array> = numbers(0);
  readonly #entry: Column<Float64Array> = numbers(0);
  readonly #stored: Column<Uint32Array> = words(0);
  /** Of its bytes in the payload. */
  readonly #within: Column<Uint32Array> = words(0);
  readonly #kind: Column<Uint8Array> = bytes(0);
  readonly #pages: Pages;
  /** Of entries in a shared order; there once one of them has come. */
  #orders: { number: Column<Float64Array>; before: Column<Float64Array> } | undefined;

  /** Begins without entries; `first` is the sequence of the one that comes. */
  constructor(first: number) {
    this.#first = first;
    this.#next = first;
    this.#clock = times(first);
    this.#number = numbers(first);
    this.#epoch = words(first);
    this.#flags = bytes(first);
    this.#segment = words(first);
    this.#position = numbers(first);
    this.#headBytes = words(first);
    this.#payloadBytes = words(first);
    this.#payloadCrc = words(first);
    this.#pieceOf = numbers(first);
    this.#pages = new Pages({
      startOf: (piece) => this.#offset.get(piece),
      endOf: (piece) => this.#offset.get(piece) + this.#length.get(piece),
    });
  }

  get first(): number {
    return this.#first;
  }

  get next(): number {
    return this.#next;
  }

  get entries(): number {
    return this.#next - this.#first;
  }

  /** Bytes of the entries, heads and payloads. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What memory is held by: entries, pieces and the places that these lie on. */
  get items(): number {
    return this.entries + (this.#nextPiece - this.#firstPiece) + this.#pages.size;
  }

  /** Adds the next entry; `clock` is its moment's time. `checked`: its payload is known to be whole. */
  add(head: QueueHead, headBytes: number, segment: number, position: number, clock: bigint, checked: boolean): void {
    const sequence = this.#next++;
    this.#clock.set(sequence, clock);
    this.#number.set(sequence, head.place?.number ?? 0);
    this.#epoch.set(sequence, this.#epochNumber(head.place));
    this.#flags.set(
      sequence,
      (head.consistent ? CONSISTENT : 0) | (checked ? CHECKED : 0) | this.#order(head, sequence),
    );
    this.#segment.set(sequence, segment);
    this.#position.set(sequence, position);
    this.#headBytes.set(sequence, headBytes);
    this.#payloadBytes.set(sequence, head.payloadBytes);
    this.#payloadCrc.set(sequence, head.payloadCrc);
    this.#pieceOf.set(sequence, this.#nextPiece);
    this.#bytes += headBytes + head.payloadBytes;
    let within = 0;
    for (const { offset, length, kind, stored } of head.pieces) {
      const piece = this.#nextPiece++;
      this.#offset.set(piece, offset);
      this.#length.set(piece, length);
      this.#entry.set(piece, sequence);
      this.#stored.set(piece, stored);
      this.#within.set(piece, within);
      this.#kind.set(piece, KINDS.indexOf(kind));
      this.#pages.add(piece);
      within += stored;
    }
  }

  clock(sequence: number): bigint {
    return this.#clock.get(sequence);
  }

  consistent(sequence: number): boolean {
    return (this.#flags.get(sequence) & CONSISTENT) !== 0;
  }

  place(sequence: number): EntryPlace | undefined {
    const epoch = this.#epoch.get(sequence);
    return epoch === 0 ? undefined : { epoch: this.#epochs[epoch - 1], number: this.#number.get(sequence) };
  }

  /** The entry's number in the order that volumes share; undefined: it is in none. */
  order(sequence: number): number | undefined {
    return (this.#flags.get(sequence) & ORDERED) === 0 ? undefined : this.#orders?.number.get(sequence);
  }

  /** See `QueueOrder`. */
  before(sequence: number): number {
    return (this.#flags.get(sequence) & ORDERED) === 0 ? 0 : (this.#orders?.before.get(sequence) ?? 0);
  }

  joined(sequence: number): boolean {
    return (this.#flags.get(sequence) & JOINED) !== 0;
  }

  standing(sequence: number): Standing {
    return {
      segment: this.#segment.get(sequence),
      position: this.#position.get(sequence),
      headBytes: this.#headBytes.get(sequence),
      payloadBytes: this.#payloadBytes.get(sequence),
      payloadCrc: this.#payloadCrc.get(sequence),
    };
  }

  /** Bytes that the entry takes in its segment. */
  bytesOf(sequence: number): number {
    return this.#headBytes.get(sequence) + this.#payloadBytes.get(sequence);
  }

  segmentOf(sequence: number): number {
    return this.#segment.get(sequence);
  }

  checked(sequence: number): boolean {
    return (this.#flags.get(sequence) & CHECKED) !== 0;
  }

  setChecked(sequence: number): void {
    this.#flags.set(sequence, this.#flags.get(sequence) | CHECKED);
  }

  piece(piece: number): Stored {
    const sequence = this.#entry.get(piece);
    return {
      sequence,
      offset: this.#offset.get(piece),
      length: this.#length.get(piece),
      kind: KINDS[this.#kind.get(piece)],
      position: this.#position.get(sequence) + this.#headBytes.get(sequence) + this.#within.get(piece),
      stored: this.#stored.get(piece),
    };
  }

  /** Pieces `[from, to)` of the entries `[from, to)`. */
  piecesOf(from: number, to: number): [from: number, to: number] {
    return [this.#pieceLimit(from), this.#pieceLimit(to)];
  }

  /** What `[from, to)` of the volume is made of at the moment of `sequence`, in order and without a gap. */
  resolve(from: number, to: number, sequence: number): Run[] {
    const runs: Run[] = [];
    if (from >= to) return runs;
    let last: Run | undefined;
    this.#pages.resolve(from, to, this.#pieceLimit(sequence + 1), (start, end, piece) => {
      if (last !== undefined && last.piece === piece) last.end = end;
      else {
        last = { start, end, piece };
        runs.push(last);
      }
    });
    return runs;
  }

  /** Forgets the entries up to this one: they are the base's. */
  dropTo(sequence: number): void {
    const from = Math.min(sequence + 1, this.#next);
    const piece = this.#pieceLimit(from);
    for (let s = this.#first; s < from; s++) this.#bytes -= this.bytesOf(s);
    this.#pages.dropBelow(piece);
    this.#firstPiece = piece;
    this.#first = from;
    for (const column of this.#entryColumns()) column.dropBelow(from);
    for (const column of this.#pieceColumns()) column.dropBelow(piece);
  }

  /** Takes back the entries behind this one; their sequences are given anew. */
  cutTo(sequence: number): void {
    const next = Math.max(sequence + 1, this.#first);
    if (next >= this.#next) return;
    const piece = this.#pieceLimit(next);
    for (let s = next; s < this.#next; s++) this.#bytes -= this.bytesOf(s);
    this.#pages.cutFrom(piece);
    this.#nextPiece = piece;
    this.#next = next;
    for (const column of this.#entryColumns()) column.cutFrom(next);
    for (const column of this.#pieceColumns()) column.cutFrom(piece);
  }

  /** Takes note of it; the flags. */
  #order({ order }: QueueHead, sequence: number): number {
    if (order === undefined) return 0;
    this.#orders ??= { number: numbers(this.#first), before: numbers(this.#first) };
    this.#orders.number.set(sequence, order.number);
    this.#orders.before.set(sequence, order.before);
    return ORDERED | (order.joined ? JOINED : 0);
  }

  #pieceLimit(sequence: number): number {
    if (sequence >= this.#next) return this.#nextPiece;
    return sequence < this.#first ? this.#firstPiece : this.#pieceOf.get(sequence);
  }

  #epochNumber(place: EntryPlace | undefined): number {
    if (place === undefined) return 0;
    if (this.#epochs.at(-1) === place.epoch) return this.#epochs.length;
    return this.#epochs.push(place.epoch);
  }

  #entryColumns() {
    const standing = [this.#segment, this.#position, this.#headBytes, this.#payloadBytes, this.#payloadCrc];
    const orders = this.#orders ? [this.#orders.number, this.#orders.before] : [];
    return [this.#clock, this.#number, this.#epoch, this.#flags, this.#pieceOf, ...standing, ...orders];
  }

  #pieceColumns() {
    return [this.#offset, this.#length, this.#entry, this.#stored, this.#within, this.#kind];
  }
}
