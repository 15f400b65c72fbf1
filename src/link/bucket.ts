/** Bytes a second on the wire: what was sent is owed, and nothing more is sent before it has been paid off by time. */
export class Bucket {
  readonly #perNs: number;
  readonly #burst: number;
  #credit: number;
  #at: number | undefined;

  /** Without a limit it is never empty. A burst is a tenth of a second's bytes. */
  constructor(bytesPerSecond: number | undefined) {
    this.#perNs = (bytesPerSecond ?? Number.POSITIVE_INFINITY) / 1e9;
    this.#burst = (bytesPerSecond ?? 0) / 10;
    this.#credit = this.#burst;
  }

  charge(bytes: number): void {
    if (Number.isFinite(this.#perNs)) this.#credit -= bytes;
  }

  /** Whether something may be sent now. */
  ready(now: number): boolean {
    if (!Number.isFinite(this.#perNs)) return true;
    if (this.#at !== undefined) this.#credit = Math.min(this.#burst, this.#credit + (now - this.#at) * this.#perNs);
    this.#at = now;
    return this.#credit >= 0;
  }
}
