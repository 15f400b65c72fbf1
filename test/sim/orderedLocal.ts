import { copyOf } from '../../src/base/bytes.ts';
import type { Change } from '../../src/base/change.ts';
import { Extents } from '../../src/base/extents.ts';
import { BLOCK, BLOCKS, blocks, put, SIZE } from './orderedPieces.ts';

/** A local mirror with a block table: it writes what it is told at once, and reads what it does not know some time later. */
export class OrderedLocal {
  readonly #bytes: Uint8Array;
  readonly #doubt = new Extents();
  readonly #below: (n: number) => number;

  constructor(medium: Uint8Array, below: (n: number) => number) {
    this.#bytes = copyOf(medium);
    this.#below = below;
  }

  push({ pieces }: Change): void {
    if (pieces === 'wholeLu') {
      this.#doubt.add(0, SIZE);
      return;
    }
    for (const piece of pieces) {
      if (piece.payload === 'lbnOnly') this.#doubt.add(...blocks(piece.offset, piece.length));
      else put(this.#bytes, piece);
    }
  }

  /** One block that it does not know is read from the first volume. */
  copy(medium: Uint8Array): void {
    const offset = this.#below(BLOCKS) * BLOCK;
    if (!this.#doubt.intersects(offset, offset + BLOCK)) return;
    this.#bytes.set(medium.subarray(offset, offset + BLOCK), offset);
    this.#doubt.remove(offset, offset + BLOCK);
  }

  /** A block that it is known to have right, where its table has the checksum. */
  known(offset: number): Uint8Array | undefined {
    if (this.#doubt.intersects(offset, offset + BLOCK) || this.#below(5) === 0) return undefined;
    return copyOf(this.#bytes, offset, offset + BLOCK);
  }
}
