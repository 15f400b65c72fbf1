/** A call that takes longer keeps everybody else waiting. */
const SLOW_MS = 0.4;
/** And so much more for each byte: memory moves a gigabyte in a second at the least. */
const SLOW_MS_PER_BYTE = 1e-6;
/** Calls that go another way after a slow one: at first, and at most. */
const AWAY_MIN = 8;
const AWAY_MAX = 1024;
/** Quick calls that make a slow one forgotten. */
const CALM = 4096;

/**
 * Decides whether calls of the system that mostly only move memory are made at once, on the thread that does everything
 * else: a read or write of 4 KiB in the page cache takes 2 us, the way through a thread pool 15. A store that has to fetch
 * from a disk shows by its slow calls; then they go the other way for a while, which doubles each time that it is tried in vain.
 */
export class TargetPace {
  readonly #now: () => number;
  #away = 0;
  #next = AWAY_MIN;
  #calm = 0;

  /** `now` in milliseconds, monotonic. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Whether the next call is made at once; then what it took is told to `took`. */
  get atOnce(): boolean {
    if (this.#away === 0) return true;
    this.#away--;
    return false;
  }

  start(): number {
    return this.#now();
  }

  took(since: number, bytes: number): void {
    if (this.#now() - since > SLOW_MS + bytes * SLOW_MS_PER_BYTE) {
      this.#away = this.#next;
      this.#next = Math.min(AWAY_MAX, this.#next * 2);
      this.#calm = 0;
    } else if (++this.#calm === CALM) {
      this.#calm = 0;
      this.#next = AWAY_MIN;
    }
  }
}
