import type { Piece } from './change.ts';
import { isFill, isOr } from './payload.ts';

/** The part of a piece that lies within `[from, to)`, which is not empty and lies within the piece; it refers to the same bytes. */
export function cutPiece(piece: Piece, from: number, to: number): Piece {
  const { offset, length, payload } = piece;
  if (from === offset && to === offset + length) return piece;
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
