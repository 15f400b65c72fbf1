/** Seconds that are kept one by one, and minutes. */
export const TREND_SECONDS = 600;
export const TREND_MINUTES = 1440;
const MINUTE = 60;

/** What stands for a minute: its mean, or its highest. */
export type Gathering = 'mean' | 'most';

/**
 * A value of every second for ten minutes, and of every minute for a day. NaN where nothing is known. Rings of one trend are
 * given each second by its number, so they need no times of their own.
 */
export class TrendRing {
  readonly #gathering: Gathering;
  readonly #seconds = new Float32Array(TREND_SECONDS).fill(Number.NaN);
  readonly #minutes = new Float32Array(TREND_MINUTES).fill(Number.NaN);
  /** The second after the newest one. */
  #next = 0;

  constructor(gathering: Gathering) {
    this.#gathering = gathering;
  }

  /** The value of a second; seconds between the last one and it are not known. */
  put(second: number, value: number): void {
    const skipped = second - Math.max(this.#next, second - TREND_SECONDS);
    for (let i = second - skipped; i < second; i++) this.#seconds[i % TREND_SECONDS] = Number.NaN;
    this.#forgetMinutes(second);
    this.#seconds[second % TREND_SECONDS] = value;
    this.#next = second + 1;
    const minute = Math.floor(second / MINUTE);
    this.#minutes[minute % TREND_MINUTES] = this.#gather(minute * MINUTE, second + 1);
  }

  /** The last `count` seconds before second `end`, oldest first. */
  seconds(end: number, count: number): (number | null)[] {
    // Written as a loop: a page that shows a volume asks for thousands of them.
    const values: (number | null)[] = new Array(count).fill(null);
    const from = Math.max(0, end - count, this.#next - TREND_SECONDS);
    for (let second = from; second < Math.min(end, this.#next); second++) {
      values[second - (end - count)] = rounded(this.#seconds[second % TREND_SECONDS]);
    }
    return values;
  }

  /** The last `count` minutes up to the one of second `end - 1`, oldest first. */
  minutes(end: number, count: number): (number | null)[] {
    const last = Math.floor((end - 1) / MINUTE);
    const newest = Math.floor((this.#next - 1) / MINUTE);
    return Array.from({ length: count }, (_, i) => {
      const minute = last - count + 1 + i;
      const known = minute >= 0 && minute <= newest && minute > newest - TREND_MINUTES;
      return known ? rounded(this.#minutes[minute % TREND_MINUTES]) : null;
    });
  }

  /** The last `count` spans of `step` seconds before second `end`, oldest first. */
  spans(end: number, count: number, step: number): (number | null)[] {
    return Array.from({ length: count }, (_, i) => {
      const from = end - (count - i) * step;
      return rounded(this.#gather(Math.max(0, from), from + step));
    });
  }

  #second(second: number): number | null {
    const known = second >= 0 && second < this.#next && second >= this.#next - TREND_SECONDS;
    return known ? rounded(this.#seconds[second % TREND_SECONDS]) : null;
  }

  /** Minutes that went by without a value are not those of yesterday. */
  #forgetMinutes(second: number): void {
    const minute = Math.floor(second / MINUTE);
    const last = this.#next === 0 ? minute : Math.floor((this.#next - 1) / MINUTE);
    for (let i = Math.max(last + 1, minute - TREND_MINUTES); i < minute; i++) {
      this.#minutes[i % TREND_MINUTES] = Number.NaN;
    }
  }

  #gather(from: number, to: number): number {
    let [sum, most, known] = [0, 0, 0];
    for (let second = from; second < to; second++) {
      const value = this.#second(second);
      if (value === null) continue;
      sum += value;
      most = Math.max(most, value);
      known++;
    }
    if (known === 0) return Number.NaN;
    return this.#gathering === 'mean' ? sum / known : most;
  }
}

function rounded(value: number): number | null {
  return Number.isNaN(value) ? null : Math.round(value * 1000) / 1000;
}
