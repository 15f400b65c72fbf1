import { Fault } from '../../base/fault.ts';
import type { Moment } from '../../queue/moments.ts';
import type { HistoryContents } from './historyContents.ts';
import type { MomentView } from './historyTypes.ts';

/** A moment that must stay. */
interface Pin {
  readonly sequence: number;
  /** False: the newest moment is meant, whichever that is. */
  readonly named: boolean;
  /** Why it cannot be read any more. */
  why: string | undefined;
}

/** Moments that are being read. */
export class HistoryViews {
  readonly #contents: HistoryContents;
  readonly #guard: (work: Promise<void>) => Promise<void>;
  readonly #open = new Set<Pin>();

  /** `guard` follows each read: it answers for damage. */
  constructor(contents: HistoryContents, guard: (work: Promise<void>) => Promise<void>) {
    this.#contents = contents;
    this.#guard = guard;
  }

  /** The oldest moment that is being read; none: infinitely late. */
  get oldest(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const { sequence, why } of this.#open) if (why === undefined) oldest = Math.min(oldest, sequence);
    return oldest;
  }

  /** The newest one that a view is open for; none: infinitely early. */
  get newest(): number {
    let newest = Number.NEGATIVE_INFINITY;
    for (const { sequence, named, why } of this.#open) {
      if (named && why === undefined) newest = Math.max(newest, sequence);
    }
    return newest;
  }

  open(moment: Moment): MomentView {
    const { sequence, at, consistent } = moment;
    const bytes = this.#contents.timeline.bytesAt(sequence);
    const pin: Pin = { sequence, named: true, why: undefined };
    this.#open.add(pin);
    const whole = (): void => {
      if (pin.why !== undefined) throw new Fault('local', `the moment of sequence ${sequence} ${pin.why}`);
    };
    const read = async (offset: number, into: Uint8Array, signal?: AbortSignal): Promise<void> => {
      whole();
      if (!(offset >= 0 && offset + into.length <= bytes)) {
        throw new Fault('bug', `${into.length} bytes at ${offset} of a moment of ${bytes} bytes`);
      }
      await this.#guard(this.#contents.read(sequence, offset, into, signal)).catch((error: unknown) => {
        whole();
        throw error;
      });
      whole();
    };
    const close = (): void => {
      pin.why ??= 'is closed';
      this.#open.delete(pin);
    };
    return { sequence, at, consistent, bytes, read, close };
  }

  /** Reads the newest moment as it is now. */
  async readNewest(offset: number, into: Uint8Array): Promise<void> {
    const { timeline } = this.#contents;
    const pin: Pin = { sequence: timeline.newest, named: false, why: undefined };
    this.#open.add(pin);
    try {
      await this.#guard(this.#contents.read(pin.sequence, offset, into));
    } catch (error) {
      if (pin.why !== 'was lost') throw error;
    } finally {
      this.#open.delete(pin);
    }
    if (pin.why === 'was lost') await this.readNewest(offset, into);
  }

  /** Moments behind this one are no more. */
  lose(sequence: number): void {
    for (const pin of this.#open) if (pin.sequence > sequence) pin.why ??= 'was lost';
  }

  close(): void {
    for (const pin of this.#open) pin.why ??= 'is closed';
    this.#open.clear();
  }
}
