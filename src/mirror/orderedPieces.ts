import type { Piece } from '../base/change.ts';
import type { Extents } from '../base/extents.ts';
import { isFill, isOr } from '../base/payload.ts';

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
    if (from < to)
      found.push(from === piece.offset && to === piece.offset + piece.length ? piece : cut(piece, from, to));
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

function cut({ offset, payload }: Piece, from: number, to: number): Piece {
  const range = { offset: from, length: to - from };
  // One block repeated may be cut anywhere: its bytes are turned round to begin there.
  if (isFill(payload)) return { ...range, payload: { fill: turned(payload.fill, from - offset) } };
  if (isOr(payload)) return { ...range, payload: { or: bytesOf(payload.or, from - offset, to - offset) } };
  if (typeof payload === 'string') return { ...range, payload };
  return { ...range, payload: bytesOf(payload, from - offset, to - offset) };
}

function turned(fill: Uint8Array, by: number): Uint8Array {
  const at = by % fill.length;
  return at === 0 ? fill : Uint8Array.from([...fill.subarray(at), ...fill.subarray(0, at)]);
}

function bytesOf(parts: readonly Uint8Array[], from: number, to: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  let at = 0;
  for (const part of parts) {
    const [start, end] = [Math.max(from - at, 0), Math.min(to - at, part.length)];
    if (start < end) found.push(part.subarray(start, end));
    at += part.length;
  }
  return found;
}
