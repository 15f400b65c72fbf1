import { Extents } from '../src/base/extents.ts';
import { Fault } from '../src/base/fault.ts';

/** Places begin at multiples of this. */
export const SPILL_UNIT: number = 4096;
/** A free run of so much is used although it is shorter than what was asked for, before the file is made longer. */
const WORTH_BYTES = 64 * 1024;

/** A place in temporary storage. */
export interface SpillRun {
  readonly place: number;
  readonly bytes: number;
}

/** Which bytes of a temporary file are lent: below the highest that were, and never above the bound. */
export class SpillSpace {
  readonly bytesMax: number;
  /** Free bytes below `#high`. */
  readonly #free = new Extents();
  #high = 0;
  #highest = 0;
  #used = 0;

  constructor(bytesMax: number) {
    if (!Number.isSafeInteger(bytesMax) || bytesMax < 0)
      throw new Fault('bug', `temporary storage of ${bytesMax} bytes`);
    this.bytesMax = Math.floor(bytesMax / SPILL_UNIT) * SPILL_UNIT;
  }

  /** Bytes lent, in whole units. */
  get usedBytes(): number {
    return this.#used;
  }

  /** One past the highest byte that was lent since the last `reset`. */
  get highest(): number {
    return this.#highest;
  }

  /** A place for `bytes`, or for the first part of them where no run is as long; undefined when nothing is free. */
  take(bytes: number): SpillRun | undefined {
    if (!(bytes > 0)) throw new Fault('bug', `a place for ${bytes} bytes`);
    const wanted = units(bytes);
    const above = this.bytesMax - this.#high;
    const last = this.#free.last();
    const length = last ? last[1] - last[0] : 0;
    if (last && (length >= Math.min(wanted, WORTH_BYTES) || length >= above)) {
      const taken = Math.min(wanted, length);
      this.#free.remove(last[1] - taken, last[1]);
      return this.#lend(last[1] - taken, taken, bytes);
    }
    if (above === 0) return undefined;
    const taken = Math.min(wanted, above);
    this.#high += taken;
    this.#highest = Math.max(this.#highest, this.#high);
    return this.#lend(this.#high - taken, taken, bytes);
  }

  /** The place, or a part of it that begins at a multiple of the unit, is free again. */
  give(place: number, bytes: number): void {
    const length = units(bytes);
    this.#used -= length;
    this.#free.add(place, place + length);
    const last = this.#free.last();
    if (last?.[1] !== this.#high) return;
    this.#free.remove(last[0], last[1]);
    this.#high = last[0];
  }

  /** The file is empty again; only while nothing is lent. */
  reset(): void {
    this.#highest = 0;
  }

  #lend(place: number, length: number, bytes: number): SpillRun {
    this.#used += length;
    return { place, bytes: Math.min(bytes, length) };
  }
}

function units(bytes: number): number {
  return Math.ceil(bytes / SPILL_UNIT) * SPILL_UNIT;
}
