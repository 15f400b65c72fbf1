import type { Piece } from '../base/change.ts';
import type { Extents } from '../base/extents.ts';
import { isFill } from '../base/payload.ts';
import { cutPiece } from '../base/pieces.ts';

/** Bytes of memory that a piece refers to. */
export function dataBytes({ length, payload }: Piece): number {
  if (typeof payload === 'string') return 0;
  return isFill(payload) ? payload.fill.length : length;
}

/** True when the piece's data lies in memory that somebody lent. */
export function hasData({ payload }: Piece): boolean {
  return typeof payload !== 'string';
}

/** The parts of pieces of bytes (sorted, without overlap) that lie within `[start, end)`; they refer to the same bytes. */
export function within(pieces: readonly Piece[], start: number, end: number): Piece[] {
  const found: Piece[] = [];
  for (const piece of pieces) {
    const from = Math.max(start, piece.offset);
    const to = Math.min(end, piece.offset + piece.length);
    if (from < to) found.push(cutPiece(piece, from, to));
  }
  return found;
}

/** The parts of pieces of bytes that lie within `ranges`. */
export function common(pieces: readonly Piece[], ranges: Extents): Piece[] {
  const found: Piece[] = [];
  for (const piece of pieces) {
    ranges.forEachIn(piece.offset, piece.offset + piece.length, (from, to) => found.push(...within([piece], from, to)));
  }
  return found;
}

/** A change's pieces with what of their data was recalled; the rest of it is LBN-only. */
export function recalledPieces(pieces: readonly Piece[], recalled: readonly Piece[]): Piece[] {
  const all: Piece[] = [];
  for (const piece of pieces) {
    if (!hasData(piece)) {
      all.push(piece);
      continue;
    }
    const end = piece.offset + piece.length;
    let at = piece.offset;
    for (const found of within(recalled, at, end)) {
      if (found.offset > at) all.push({ offset: at, length: found.offset - at, payload: 'lbnOnly' });
      all.push(found);
      at = found.offset + found.length;
    }
    if (at < end) all.push({ offset: at, length: end - at, payload: 'lbnOnly' });
  }
  return all;
}
