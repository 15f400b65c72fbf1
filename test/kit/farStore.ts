import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { copyOf } from '../../src/base/bytes.ts';
import type { Piece } from '../../src/base/change.ts';
import { Fault } from '../../src/base/fault.ts';
import type { EntryPlace, FarStore, OrderedEntry } from '../../src/base/ordered.ts';
import { isFill, isOr } from '../../src/base/payload.ts';

/** What is in a store, and what of it would survive a power loss. */
interface Contents {
  bytes: Uint8Array;
  consistent: boolean;
  place: EntryPlace | undefined;
}

/**
 * A far store in memory. It asserts what its port promises to it: one append at a time, in order, each entry once; and it
 * forgets what was never synced when it `crash`es.
 */
export class MemoryFarStore implements FarStore {
  readonly blockSize: number;
  incarnation: string = randomUUID();
  /** Set: calls of that kind fail so. */
  appendFailure: Fault | undefined;
  syncFailure: Fault | undefined;
  growFailure: Fault | undefined;
  /** Awaited before every call does anything. */
  turn: () => Promise<void> = async () => undefined;
  /** Every entry that was appended, by its place. */
  readonly seen: { place: EntryPlace; entry: OrderedEntry }[] = [];
  readonly names: string[] = [];
  syncs = 0;
  #now: Contents;
  #durable: Contents;
  #appending = false;
  #crashes = 0;

  constructor(bytes: number, blockSize = 512) {
    this.blockSize = blockSize;
    this.#now = { bytes: new Uint8Array(bytes), consistent: false, place: undefined };
    this.#durable = contentsOf(this.#now);
  }

  get bytes(): number {
    return this.#now.bytes.length;
  }

  get durable(): EntryPlace | undefined {
    return this.#durable.place;
  }

  get consistent(): boolean {
    return this.#now.consistent;
  }

  get contents(): Uint8Array {
    return this.#now.bytes;
  }

  async append(place: EntryPlace, entry: OrderedEntry): Promise<void> {
    assert.ok(!this.#appending, 'one append at a time');
    const { place: last } = this.#now;
    const due = last?.epoch === place.epoch ? last.number + 1 : 1;
    assert.equal(place.number, due, 'entries in order, each once');
    this.#appending = true;
    const crashes = this.#crashes;
    try {
      await this.turn();
      if (crashes !== this.#crashes) throw new Fault('local', 'the store has crashed');
      if (this.appendFailure) throw this.appendFailure;
      if ('pieces' in entry) for (const piece of entry.pieces) applyPiece(this.#now.bytes, piece);
      if (entry.kind === 'mark') this.names.push(entry.name);
      this.#now.consistent = entry.consistent;
      this.#now.place = place;
      this.seen.push({ place, entry });
    } finally {
      this.#appending = false;
    }
  }

  async sync(): Promise<void> {
    this.syncs++;
    const then = contentsOf(this.#now);
    const crashes = this.#crashes;
    await this.turn();
    if (crashes !== this.#crashes) throw new Fault('local', 'the store has crashed');
    if (this.syncFailure) throw this.syncFailure;
    this.#durable = then;
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    await this.turn();
    into.set(this.#now.bytes.subarray(offset, offset + into.length));
  }

  async grow(bytes: number): Promise<void> {
    await this.turn();
    if (this.growFailure) throw this.growFailure;
    const grown = new Uint8Array(bytes);
    grown.set(this.#now.bytes);
    this.#now.bytes = grown;
  }

  async close(): Promise<void> {}

  /** A power loss: only what was synced is left. Calls under way fail. */
  crash(): void {
    this.#crashes++;
    this.#now = contentsOf(this.#durable);
  }

  /** It lost all behind this entry, though it had called that durable. */
  crashTo(number: number): void {
    const { place } = this.#durable;
    assert.ok(place && place.number > number);
    this.#durable = { ...this.#durable, place: { ...place, number } };
    this.crash();
  }

  /** It is made anew. */
  renew(): void {
    this.incarnation = randomUUID();
    this.#durable = { bytes: new Uint8Array(this.bytes), consistent: false, place: undefined };
    this.crash();
  }

  /** The bytes as somebody else changed them. */
  poke(offset: number, bytes: Uint8Array): void {
    this.#now.bytes.set(bytes, offset);
  }
}

/** What a piece makes of `bytes`. */
export function applyPiece(bytes: Uint8Array, { offset, length, payload }: Piece): void {
  assert.ok(offset + length <= bytes.length, 'within the volume');
  assert.ok(payload !== 'lbnOnly', 'bytes that are known');
  if (payload === 'zeros') bytes.fill(0, offset, offset + length);
  else if (isFill(payload)) for (let i = 0; i < length; i++) bytes[offset + i] = payload.fill[i % payload.fill.length];
  else {
    let at = 0;
    for (const part of isOr(payload) ? payload.or : payload) {
      for (let i = 0; i < part.length && at < length; i++, at++) {
        bytes[offset + at] = isOr(payload) ? bytes[offset + at] | part[i] : part[i];
      }
    }
    assert.equal(at, length, 'a piece has its bytes');
  }
}

function contentsOf({ bytes, consistent, place }: Contents): Contents {
  return { bytes: copyOf(bytes), consistent, place };
}
