import assert from 'node:assert/strict';
import { CHECK_PAGE } from '../../parsers/formats/linkRequests.ts';
import { copyOf } from '../../src/base/bytes.ts';
import type { EntryPlace, OrderedEntry } from '../../src/base/ordered.ts';
import type { StoreFacts } from '../../src/link/receiverTypes.ts';
import { applyPiece } from '../kit/farStore.ts';

/** Bytes of the volume. */
export const VOLUME: number = 16 * CHECK_PAGE;

interface Contents {
  bytes: Uint8Array;
  place: EntryPlace | undefined;
}

let incarnations = 0;

/** A far store whose calls end when the world says so: what it holds, and what of it survives a crash. */
export class SimStore {
  held: Contents = { bytes: new Uint8Array(VOLUME), place: undefined };
  durable: Contents = { bytes: new Uint8Array(VOLUME), place: undefined };
  readonly #incarnation = uuid(1, ++incarnations);

  get facts(): StoreFacts {
    const { place } = this.durable;
    return { incarnation: this.#incarnation, durable: place, consistent: true, bytes: VOLUME, blockSize: 512 };
  }

  apply(place: EntryPlace, entry: OrderedEntry): void {
    const last = this.held.place;
    assert.equal(place.number, last?.epoch === place.epoch ? last.number + 1 : 1, 'in order, each once');
    if ('pieces' in entry) for (const piece of entry.pieces) applyPiece(this.held.bytes, piece);
    this.held.place = place;
  }

  /** A sync begins: what is held now is durable once the result is called. */
  syncing(): () => void {
    const then = { bytes: copyOf(this.held.bytes), place: this.held.place };
    return () => {
      this.durable = then;
    };
  }

  crash(): void {
    this.held = { bytes: copyOf(this.durable.bytes), place: this.durable.place };
  }
}

export function uuid(kind: number, n: number): string {
  return `00000000-0000-4000-800${kind}-${n.toString(16).padStart(12, '0')}`;
}
