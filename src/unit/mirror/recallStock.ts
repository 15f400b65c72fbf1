import type { Spill } from '../../../hw/spill.ts';
import { Fault } from '../../base/fault.ts';
import type { Volume } from '../../base/volume.ts';
import { References, type Segment } from '../../queue/references.ts';

export interface CopyOutOptions {
  /** The ordered mirror whose entries refer to the local one, for notices. */
  name: string;
  /** The local mirror's volume; it is only read. */
  volume: Volume;
  /** Closed with the copy-out. */
  spill: Spill;
  notice: (text: string) => void;
  /** How often the local mirror may have lost what it had acknowledged, besides what its volume itself tells (`losses`). */
  losses?: () => number;
  /** Memory of copying out. */
  memoryBytes?: number;
}

/** Why something was lost; each is told once until nothing is referred to any more. */
export type LossCause = 'full' | 'save' | 'read' | 'cache' | 'order';

const WORDS: Readonly<Record<LossCause, string>> = {
  full: 'temporary storage is full, and blocks that it still needs are overwritten',
  save: 'blocks that it still needs cannot be saved before they are overwritten',
  read: 'blocks that it still needs cannot be read back',
  cache: 'the local mirror may have lost blocks that it still needs',
  order: 'blocks that it still needs were written out of order (a bug)',
};

/** What a link's entries without data refer to, with the two places where it lies, and the account of both. */
export class RecallStock {
  readonly references: References = new References();
  readonly volume: Volume;
  readonly spill: Spill;
  readonly #options: CopyOutOptions;
  readonly #told = new Set<LossCause>();
  #losses: number;
  /** Bytes written to temporary storage, handed to the link, and lost to it. */
  spilledBytes = 0;
  recalledBytes = 0;
  lostBytes = 0;

  constructor(options: CopyOutOptions) {
    this.#options = options;
    this.volume = options.volume;
    this.spill = options.spill;
    this.#losses = this.#lossesNow;
  }

  get #lossesNow(): number {
    return (this.#options.losses?.() ?? 0) + (this.volume.losses ?? 0);
  }

  /** Fills `into` from the local mirror. True when the segments that are not gone afterwards were there all the time. */
  async readLocal(offset: number, into: Uint8Array, cause: LossCause): Promise<boolean> {
    try {
      await this.volume.read(offset, into);
    } catch (error) {
      this.tell(cause, error);
      return false;
    }
    const losses = this.#lossesNow;
    if (losses !== this.#losses) {
      this.#losses = losses;
      this.lost(this.references.loseLocal(), 'cache');
    }
    return true;
  }

  /** These are let go of already; the mirror has told why where there is no `cause`. */
  lost(segments: readonly Segment[], cause?: LossCause): void {
    if (segments.length === 0) return;
    for (const { length } of segments) this.lostBytes += length;
    this.free(segments);
    if (cause !== undefined) this.tell(cause);
  }

  /** Frees the places of segments that were let go of. */
  free(segments: readonly Segment[]): void {
    for (const { place, length } of segments) if (place >= 0) this.spill.give(place, length);
    if (this.references.count === 0) this.#told.clear();
  }

  tell(cause: LossCause, error?: unknown): void {
    if (this.#told.has(cause)) return;
    this.#told.add(cause);
    const { name, notice } = this.#options;
    const why = error === undefined ? '' : `: ${error instanceof Error ? error.message : String(error)}`;
    const mend = error instanceof Fault && error.mend !== undefined ? ` (${error.mend})` : '';
    notice(`${name}: ${WORDS[cause]}${why}${mend}; it is inconsistent until they were copied from the first volume`);
  }
}

/** Memory that is not cleared first: it is filled by a read. */
export function memory(bytes: number): Uint8Array {
  const { buffer, byteOffset, length } = Buffer.allocUnsafeSlow(bytes);
  return new Uint8Array(buffer, byteOffset, length);
}
