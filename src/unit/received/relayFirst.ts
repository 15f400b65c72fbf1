import type { Piece } from '../../base/change.ts';
import { Fault } from '../../base/fault.ts';
import type { FarStore } from '../../base/ordered.ts';
import type { Volume, VolumeIdentity } from '../../base/volume.ts';

/** The newest moment of a far store, for whoever mirrors it further (requirement D3). It is only read. */
export class RelayFirst implements Volume {
  readonly #store: FarStore;
  /** True unless the store may have given something up that was not dealt with. */
  readonly #whole: () => boolean;
  readonly #listeners: ((blocks: number) => void)[] = [];
  readonly down = false;
  /** How often the store gave something up. */
  losses = 0;

  constructor(store: FarStore, whole: () => boolean) {
    this.#store = store;
    this.#whole = whole;
  }

  get blockSize(): number {
    return this.#store.blockSize;
  }

  get blocks(): number {
    return Math.floor(this.#store.bytes / this.#store.blockSize);
  }

  /** Another one after every loss of what was durable: records of mirrors of it know then that they have to begin anew. */
  identity(): VolumeIdentity {
    return { kind: 'file', id: `far store ${this.#store.incarnation}` };
  }

  /** What was read is not believed where the store gave something up meanwhile: it may be of two moments. */
  async read(offset: number, into: Uint8Array, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) throw new Fault('local', 'reading was given up');
    await this.#store.read(offset, into);
    if (!this.#whole()) throw new Fault('local', 'the volume here gave up its newest changes while it was being read');
  }

  writev(_pieces: readonly Piece[]): Promise<void> {
    return Promise.reject(new Fault('bug', 'a volume that comes over a link is written by its sender only'));
  }

  zero(): Promise<void> {
    return this.writev([]);
  }

  unmap(): Promise<void> {
    return this.writev([]);
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  grow(): Promise<void> {
    return this.writev([]);
  }

  revive(): Promise<void> {
    return Promise.resolve();
  }

  onSizeChange(listener: (blocks: number) => void): void {
    this.#listeners.push(listener);
  }

  /** The store has grown. */
  grown(): void {
    for (const listener of this.#listeners) listener(this.blocks);
  }

  /** The store is its owner's. */
  close(): Promise<void> {
    return Promise.resolve();
  }
}
