import { createHash } from 'node:crypto';
import { copyOf } from '../../src/base/bytes.ts';
import type { Piece } from '../../src/base/change.ts';
import type { EntryPlace, OrderedEntry } from '../../src/base/ordered.ts';
import { isFill, isOr } from '../../src/base/payload.ts';
import { applyPiece } from '../kit/farStore.ts';
import { uuid } from './linkStore.ts';
import { BLOCK, BLOCKS, SIZE } from './relayMiddle.ts';

export function textOf(bytes: Uint8Array): string {
  return createHash('sha1').update(bytes).digest('base64');
}

/**
 * The sending unit: hosts that write its first volume, and what it makes of that for the middle one. It may have lost track
 * of blocks (`lose`): then its entries are not consistent until it has copied them.
 */
export class RelaySource {
  readonly medium: Uint8Array;
  /** What the volume held after each change. */
  readonly moments: string[];
  /** Of each bookmark, the moment. */
  readonly marks = new Map<string, number>();
  readonly #below: (n: number) => number;
  /** Blocks that the middle unit will not hold as they are once it has everything that was sent. */
  #lost = new Set<number>();
  #entries: OrderedEntry[] = [];
  #epoch = 1;
  #at = 1000n;
  #told = true;

  constructor(below: (n: number) => number, held: Uint8Array) {
    this.#below = below;
    this.medium = new Uint8Array(SIZE).map(() => below(256));
    this.moments = [textOf(this.medium)];
    this.#begin(held);
  }

  get epoch(): string {
    return uuid(3, this.#epoch);
  }

  /** The newest time of an entry. */
  get at(): bigint {
    return this.#at;
  }

  /** Entry `number` of this epoch, once there is one. */
  entry(number: number): { place: EntryPlace; entry: OrderedEntry } | undefined {
    const entry = this.#entries[number - 1];
    return entry && { place: { epoch: this.epoch, number }, entry };
  }

  get length(): number {
    return this.#entries.length;
  }

  /** Every block is known at the far end. */
  get whole(): boolean {
    return this.#lost.size === 0;
  }

  write(): void {
    const pieces: Piece[] = [];
    const taken = new Set<number>();
    for (let n = 1 + this.#below(3); n > 0; n--) {
      const lbn = this.#below(BLOCKS);
      const count = 1 + this.#below(Math.min(4, BLOCKS - lbn));
      const lbns = Array.from({ length: count }, (_, i) => lbn + i);
      if (lbns.some((one) => taken.has(one))) continue;
      for (const one of lbns) taken.add(one);
      pieces.push(this.#piece(lbn * BLOCK, count * BLOCK));
    }
    pieces.sort((a, b) => a.offset - b.offset);
    for (const piece of pieces) applyPiece(this.medium, piece);
    this.moments.push(textOf(this.medium));
    this.#at += BigInt(1 + this.#below(5));
    // An OR into what nobody knows is not known either.
    const known = pieces.filter((piece) => !(isOr(piece.payload) && this.#lostIn(piece)));
    for (const piece of pieces) {
      for (const lbn of lbnsOf(piece)) {
        if (!known.includes(piece)) this.#lost.add(lbn);
        else if (!isOr(piece.payload)) this.#lost.delete(lbn);
      }
    }
    this.#send('change', known);
  }

  /** A write passes by that the sender learns of only by its blocks. */
  lose(): void {
    const lbn = this.#below(BLOCKS);
    applyPiece(this.medium, this.#piece(lbn * BLOCK, BLOCK));
    this.moments.push(textOf(this.medium));
    this.#lost.add(lbn);
    this.sync();
  }

  /** Some of what was lost is read back. */
  copy(): void {
    const [lbn] = [...this.#lost];
    if (lbn === undefined) return;
    this.#lost.delete(lbn);
    const bytes = copyOf(this.medium, lbn * BLOCK, (lbn + 1) * BLOCK);
    this.#send('copy', [{ offset: lbn * BLOCK, length: BLOCK, payload: [bytes] }]);
  }

  mark(): void {
    const name = `m${this.marks.size + 1}`;
    this.marks.set(name, this.moments.length - 1);
    this.#told = this.whole;
    this.#entries.push({ kind: 'mark', at: this.#at, name, consistent: this.whole });
  }

  sync(): void {
    if (this.whole === this.#told) return;
    this.#told = this.whole;
    this.#entries.push({ kind: 'state', at: this.#at, consistent: this.whole });
  }

  /** Another process, or another store at the far end: everything that is there is compared. */
  anew(held: Uint8Array): void {
    this.#epoch++;
    this.#entries = [];
    this.#begin(held);
  }

  #begin(held: Uint8Array): void {
    this.#lost = new Set();
    for (let lbn = 0; lbn < BLOCKS; lbn++) {
      const [start, end] = [lbn * BLOCK, (lbn + 1) * BLOCK];
      if (Buffer.compare(this.medium.subarray(start, end), held.subarray(start, end)) !== 0) this.#lost.add(lbn);
    }
    this.#told = this.whole;
    this.#entries.push({ kind: 'state', at: this.#at, consistent: this.whole });
  }

  #send(kind: 'change' | 'copy', pieces: readonly Piece[]): void {
    this.#told = this.whole;
    this.#entries.push({ kind, at: this.#at, pieces, consistent: this.whole });
  }

  #lostIn(piece: Piece): boolean {
    return lbnsOf(piece).some((lbn) => this.#lost.has(lbn));
  }

  #piece(offset: number, length: number): Piece {
    const random = (bytes: number): Uint8Array => new Uint8Array(bytes).map(() => this.#below(256));
    const dice = this.#below(8);
    if (dice === 0) return { offset, length, payload: 'zeros' };
    if (dice === 1) return { offset, length, payload: { fill: random(BLOCK) } };
    const cut = this.#below(length);
    const parts = [random(cut), random(length - cut)];
    return { offset, length, payload: dice === 2 ? { or: parts } : parts };
  }
}

function lbnsOf({ offset, length }: Piece): number[] {
  return Array.from({ length: length / BLOCK }, (_, i) => offset / BLOCK + i);
}

/** Bytes that a piece lends. */
export function lentBy({ payload }: Piece): readonly Uint8Array[] {
  if (typeof payload === 'string') return [];
  if (isFill(payload)) return [payload.fill];
  return isOr(payload) ? payload.or : payload;
}
