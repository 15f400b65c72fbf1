import type { Piece } from '../../base/change.ts';
import type { ServedMedium } from '../../base/servedMedium.ts';
import type { Volume } from '../../base/volume.ts';

/** Any volume as the medium of a logical unit: it does nothing at once, and knows nothing of holes. */
export class ServeVolume implements ServedMedium {
  readonly thin: boolean;
  readonly #volume: Volume;
  readonly #ours: boolean;

  /** `ours`: the volume is closed with it. `thin`: its `unmap` gives room back. */
  constructor(volume: Volume, options: { ours: boolean; thin: boolean }) {
    this.#volume = volume;
    this.#ours = options.ours;
    this.thin = options.thin;
  }

  get granularity(): number {
    return this.#volume.blockSize;
  }

  get bytes(): number {
    return this.#volume.blocks * this.#volume.blockSize;
  }

  read(offset: number, into: Uint8Array): Promise<void> {
    return this.#volume.read(offset, into);
  }

  write(pieces: readonly Piece[]): Promise<void> {
    return this.#volume.writev(pieces, { fua: false });
  }

  unmap(offset: number, length: number): Promise<void> {
    return this.thin ? this.#volume.unmap(offset, length) : this.#volume.zero(offset, length);
  }

  flush(): Promise<void> {
    return this.#volume.flush();
  }

  mapped(offset: number, length: number): readonly (readonly [offset: number, length: number])[] {
    return length === 0 ? [] : [[offset, length]];
  }

  onSizeChange(listener: (bytes: number) => void): void {
    this.#volume.onSizeChange(() => listener(this.bytes));
  }

  async close(): Promise<void> {
    if (this.#ours) await this.#volume.close();
  }
}
