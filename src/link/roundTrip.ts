import { readNumber } from '../../parsers/formats/linkRequests.ts';

const STAMP_NS = 1000;
const STAMPS: number = 2 ** 48;

/** How long a sign of life took to the far end and back, by the stamp that it carries. Times are monotonic nanoseconds. */
export class RoundTrip {
  #ns: number | undefined;

  /** Of the last one; undefined before. */
  get ms(): number | undefined {
    return this.#ns === undefined ? undefined : this.#ns / 1e6;
  }

  stamp(now: number): number {
    return Math.floor(now / STAMP_NS) % STAMPS;
  }

  /** It is back. */
  back(stamp: number, now: number): void {
    const took = this.stamp(now) - stamp;
    if (took >= 0) this.#ns = took * STAMP_NS;
  }
}

/** What a sign of life carries; 0 for one that carries nonsense. */
export function stampOf(body: Uint8Array): number {
  const stamp = readNumber(body);
  return typeof stamp === 'number' ? stamp : 0;
}
