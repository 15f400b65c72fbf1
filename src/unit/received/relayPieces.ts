import type { Lease, LeaseRoom, Piece } from '../../base/change.ts';
import { Extents } from '../../base/extents.ts';
import { isFill, isOr } from '../../base/payload.ts';

/** Pieces of an entry with bytes of their own. */
export interface OwnPieces {
  pieces: readonly Piece[];
  lease?: Lease;
  /** Room was short: the pieces say only where. */
  doubt?: 'no-room';
}

/** Copies what is borrowed into a lease of the room. */
export function ownPieces(pieces: readonly Piece[], room: LeaseRoom, blockSize: number): OwnPieces {
  let bytes = 0;
  for (const piece of pieces) if (partsOf(piece)) bytes += piece.length;
  const lease = bytes === 0 ? undefined : room.take(bytes);
  if (bytes > 0 && lease === undefined) return { pieces: unknownPieces(pieces, blockSize), doubt: 'no-room' };
  const place = new Place(lease?.parts ?? []);
  const own = pieces.map((piece): Piece => {
    const { offset, length, payload } = piece;
    if (isFill(payload)) return { offset, length, payload: { fill: Uint8Array.from(payload.fill) } };
    const parts = partsOf(piece);
    if (!parts) return piece;
    const copy = place.put(parts, length);
    return { offset, length, payload: isOr(payload) ? { or: copy } : copy };
  });
  return { pieces: own, ...(lease ? { lease } : {}) };
}

/** The same places, whole blocks, with nothing known of their bytes. */
export function unknownPieces(pieces: readonly Pick<Piece, 'offset' | 'length'>[], blockSize: number): Piece[] {
  const all = new Extents();
  for (const { offset, length } of pieces) {
    all.add(Math.floor(offset / blockSize) * blockSize, Math.ceil((offset + length) / blockSize) * blockSize);
  }
  return all.toRanges().map(([offset, length]) => ({ offset, length, payload: 'lbnOnly' }));
}

function partsOf({ payload }: Piece): readonly Uint8Array[] | undefined {
  if (typeof payload === 'string' || isFill(payload)) return undefined;
  return isOr(payload) ? payload.or : payload;
}

/** Fills the parts of a lease, one run behind the other. */
class Place {
  readonly #parts: readonly Uint8Array[];
  #part = 0;
  #at = 0;

  constructor(parts: readonly Uint8Array[]) {
    this.#parts = parts;
  }

  /** Copies the first `length` bytes of the parts; returns where they stand. */
  put(parts: readonly Uint8Array[], length: number): Uint8Array[] {
    const runs: Uint8Array[] = [];
    let left = length;
    for (const part of parts) {
      for (let from = 0; from < part.length && left > 0; ) {
        const run = this.#run(Math.min(part.length - from, left));
        run.set(part.subarray(from, from + run.length));
        runs.push(run);
        from += run.length;
        left -= run.length;
      }
    }
    return runs;
  }

  #run(bytes: number): Uint8Array {
    if (this.#at === this.#parts[this.#part].length) {
      this.#part++;
      this.#at = 0;
    }
    const run = this.#parts[this.#part].subarray(this.#at, this.#at + bytes);
    this.#at += run.length;
    return run;
  }
}
