import type { QueueHead, QueueOrder } from '../../parsers/formats/queueEntry.ts';
import { SPACE_NONE, type StoreOrder } from '../../parsers/formats/queueState.ts';
import { Fault } from '../base/fault.ts';
import { type EntryPlace, orderSpace, type SharedPlace } from '../base/ordered.ts';
import type { QueueIndex } from './queueIndex.ts';

/** Entries of one process of the sender, one behind the other: their numbers in the shared order belong together. */
export interface OrderRun {
  /** See `orderSpace`. */
  readonly space: string;
  /** Sequences. */
  readonly first: number;
  readonly last: number;
  /** Numbers of the first, and up to which it is known what the volume was. */
  readonly low: number;
  readonly high: number;
}

/** Numbers from one to the other, both included. */
export type NumberRange = readonly [from: number, to: number];

interface Turn {
  readonly sequence: number;
  readonly space: string | undefined;
}

interface Through {
  readonly space: string;
  readonly number: number;
  /** The newest entry then. */
  readonly after: number;
}

/**
 * Where the moments of a queue stand in the order that several volumes share (requirement C5).
 *
 * At number N the volume is what its last entry of a number not above N made it, provided that nothing was left out between:
 * the next entry is `joined` to it or says `before` N, or there is none and the sender has said that all is there up to N.
 */
export class SharedOrders {
  readonly #index: QueueIndex;
  #base: number;
  #baseSequence: number;
  /** Where another process begins, or none; the first is the base's. */
  #spaces: Turn[];
  /** Entries before which something was left out. */
  #gaps: number[] = [];
  #through: Through | undefined;

  constructor(index: QueueIndex, sequence: number, place: EntryPlace | undefined, kept: StoreOrder | undefined) {
    this.#index = index;
    this.#baseSequence = sequence;
    this.#base = place && kept ? kept.base : 0;
    this.#spaces = [{ sequence, space: place && this.#base > 0 ? orderSpace(place) : undefined }];
  }

  /** Takes up what was kept, once the entries that are there have been added. */
  recall(kept: StoreOrder | undefined): void {
    const through = kept && { space: kept.space, number: kept.through, after: this.#newest };
    if (through && through.number > 0 && through.space === this.#spaces.at(-1)?.space) this.#through = through;
  }

  /** Follows an entry that was just added to the index. */
  add({ place, order }: QueueHead): void {
    const sequence = this.#newest;
    const space = place && order ? orderSpace(place) : undefined;
    if (space !== this.#spaces[this.#spaces.length - 1].space) this.#spaces.push({ sequence, space });
    else if (order?.joined === false) this.#gaps.push(sequence);
  }

  /** The newest number, of the space of `place`; undefined: there is none of it. */
  newestIn(place: EntryPlace): number | undefined {
    return this.#spaces.at(-1)?.space === orderSpace(place) ? this.numberOf(this.#newest) : undefined;
  }

  /** What the next entry is to say of those before, in a batch the first one. */
  orderOf({ number, joined }: SharedPlace): QueueOrder {
    const through = this.#through?.space === this.#spaces.at(-1)?.space ? this.#through : undefined;
    return { number, joined, before: through?.number ?? 0 };
  }

  /** All changes up to a number are among the entries that are there. */
  through(place: EntryPlace, number: number): void {
    const newest = this.newestIn(place);
    if (newest === undefined || number < Math.max(newest, this.#through?.number ?? 0)) return;
    this.#through = { space: orderSpace(place), number, after: this.#newest };
  }

  /** What is to be kept beside the queue, given that entries up to `synced` survive a power loss. */
  kept(synced: number): StoreOrder {
    const through = this.#through && this.#through.after <= synced ? this.#through : undefined;
    return { base: this.#base, through: through?.number ?? 0, space: through?.space ?? SPACE_NONE };
  }

  numberOf(sequence: number): number {
    return sequence === this.#baseSequence ? this.#base : (this.#index.order(sequence) ?? 0);
  }

  /** Oldest first. */
  runs(): OrderRun[] {
    const runs: OrderRun[] = [];
    this.#spaces.forEach(({ sequence: first, space }, i) => {
      if (space === undefined) return;
      const next = this.#spaces[i + 1]?.sequence;
      const last = (next ?? this.#newest + 1) - 1;
      const through = this.#through?.space === space ? this.#through.number : 0;
      const beyond = next === undefined ? through : this.#index.before(next);
      runs.push({ space, first, last, low: this.numberOf(first), high: Math.max(this.numberOf(last), beyond) });
    });
    return runs;
  }

  /** The last entry of the run with a number that is not above this one, which is not below the run's `low`. */
  sequenceAt({ first, last }: OrderRun, number: number): number {
    let low = first;
    let high = last;
    while (low < high) {
      const mid = Math.ceil((low + high) / 2);
      if (this.numberOf(mid) <= number) low = mid;
      else high = mid - 1;
    }
    return low;
  }

  /** Numbers within the run at which it is not known what the volume was, in order. */
  unknown({ first, last }: OrderRun): NumberRange[] {
    return this.#gaps
      .filter((sequence) => sequence > first && sequence <= last)
      .map((sequence): NumberRange => {
        const known = Math.max(this.numberOf(sequence - 1), this.#index.before(sequence));
        return [known + 1, this.numberOf(sequence) - 1];
      })
      .filter(([from, to]) => from <= to);
  }

  /** Entries up to this one are the base's from now on. Call before the index drops. */
  dropTo(sequence: number): void {
    const space = this.#spaces.findLast((turn) => turn.sequence <= sequence)?.space;
    this.#base = this.numberOf(sequence);
    this.#baseSequence = sequence;
    this.#spaces = [{ sequence, space }, ...this.#spaces.filter((turn) => turn.sequence > sequence)];
    this.#gaps = this.#gaps.filter((gap) => gap > sequence);
  }

  /** The base is no moment of the volume. */
  doubtBase(): void {
    this.#base = 0;
    this.#spaces[0] = { sequence: this.#baseSequence, space: undefined };
    this.#through = undefined;
  }

  /** Entries behind this one never were. */
  cutTo(sequence: number): void {
    this.#spaces = this.#spaces.filter((turn, i) => i === 0 || turn.sequence <= sequence);
    this.#gaps = this.#gaps.filter((gap) => gap <= sequence);
    if (this.#through && this.#through.after > sequence) this.#through = undefined;
  }

  get #newest(): number {
    return this.#index.next - 1;
  }
}

/** Refuses an entry that would stand before the last one of its process. */
export function checkOrder(last: number | undefined, { number }: SharedPlace): void {
  if (Number.isSafeInteger(number) && number >= Math.max(last ?? 1, 1)) return;
  throw new Fault('peer', `an entry with number ${number} of a shared order came behind ${last ?? 0}`);
}
