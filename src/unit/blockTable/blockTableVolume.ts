import type { Piece } from '../../base/change.ts';
import { type Fault, faultOf } from '../../base/fault.ts';
import type { Volume, VolumeIdentity } from '../../base/volume.ts';
import type { BlockTable } from '../../blocks/blockTable.ts';
import type { KeptTable } from './blockTable.ts';
import { Scrub } from './blockTableScrub.ts';

/** A medium of this unit that keeps a block table: nobody else writes to it. */
export class TabledVolume implements Volume {
  readonly scrub: Scrub;
  readonly #volume: Volume;
  readonly #kept: KeptTable;

  constructor(volume: Volume, kept: KeptTable, background?: boolean) {
    this.#volume = volume;
    this.#kept = kept;
    const read = (offset: number, into: Uint8Array): Promise<void> => volume.read(offset, into);
    this.scrub = new Scrub({ table: kept.table, read, background });
    volume.onSizeChange((blocks) => kept.resize(blocks * volume.blockSize));
  }

  get table(): BlockTable {
    return this.#kept.table;
  }

  get blockSize(): number {
    return this.#volume.blockSize;
  }

  get blocks(): number {
    return this.#volume.blocks;
  }

  get down(): boolean {
    return this.#volume.down;
  }

  get away(): Fault | undefined {
    return this.#volume.away;
  }

  get losses(): number {
    return this.#volume.losses ?? 0;
  }

  get unsure(): boolean {
    return this.#volume.unsure ?? false;
  }

  identity(): VolumeIdentity {
    return this.#volume.identity();
  }

  read(offset: number, into: Uint8Array, signal?: AbortSignal): Promise<void> {
    return this.#volume.read(offset, into, signal);
  }

  async writev(pieces: readonly Piece[], options: { fua: boolean }, signal?: AbortSignal): Promise<void> {
    const { table } = this.#kept;
    for (const { offset, length } of pieces) table.begin(offset, length);
    try {
      await this.#volume.writev(pieces, options, signal);
    } catch (error) {
      if (this.unsure) table.abandon(faultOf(error));
      throw error;
    } finally {
      for (const { offset, length } of pieces) table.end(offset, length);
    }
  }

  zero(offset: number, length: number): Promise<void> {
    return this.#around(offset, length, () => this.#volume.zero(offset, length));
  }

  unmap(offset: number, length: number): Promise<void> {
    return this.#around(offset, length, () => this.#volume.unmap(offset, length));
  }

  /** A medium that fails to make durable what it was given may show something else at any time from then on. */
  async flush(): Promise<void> {
    try {
      await this.#volume.flush();
    } catch (error) {
      this.table.abandon(faultOf(error));
      throw error;
    }
  }

  grow(bytes: number): Promise<void> {
    return this.#volume.grow(bytes);
  }

  revive(signal?: AbortSignal): Promise<void> {
    this.#kept.table.loseAll();
    return this.#volume.revive(signal);
  }

  onSizeChange(listener: (blocks: number) => void): void {
    this.#volume.onSizeChange(listener);
  }

  async close(): Promise<void> {
    await this.scrub.stop();
    let clean = false;
    try {
      // A table that is believed after a power loss needs a medium that is there after one.
      await this.#volume.flush();
      clean = true;
    } finally {
      await this.#volume.close();
      await this.#kept.close(clean);
    }
  }

  async #around(offset: number, length: number, work: () => Promise<void>): Promise<void> {
    const { table } = this.#kept;
    table.begin(offset, length);
    try {
      await work();
    } finally {
      table.end(offset, length);
    }
  }
}
