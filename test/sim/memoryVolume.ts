import assert from 'node:assert/strict';
import type { Piece } from '../../src/base/change.ts';
import { Fault } from '../../src/base/fault.ts';
import { isFill, isOr } from '../../src/base/payload.ts';
import type { Volume, VolumeIdentity } from '../../src/base/volume.ts';

interface Pending {
  kind: 'read' | 'write' | 'flush' | 'grow';
  ranges: readonly [number, number][];
  run: () => void;
  reject: (fault: Fault) => void;
}

let serial = 0;

/**
 * A volume in memory whose calls end when the test says so, in any order: bytes move at that moment, as a lease that was
 * given back too early would show. Asserts what a mirror promises: no two calls under way touch the same bytes.
 */
export class MemoryVolume implements Volume {
  readonly blockSize: number;
  bytes: Uint8Array;
  readonly pending: Pending[] = [];
  /** When set, every call that changes the medium fails so. */
  failure: Fault | undefined;
  /** Byte ranges that cannot be read. */
  readonly unreadable: [number, number][] = [];
  canGrow = true;
  flushes = 0;
  writes = 0;
  readonly #id = ++serial;
  readonly #listeners: ((blocks: number) => void)[] = [];

  constructor(bytes: Uint8Array, blockSize = 512) {
    this.bytes = bytes;
    this.blockSize = blockSize;
  }

  get blocks(): number {
    return Math.floor(this.bytes.length / this.blockSize);
  }

  identity(): VolumeIdentity {
    return { kind: 'memory', id: `${this.#id}` };
  }

  read(offset: number, into: Uint8Array): Promise<void> {
    const end = offset + into.length;
    return this.#call('read', [[offset, end]], () => {
      const bad = this.unreadable.find(([s, e]) => s < end && e > offset);
      if (bad) throw new Fault('local', `cannot read at ${bad[0]}`);
      if (end > this.bytes.length) throw new Fault('local', `the volume ends at ${this.bytes.length}`);
      into.set(this.bytes.subarray(offset, end));
    });
  }

  writev(pieces: readonly Piece[], options: { fua: boolean }): Promise<void> {
    this.writes++;
    let before = 0;
    for (const { offset, length, payload } of pieces) {
      assert.ok(offset >= before, 'pieces are sorted and do not overlap');
      assert.ok(payload !== 'lbnOnly' && !isOr(payload), 'bytes that are known');
      before = offset + length;
      assert.ok(before <= this.bytes.length, 'no write past the end');
    }
    if (options.fua) this.flushes++;
    return this.#call(
      'write',
      pieces.map(({ offset, length }) => [offset, offset + length]),
      () => {
        for (const piece of pieces) this.#apply(piece);
      },
    );
  }

  zero(offset: number, length: number): Promise<void> {
    return this.writev([{ offset, length, payload: 'zeros' }], { fua: false });
  }

  unmap(offset: number, length: number): Promise<void> {
    return this.zero(offset, length);
  }

  flush(): Promise<void> {
    return this.#call('flush', [], () => {
      assert.ok(!this.pending.some(({ kind }) => kind === 'write'), 'a flush waits for the writes before it');
      this.flushes++;
    });
  }

  grow(bytes: number): Promise<void> {
    return this.#call('grow', [], () => {
      if (!this.canGrow) throw new Fault('local', 'this device cannot grow');
      this.resize(bytes);
    });
  }

  get down(): boolean {
    return false;
  }

  revive(): Promise<void> {
    return Promise.resolve();
  }

  onSizeChange(listener: (blocks: number) => void): void {
    this.#listeners.push(listener);
  }

  async close(): Promise<void> {
    assert.equal(this.pending.length, 0, 'closed while calls are under way');
  }

  resize(bytes: number): void {
    const grown = new Uint8Array(Math.max(bytes, this.bytes.length));
    grown.set(this.bytes);
    this.bytes = grown;
    for (const listener of this.#listeners) listener(this.blocks);
  }

  /** Ends one of the calls under way; false when there is none. */
  end(index = 0): boolean {
    const [call] = this.pending.splice(index, 1);
    if (!call) return false;
    if (this.failure && call.kind !== 'read') call.reject(this.failure);
    else call.run();
    return true;
  }

  #call(kind: Pending['kind'], ranges: [number, number][], effect: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      for (const other of this.pending) {
        if (kind !== 'write' && other.kind !== 'write') continue;
        for (const [s, e] of ranges) {
          for (const [os, oe] of other.ranges) assert.ok(e <= os || s >= oe, 'nothing touches what is being written');
        }
      }
      const run = (): void => {
        try {
          effect();
          resolve();
        } catch (error) {
          reject(error);
        }
      };
      this.pending.push({ kind, ranges, run, reject });
    });
  }

  #apply({ offset, length, payload }: Piece): void {
    if (payload === 'lbnOnly' || isOr(payload)) throw new Error('unreachable');
    if (payload === 'zeros') this.bytes.fill(0, offset, offset + length);
    else if (isFill(payload)) {
      for (let i = 0; i < length; i++) this.bytes[offset + i] = payload.fill[i % payload.fill.length];
    } else {
      let at = 0;
      for (const part of payload) {
        const taken = part.subarray(0, length - at);
        this.bytes.set(taken, offset + at);
        at += taken.length;
      }
      assert.equal(at, length, 'a piece has its bytes');
    }
  }
}

/** Lets everything that needs no volume happen. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Ends calls, oldest first, until `promise` settles. */
export async function drain<T>(promise: Promise<T>, ...volumes: MemoryVolume[]): Promise<T> {
  let open = true;
  const watched = promise.finally(() => {
    open = false;
  });
  watched.catch(() => undefined);
  while (open) {
    for (const volume of volumes) while (volume.end()) {}
    await settle();
  }
  return watched;
}
