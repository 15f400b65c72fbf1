import { randomUUID } from 'node:crypto';
import type { Piece } from '../../base/change.ts';
import type { FarStore } from '../../base/ordered.ts';
import type { ServedMedium } from '../../base/servedMedium.ts';
import { Turn } from '../history/historyTurn.ts';

/**
 * A volume that comes over a link, as hosts write to it once it is promoted: what they write is kept as what a sender sent, so
 * that the past goes on, also at further sites. Nobody else appends meanwhile.
 */
export class PromotedReceived implements ServedMedium {
  readonly thin = false;
  readonly #store: FarStore;
  /** Whether it held what the first volume had held at one moment. */
  readonly #consistent: boolean;
  readonly #epoch: string = randomUUID();
  readonly #turn = new Turn();
  #number = 0;

  constructor(store: FarStore) {
    this.#store = store;
    this.#consistent = store.consistent;
  }

  get granularity(): number {
    return this.#store.blockSize;
  }

  get bytes(): number {
    return this.#store.bytes;
  }

  read(offset: number, into: Uint8Array): Promise<void> {
    return this.#store.read(offset, into);
  }

  write(pieces: readonly Piece[]): Promise<void> {
    return this.#turn.run(async () => {
      const place = { epoch: this.#epoch, number: this.#number + 1 };
      const at = BigInt(Date.now()) * 1_000_000n;
      await this.#store.append(place, { kind: 'change', at, pieces, consistent: this.#consistent });
      this.#number = place.number;
    });
  }

  unmap(offset: number, length: number): Promise<void> {
    return this.write([{ offset, length, payload: 'zeros' }]);
  }

  flush(): Promise<void> {
    return this.#store.sync();
  }

  mapped(offset: number, length: number): readonly (readonly [offset: number, length: number])[] {
    return length === 0 ? [] : [[offset, length]];
  }

  /** A sender alone makes it longer. */
  onSizeChange(): void {}

  /** The store is its volume's. */
  async close(): Promise<void> {}
}
