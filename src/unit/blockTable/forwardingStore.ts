import type { EntryPlace, FarStore } from '../../base/ordered.ts';

/** A far store that stands before another one, and is in all that it says of itself what that one is. `pipelined` is its own to say. */
export class ForwardingStore {
  readonly through?: NonNullable<FarStore['through']>;
  protected readonly store: FarStore;

  constructor(store: FarStore) {
    this.store = store;
    if (store.through) this.through = (place, number) => store.through?.(place, number);
  }

  get blockSize(): number {
    return this.store.blockSize;
  }

  get bytes(): number {
    return this.store.bytes;
  }

  get incarnation(): string {
    return this.store.incarnation;
  }

  get durable(): EntryPlace | undefined {
    return this.store.durable;
  }

  get consistent(): boolean {
    return this.store.consistent;
  }

  get cuts(): number {
    return this.store.cuts ?? 0;
  }

  read(offset: number, into: Uint8Array): Promise<void> {
    return this.store.read(offset, into);
  }
}
