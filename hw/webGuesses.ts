import { isIPv6 } from 'node:net';

/** So many wrong tokens are taken at once from one who has given none lately; then one each so many milliseconds. */
export const GUESSES = 5;
export const GUESS_MS = 10_000;
/** Addresses that are told apart. */
const ADDRESSES_MAX = 1024;

interface Guesser {
  /** Wrong tokens, less what has worn off since. */
  wrong: number;
  at: number;
}

/**
 * How many wrong tokens came from where. Memory is bounded: once as many addresses as are told apart guess at one time, those
 * that come anew count as one. Times are milliseconds of one monotonic clock.
 */
export class Guesses {
  readonly #guessers = new Map<string, Guesser>();

  /** Milliseconds until a token is looked at that comes from there; 0: at once. */
  waitMs(address: string, now: number): number {
    const guesser = this.#guessers.get(this.#keyOf(address));
    if (guesser === undefined) return 0;
    return Math.ceil(Math.max(0, (left(guesser, now) - (GUESSES - 1)) * GUESS_MS));
  }

  /** A token from there was wrong. True for the one that is the last for a while. */
  wrong(address: string, now: number): boolean {
    this.#forget(now);
    const key = this.#keyOf(address);
    const known = this.#guessers.get(key);
    const wrong = (known === undefined ? 0 : left(known, now)) + 1;
    this.#guessers.set(key, { wrong, at: now });
    return wrong > GUESSES - 1;
  }

  #keyOf(address: string): string {
    const network = networkOf(address);
    return this.#guessers.size >= ADDRESSES_MAX && !this.#guessers.has(network) ? '' : network;
  }

  /** What has worn off is nothing any more; only looked for where there are many. */
  #forget(now: number): void {
    if (this.#guessers.size < ADDRESSES_MAX) return;
    for (const [key, guesser] of this.#guessers) if (left(guesser, now) === 0) this.#guessers.delete(key);
  }
}

function left({ wrong, at }: Guesser, now: number): number {
  return Math.max(0, wrong - (now - at) / GUESS_MS);
}

/** One machine has as many IPv6 addresses of a network as it likes: its first 64 bits tell. */
function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped) return mapped[1];
  if (!isIPv6(address)) return address;
  const [head, tail] = address.split('%', 1)[0].toLowerCase().split('::', 2);
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  return [...before, ...Array<string>(zeros).fill('0'), ...after].slice(0, 4).join(':');
}
