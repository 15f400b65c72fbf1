import type { Piece } from '../../base/change.ts';
import { isOr, orInto } from '../../base/payload.ts';

/** The pieces with their bytes: what is to be ORed into the volume is, as `read` gives what lies there. */
export async function knownPieces(
  pieces: readonly Piece[],
  read: (offset: number, into: Uint8Array) => Promise<void>,
): Promise<readonly Piece[]> {
  if (!pieces.some(({ payload }) => isOr(payload))) return pieces;
  const known: Piece[] = [];
  for (const piece of pieces) {
    const { offset, length, payload } = piece;
    if (!isOr(payload)) {
      known.push(piece);
      continue;
    }
    const bytes = new Uint8Array(length);
    await read(offset, bytes);
    orInto(bytes, payload.or, 0);
    known.push({ offset, length, payload: [bytes] });
  }
  return known;
}
