import type { BusWord } from './word.ts';

/** More changes than this within one settling time is noise without an end: the oldest goes out as it is. */
const HELD = 64;

/**
 * Takes pulses out of each line that are shorter than any driver's (SPI-5 section 9.1: the shortest assertion of REQ or ACK
 * at Fast-10 is 30 ns), and leaves every other edge where it was. What comes out lags behind by the settling time.
 */
export class Settle {
  /** Nanoseconds that a line has to stay. */
  ns = 28;
  private readonly out: (time: number, word: BusWord) => void;
  private readonly times = new Float64Array(HELD);
  private readonly words = new Int32Array(HELD);
  private head = 0;
  private count = 0;
  /** The word before the oldest held one, as it came in and as it went out. */
  private gone: BusWord = 0;
  private last: BusWord = 0;
  private goneAt = 0;
  private fresh = true;

  constructor(out: (time: number, word: BusWord) => void) {
    this.out = out;
  }

  push(time: number, word: BusWord): void {
    if (this.fresh) {
      this.fresh = false;
      this.gone = word;
      this.last = word;
      this.goneAt = time;
      this.out(time, word);
      return;
    }
    const limit = time - this.ns;
    while (this.count > 0 && this.times[this.head] <= limit) this.release();
    let changed = word ^ this.last;
    if (changed === 0) {
      // Time has passed, and the lines stand still.
      if (this.count === 0 && limit > this.goneAt) {
        this.goneAt = limit;
        this.out(limit, word);
      }
      return;
    }
    this.last = word;
    // A line that changes back so soon never changed: the pulse goes out of all that is held from its first edge on.
    for (let k = this.count - 1; k >= 0 && changed !== 0; k--) {
      const at = (this.head + k) % HELD;
      const before = k === 0 ? this.gone : this.words[(this.head + k - 1) % HELD];
      const pulse = (this.words[at] ^ before) & changed;
      if (pulse === 0) continue;
      for (let m = k; m < this.count; m++) this.words[(this.head + m) % HELD] ^= pulse;
      changed &= ~pulse;
    }
    if (this.count === HELD) this.release();
    const at = (this.head + this.count++) % HELD;
    this.times[at] = time;
    this.words[at] = word;
  }

  /** Nothing more comes that could take anything back: all goes out. */
  flush(): void {
    while (this.count > 0) this.release();
  }

  /** What was held goes out, and the next word is absolute. */
  restart(): void {
    this.flush();
    this.fresh = true;
  }

  private release(): void {
    const word = this.words[this.head];
    const time = this.times[this.head];
    this.head = (this.head + 1) % HELD;
    this.count--;
    if (word === this.gone) return;
    this.gone = word;
    this.goneAt = time;
    this.out(time, word);
  }
}
