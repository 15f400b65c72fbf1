import { NATURES, type NatureIndex, READ, WRITE } from './natures.ts';

const FIRST_INTERVAL_NS = 1e6;

/** What `RateSeries.snapshot` returns: one number per interval, oldest first. */
export interface SeriesSnapshot {
  startUnixSeconds: number;
  intervalSeconds: number;
  reads: number[];
  writes: number[];
  controls: number[];
  bytesRead: number[];
  bytesWritten: number[];
}

/**
 * Commands and bytes per interval over a span of any length in a fixed number of slots: the interval starts at 1 ms and
 * doubles, folding slots in pairs, whenever the span outgrows the slots. Times may come in any order.
 */
export class RateSeries {
  readonly #slots: number;
  readonly #commands: Float64Array[];
  readonly #bytes: Float64Array[];
  #intervalNs = FIRST_INTERVAL_NS;
  /** Number of the interval (counted from 1970) that slot 0 stands for; slots in use from there. */
  #base = 0;
  #used = 0;

  constructor(slots = 240) {
    this.#slots = slots;
    this.#commands = NATURES.map(() => new Float64Array(slots));
    this.#bytes = [READ, WRITE].map(() => new Float64Array(slots));
  }

  /** `atNs`: nanoseconds since 1970; a number's precision (256 ns) is finer than any interval. */
  record(atNs: number, nature: NatureIndex, bytes: number): void {
    let number = Math.floor(atNs / this.#intervalNs);
    if (this.#used === 0) this.#base = number;
    while (number < this.#base || number >= this.#base + this.#slots) {
      if (number < this.#base && this.#base + this.#used - number <= this.#slots) {
        this.#shift(this.#base - number);
      } else {
        this.#fold();
        number = Math.floor(atNs / this.#intervalNs);
      }
    }
    const slot = number - this.#base;
    if (slot >= this.#used) this.#used = slot + 1;
    this.#commands[nature][slot]++;
    if (nature === READ || nature === WRITE) this.#bytes[nature][slot] += bytes;
  }

  snapshot(): SeriesSnapshot {
    const list = (from: Float64Array): number[] => Array.from(from.subarray(0, this.#used));
    return {
      startUnixSeconds: (this.#base * this.#intervalNs) / 1e9,
      intervalSeconds: this.#intervalNs / 1e9,
      reads: list(this.#commands[0]),
      writes: list(this.#commands[1]),
      controls: list(this.#commands[2]),
      bytesRead: list(this.#bytes[0]),
      bytesWritten: list(this.#bytes[1]),
    };
  }

  /** Makes room for `by` earlier intervals. */
  #shift(by: number): void {
    for (const column of [...this.#commands, ...this.#bytes]) {
      column.copyWithin(by, 0, this.#used);
      column.fill(0, 0, by);
    }
    this.#base -= by;
    this.#used += by;
  }

  #fold(): void {
    const base = Math.floor(this.#base / 2);
    for (const column of [...this.#commands, ...this.#bytes]) {
      for (let i = 0; i < this.#used; i++) {
        const value = column[i];
        column[i] = 0;
        column[Math.floor((this.#base + i) / 2) - base] += value;
      }
    }
    if (this.#used > 0) this.#used = Math.floor((this.#base + this.#used - 1) / 2) - base + 1;
    this.#base = base;
    this.#intervalNs *= 2;
  }
}
