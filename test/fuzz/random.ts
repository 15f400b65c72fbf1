/** A small reproducible generator (mulberry32): one seed and one case number give the same case everywhere. */
export class Random {
  #state: number;

  constructor(seed: number, number: number) {
    this.#state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(number + 1, 0xc2b2ae35);
    this.word();
    this.word();
  }

  /** An unsigned 32-bit number. */
  word(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** A whole number from 0 to below `n`. */
  below(n: number): number {
    return Math.floor((this.word() / 0x100000000) * n);
  }

  /** A whole number from `from` to `to`, both included. */
  between(from: number, to: number): number {
    return from + this.below(to - from + 1);
  }

  chance(oneIn: number): boolean {
    return this.below(oneIn) === 0;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)];
  }

  /** Numbers that break things: edges of every width, and a few plain ones. */
  hostile(): number {
    return this.chance(3) ? this.word() : HOSTILE[this.below(HOSTILE.length)];
  }

  fill(bytes: Uint8Array, from = 0, to = bytes.length): void {
    for (let i = from; i < to; i++) bytes[i] = this.word();
  }
}

const HOSTILE = [
  0, 1, 2, 3, 4, 7, 8, 16, 20, 47, 48, 49, 127, 128, 255, 256, 511, 512, 513, 1023, 0x7fff, 0x8000, 0xfffe, 0xffff,
  0x10000, 0xffffff, 0x1000000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff,
];
