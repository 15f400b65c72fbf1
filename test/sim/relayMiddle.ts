import assert from 'node:assert/strict';
import { copyOf } from '../../src/base/bytes.ts';
import { Fault } from '../../src/base/fault.ts';
import type { EntryPlace, FarStore, OrderedEntry } from '../../src/base/ordered.ts';
import { applyPiece } from '../kit/farStore.ts';
import { uuid } from './linkStore.ts';

export const BLOCK = 512;
export const BLOCKS = 24;
export const SIZE: number = BLOCK * BLOCKS;

/** What the middle unit's medium holds, and what would be left of it. */
export interface MiddleDisk {
  bytes: Uint8Array;
  place: EntryPlace | undefined;
  consistent: boolean;
  incarnation: number;
  /** A store without a past: until this place its medium may be ahead of the entries that come. */
  ahead: EntryPlace | undefined;
  durable: { bytes: Uint8Array; place: EntryPlace | undefined; consistent: boolean };
}

export function emptyDisk(): MiddleDisk {
  const none = { place: undefined, consistent: false };
  const durable = { bytes: new Uint8Array(SIZE), ...none };
  return { bytes: new Uint8Array(SIZE), ...none, incarnation: 1, ahead: undefined, durable };
}

interface Call {
  run: () => void;
  reject: (fault: Fault) => void;
}

/**
 * The middle unit's store in memory: with a past (`plain` false) it gives up what no sync made durable when a sync fails,
 * without one its medium stays ahead of what it calls its place. Calls end when the test says so, in their order.
 */
export class MiddleStore implements FarStore {
  readonly blockSize = BLOCK;
  readonly bytes = SIZE;
  readonly disk: MiddleDisk;
  readonly calls: Call[] = [];
  cuts = 0;
  /** It is giving something up. */
  onCut: () => void = () => undefined;
  fails: (what: 'append' | 'sync') => boolean = () => false;
  readonly #plain: boolean;
  readonly #below: (n: number) => number;
  #appending = false;
  #torn = false;
  #dead = false;

  constructor(disk: MiddleDisk, plain: boolean, below: (n: number) => number) {
    this.disk = disk;
    this.#plain = plain;
    this.#below = below;
  }

  get incarnation(): string {
    return uuid(9, this.disk.incarnation);
  }

  get durable(): EntryPlace | undefined {
    return this.disk.durable.place;
  }

  get consistent(): boolean {
    return this.disk.consistent && !this.#torn && !this.#isAhead();
  }

  append(place: EntryPlace, entry: OrderedEntry): Promise<void> {
    assert.ok(!this.#appending, 'one append at a time');
    this.#appending = true;
    return this.#call(() => {
      const { disk } = this;
      const due = disk.place?.epoch === place.epoch ? disk.place.number + 1 : 1;
      if (place.number !== due) throw new Fault('peer', 'resume behind what is durable');
      const pieces = 'pieces' in entry ? entry.pieces : [];
      if (this.fails('append')) {
        // A medium without a queue before it may have got a part.
        if (this.#plain && pieces.length > 0) {
          for (const piece of pieces.slice(0, this.#below(pieces.length + 1))) applyPiece(disk.bytes, piece);
          this.#torn = true;
          if (!this.#isAhead()) disk.ahead = place;
        }
        throw new Fault('local', 'no space');
      }
      for (const piece of pieces) applyPiece(disk.bytes, piece);
      if (pieces.length > 0) this.#torn = false;
      disk.place = place;
      disk.consistent = entry.consistent;
    }).finally(() => {
      this.#appending = false;
    });
  }

  sync(): Promise<void> {
    return this.#call(() => {
      const { disk } = this;
      if (!this.fails('sync')) {
        disk.durable = { bytes: copyOf(disk.bytes), place: disk.place, consistent: disk.consistent };
        return;
      }
      this.#giveUp();
      throw new Fault('local', 'i/o error');
    });
  }

  read(offset: number, into: Uint8Array): Promise<void> {
    return this.#call(() => into.set(this.disk.bytes.subarray(offset, offset + into.length)));
  }

  grow(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** One call more ends. */
  step(): void {
    this.calls.shift()?.run();
  }

  /** An older moment becomes the newest, for good. */
  rollBack(bytes: Uint8Array, consistent: boolean): void {
    const { disk } = this;
    disk.incarnation++;
    this.cuts++;
    Object.assign(disk, { bytes: copyOf(bytes), consistent, place: undefined, ahead: undefined });
    disk.durable = { bytes: copyOf(bytes), consistent, place: undefined };
    this.#torn = false;
  }

  /** The process ends here: what is left for the next one. */
  left(power: boolean): MiddleDisk {
    const { disk } = this;
    this.#dead = true;
    for (const { reject } of this.calls.splice(0)) reject(new Fault('local', 'killed'));
    const { durable } = disk;
    if (this.#plain) {
      const ahead = disk.place ?? disk.ahead;
      // What was written since the last sync is on the medium, or is not, block by block.
      const bytes = copyOf(disk.bytes);
      for (let at = 0; power && at < SIZE; at += BLOCK) {
        if (this.#below(2) === 0) bytes.set(durable.bytes.subarray(at, at + BLOCK), at);
      }
      const torn = this.#torn && ahead ? { epoch: ahead.epoch, number: ahead.number + 1 } : ahead;
      const next = { ...disk, bytes, place: durable.place, consistent: durable.consistent, ahead: torn };
      return { ...next, durable: { ...durable, bytes: copyOf(bytes) } };
    }
    if (!power) return disk;
    return { ...disk, ...durable, bytes: copyOf(durable.bytes) };
  }

  #giveUp(): void {
    const { disk } = this;
    const { durable } = disk;
    this.cuts++;
    this.onCut();
    if (this.#plain) {
      disk.ahead = this.#isAhead() ? disk.ahead : disk.place;
      disk.place = durable.place;
    } else Object.assign(disk, durable, { bytes: copyOf(durable.bytes) });
  }

  #isAhead(): boolean {
    const { ahead, place } = this.disk;
    if (ahead === undefined) return false;
    // As the real one: who comes with another epoch compares everything first.
    return place?.epoch === ahead.epoch ? place.number < ahead.number : place === undefined;
  }

  #call(effect: () => void): Promise<void> {
    if (this.#dead) return Promise.reject(new Fault('local', 'killed'));
    return new Promise((resolve, reject) => {
      const run = (): void => {
        // What it did is there before whoever asked for it is told.
        const told = (run: () => void): void =>
          void this.calls.splice(this.#below(this.calls.length + 1), 0, { run, reject });
        try {
          effect();
          told(resolve);
        } catch (error) {
          told(() => reject(error));
        }
      };
      this.calls.push({ run, reject });
    });
  }
}
