/** How far a mirror is behind the bus. */
export interface LagReport {
  /** Changes that it has not taken yet. */
  changes: number;
  /** How old the oldest change is that it may lack: the recovery point that would be had now. 0: it lacks none. */
  seconds: number;
}

/** As many looks as an hour has, one each second. */
const LOOKS_MAX = 3600;

/**
 * When the newest entries of a ring came, as it was looked at from time to time: tells how old the oldest one is that
 * somebody has not taken yet, to within the time between two looks. Memory is bounded: what is older than all looks is as old
 * as the oldest.
 */
export class Ages {
  readonly #heads: number[] = [];
  /** Milliseconds, when entries up to the head of the same index were there and later ones were not. */
  readonly #times: number[] = [];

  /** Entries `[.., head)` have come. Looks less than `everyMs` after the last one with something new are not kept. */
  look(head: number, nowMs: number, everyMs = 1000): void {
    const last = this.#heads.length - 1;
    if (last >= 0 && this.#heads[last] === head) {
      this.#times[last] = nowMs;
      return;
    }
    if (last > 0 && nowMs - this.#times[last - 1] < everyMs) {
      this.#heads[last] = head;
      this.#times[last] = nowMs;
      return;
    }
    this.#heads.push(head);
    this.#times.push(nowMs);
    if (this.#heads.length <= LOOKS_MAX) return;
    this.#heads.shift();
    this.#times.shift();
  }

  /** Milliseconds since entry `position` was not there yet; 0 when it still is not. */
  ageMs(position: number, nowMs: number): number {
    const after = this.#heads.findIndex((head) => head > position);
    if (after < 0) return 0;
    return nowMs - this.#times[Math.max(0, after - 1)];
  }
}
