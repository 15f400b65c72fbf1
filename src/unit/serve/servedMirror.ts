import type { Piece } from '../../base/change.ts';
import type { ServedMedium } from '../../base/servedMedium.ts';
import type { Volume } from '../../base/volume.ts';
import type { KeptRecord } from '../../record/kept.ts';
import { ServeVolume } from './serveVolume.ts';

/**
 * A mirror that was promoted, as hosts write to it: whatever they are about to write is marked in its record first, so that
 * it is brought up to date again by what changed.
 */
export class PromotedMirror extends ServeVolume implements ServedMedium {
  readonly #record: KeptRecord;

  constructor(volume: Volume, record: KeptRecord) {
    super(volume, { ours: false, thin: false });
    this.#record = record;
  }

  override async write(pieces: readonly Piece[]): Promise<void> {
    for (const { offset, length } of pieces) this.#record.mark(offset, length);
    for (const { offset, length } of pieces) await this.#record.settled(offset, length);
    await super.write(pieces);
  }

  override async unmap(offset: number, length: number): Promise<void> {
    this.#record.mark(offset, length);
    await this.#record.settled(offset, length);
    await super.unmap(offset, length);
  }
}
