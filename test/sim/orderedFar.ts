import assert from 'node:assert/strict';
import { copyOf } from '../../src/base/bytes.ts';
import type { Piece } from '../../src/base/change.ts';
import { Extents } from '../../src/base/extents.ts';
import type { OrderedEntry } from '../../src/base/ordered.ts';
import { BLOCK, put, text } from './orderedPieces.ts';

/** A bookmark: the number of its moment, and whether its entry came. */
export interface Mark {
  moment: number;
  met: boolean;
}

/** The far end: applies entries in order when it is told to, and asserts what they say. */
export class OrderedFar {
  readonly bytes: Uint8Array;
  /** What was appended and is not applied yet. */
  pending: { id: number; entry: OrderedEntry }[] = [];
  readonly #moments: readonly string[] | undefined;
  readonly #marks: ReadonlyMap<string, Mark>;
  /** The moment that was held last. */
  #match = 0;
  consistentEntries = 0;
  consistentMarks = 0;

  /** Without moments nothing is asserted. */
  constructor(bytes: Uint8Array, moments: readonly string[] | undefined, marks: ReadonlyMap<string, Mark>) {
    this.bytes = bytes;
    this.#moments = moments;
    this.#marks = marks;
  }

  /** Applies it. */
  entry(entry: OrderedEntry): void {
    if (entry.kind === 'change' || entry.kind === 'copy') {
      const seen = new Extents();
      for (const piece of entry.pieces) {
        assert.ok(!seen.intersects(piece.offset, piece.offset + piece.length), 'the pieces of an entry do not overlap');
        seen.add(piece.offset, piece.offset + piece.length);
        put(this.bytes, piece);
      }
    }
    if (!this.#moments) return;
    const known = entry.kind === 'mark' ? this.#marks.get(entry.name) : undefined;
    if (entry.kind === 'mark') {
      assert.ok(
        known && !(known.met && entry.consistent),
        'a bookmark comes again only where it was lost, as not consistent',
      );
      known.met = true;
    }
    if (!entry.consistent) return;
    const found = this.#moments.indexOf(text(this.bytes), this.#match);
    assert.ok(found >= 0, `${entry.kind} says consistent, and the far end holds no moment that the LU had`);
    this.#match = found;
    this.consistentEntries++;
    if (!known) return;
    assert.equal(text(this.bytes), this.#moments[known.moment], 'a consistent bookmark is the moment that it names');
    this.consistentMarks++;
  }

  /** What of `bytes` differs once everything that was appended is applied. */
  differing(offset: number, bytes: Uint8Array): Piece[] {
    const held = copyOf(this.bytes);
    for (const { entry } of this.pending) {
      if ('pieces' in entry) for (const piece of entry.pieces) put(held, piece);
    }
    const pieces: Piece[] = [];
    for (let at = 0; at < bytes.length; at += BLOCK) {
      const one = bytes.subarray(at, at + BLOCK);
      if (Buffer.compare(one, held.subarray(offset + at, offset + at + BLOCK)) === 0) continue;
      pieces.push({ offset: offset + at, length: BLOCK, payload: [one] });
    }
    return pieces;
  }
}
