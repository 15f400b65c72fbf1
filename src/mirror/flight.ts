import type { Entry } from '../base/backlog.ts';
import type { Piece } from '../base/change.ts';
import { Extents } from '../base/extents.ts';

/** A taken entry, and how many requests still carry parts of it (and one more while it is being cut up). */
export interface Held {
  readonly entry: Entry;
  pending: number;
  /** Some of its data was not written. */
  missed?: boolean;
}

/** A request on its way, or the one being put together, with what its end will mean. */
export class Flight {
  readonly id: number;
  readonly kind: 'writev' | 'zero' | 'or' | 'copy' | 'flush' | 'grow';
  pieces: Piece[] = [];
  /** The `seq` of each piece's change. */
  seqs: number[] = [];
  bytes = 0;
  fua = false;
  readonly held: Held[] = [];
  /** What it covers, neighbours joined: `[start, end)` pairs in bytes. Set when it is sent. */
  runs: readonly (readonly [number, number])[] = [];
  #low = Number.POSITIVE_INFINITY;
  #high = 0;
  #sorted = true;
  #doubted: Extents | undefined;

  constructor(id: number, kind: Flight['kind']) {
    this.id = id;
    this.kind = kind;
  }

  add(piece: Piece, held: Held | undefined): void {
    if (piece.offset < this.#high) this.#sorted = false;
    // A doubt about bytes that were not part of this request yet came earlier than they do.
    this.#doubted?.remove(piece.offset, piece.offset + piece.length);
    this.#low = Math.min(this.#low, piece.offset);
    this.#high = Math.max(this.#high, piece.offset + piece.length);
    this.pieces.push(piece);
    this.seqs.push(held?.entry.change?.seq ?? Number.POSITIVE_INFINITY);
    this.bytes += piece.length;
    if (held && this.held.at(-1) !== held) {
      held.pending++;
      this.held.push(held);
    }
  }

  /** Sorts the pieces and joins neighbours into runs. */
  seal(): void {
    if (!this.#sorted) this.#sort();
    const runs: [number, number][] = [];
    for (const { offset, length } of this.pieces) {
      const last = runs.at(-1);
      if (last && last[1] === offset) last[1] = offset + length;
      else runs.push([offset, offset + length]);
    }
    this.runs = runs;
  }

  #sort(): void {
    const { pieces, seqs } = this;
    const order = pieces.map((_, i) => i).sort((a, b) => pieces[a].offset - pieces[b].offset);
    this.pieces = order.map((i) => pieces[i]);
    this.seqs = order.map((i) => seqs[i]);
  }

  /** A newer change made `[start, end)` unknown: the end of this request proves nothing about it. */
  doubt(start: number, end: number): void {
    if (start >= this.#high || end <= this.#low) return;
    this.#doubted ??= new Extents();
    this.#doubted.add(start, end);
  }

  /** Calls back with what this request proves equal once it is done. */
  forEachProved(callback: (start: number, end: number) => void): void {
    // An OR makes equal only what was equal before.
    if (this.kind === 'or') return;
    for (const [start, end] of this.runs) {
      if (this.#doubted) this.#doubted.gaps(start, end, callback);
      else callback(start, end);
    }
  }
}
