import type { MarkItem } from './orderedQueue.ts';

/** How long a bookmark waits for its mirror to be consistent. */
export class Patience {
  readonly #ns: bigint;
  /** Nanoseconds since 1970. */
  readonly #clock: () => bigint;
  #waiting: { item: MarkItem; since: bigint } | undefined;
  #hurried = false;

  constructor(ns: bigint, clock: () => bigint) {
    this.#ns = ns;
    this.#clock = clock;
  }

  /** Nothing waits from here on. */
  hurry(): void {
    this.#hurried = true;
  }

  /** True while there is patience left with this bookmark. */
  with(item: MarkItem): boolean {
    if (this.#hurried || this.#ns === 0n) return false;
    const now = this.#clock();
    if (this.#waiting?.item !== item) this.#waiting = { item, since: now };
    return now - this.#waiting.since < this.#ns;
  }
}
