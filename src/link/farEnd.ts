import type { Welcome } from '../../parsers/formats/linkGreeting.ts';
import type { EntryPlace } from '../base/ordered.ts';

/**
 * What a sender believes of the far store, from welcome to welcome: whether it is still the one that it was, with everything
 * that it had called durable.
 */
export class FarEnd {
  readonly #epoch: string;
  readonly #isOurs: (epoch: string) => boolean;
  #welcome: Welcome | undefined;
  /** The same, but kept when that is forgotten; undefined from a loss on until it is believed anew. */
  #known: Welcome | undefined;
  /** Where the store stood when it was met, which is no place of this epoch unless some of that is durable. */
  #basis: EntryPlace | undefined;
  #losses = 0;
  #identity = '';

  constructor(epoch: string, isOurs: (epoch: string) => boolean) {
    this.#epoch = epoch;
    this.#isOurs = isOurs;
  }

  /** What it said of itself last; undefined before it was met, and after `forget`. */
  get welcome(): Welcome | undefined {
    return this.#welcome;
  }

  /** Names what the store holds: another name after every loss, and where another unit wrote it. */
  get identity(): string {
    return this.#identity;
  }

  /** The next welcome is believed, whatever it says; where that is a loss, the store has another name then. */
  forget(): void {
    this.#welcome = undefined;
  }

  /** The last entry of this epoch that a welcome calls durable; 0: none. */
  durableIn({ durable }: Welcome): number {
    return durable?.epoch === this.#epoch ? durable.number : 0;
  }

  /**
   * Takes note of a welcome. Words where the store is not what it was, given that entries up to `durable` are durable there
   * and those up to `sent` were sent.
   */
  meet(welcome: Welcome, durable: number, sent: number): string | undefined {
    const before = this.#welcome;
    const lost = this.#known && this.#lost(this.#known, welcome, durable, sent);
    if (lost !== undefined) {
      this.#losses++;
      this.#known = undefined;
      if (before) return lost;
    }
    this.#welcome = welcome;
    this.#known = welcome;
    if (before) return undefined;
    const place = welcome.durable;
    this.#basis = place;
    const stranger = place && !this.#isOurs(place.epoch) ? ` after ${place.epoch}` : '';
    const loss = this.#losses > 0 ? ` loss ${this.#losses} of ${this.#epoch}` : '';
    this.#identity = `journey:${welcome.incarnation}${stranger}${loss}`;
    return undefined;
  }

  /** The volume has this length now; false when that is nothing new. */
  resized(bytes: number): boolean {
    if (!this.#welcome || this.#welcome.bytes === bytes) return false;
    this.#welcome = { ...this.#welcome, bytes };
    return true;
  }

  #lost(before: Welcome, welcome: Welcome, durable: number, sent: number): string | undefined {
    const { incarnation, durable: place } = welcome;
    if (incarnation !== before.incarnation) {
      return `the far end keeps another volume now (incarnation ${incarnation}, it was ${before.incarnation})`;
    }
    if (place?.epoch === this.#epoch) {
      if (place.number > sent) return `the far end has ${place.number} changes, and was sent ${sent}`;
      if (place.number >= durable) return undefined;
      return `the far end has lost changes ${place.number + 1} to ${durable}, which it had called durable`;
    }
    const basis = this.#basis;
    const unmoved = place?.epoch === basis?.epoch && place?.number === basis?.number;
    if (unmoved && basis?.epoch !== this.#epoch && durable === 0) return undefined;
    return `another unit has changed the far volume meanwhile (${place?.epoch ?? 'it holds nothing'})`;
  }
}
