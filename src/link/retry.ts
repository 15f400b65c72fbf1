/** Waits between attempts: the first, and the longest, so that the end of a fault is seen within 5 s. */
const FIRST_NS = 0.5e9;
const LONGEST_NS = 3.5e9;

/** When something that failed is tried again: ever more seldom. */
export class Retry {
  #waitNs = FIRST_NS;
  #at: number | undefined;
  #waiting = false;

  /** True from a failure to the success after it. */
  get waiting(): boolean {
    return this.#waiting;
  }

  failed(now: number): void {
    this.#waiting = true;
    this.#at = now + this.#waitNs;
    this.#waitNs = Math.min(this.#waitNs * 2, LONGEST_NS);
  }

  done(): void {
    this.#waiting = false;
    this.#at = undefined;
    this.#waitNs = FIRST_NS;
  }

  /** Once for each failure, when its time has come. */
  due(now: number): boolean {
    if (this.#at === undefined || now < this.#at) return false;
    this.#at = undefined;
    return true;
  }
}
