import type { Piece } from '../../base/change.ts';
import type { Extents } from '../../base/extents.ts';
import type { NearSums, OrderedEntry, OrderedVolume } from '../../base/ordered.ts';
import { LateVolume } from '../lu/lateVolume.ts';
import type { JourneyVolume } from './journeyTypes.ts';

/** A volume at another unit that need not be reached yet. */
export class LateOrderedVolume extends LateVolume<JourneyVolume> implements OrderedVolume {
  /** It was reached before, and is not now. */
  get cut(): boolean {
    return this.opened?.link.connected === false;
  }

  append(entry: OrderedEntry): Promise<void> {
    return this.opened?.append(entry) ?? Promise.reject(this.fault);
  }

  through(number: number): void {
    this.opened?.through?.(number);
  }

  survey(wanted: Extents, near: NearSums, signal?: AbortSignal): Promise<Extents | undefined> {
    return this.opened?.survey?.(wanted, near, signal) ?? Promise.resolve(undefined);
  }

  differing(offset: number, bytes: Uint8Array, signal?: AbortSignal): Promise<Piece[]> {
    return this.opened?.differing(offset, bytes, signal) ?? Promise.reject(this.fault);
  }
}
