/** Bins of a map, and the smallest that one is. */
export const MAP_BINS = 512;
export const BIN_BYTES_MIN = 4096;

/** After so long a write weighs half. */
const HALF_MS = 60_000;
const WEIGHT_MAX = 2 ** 40;

/**
 * Where hosts write, newest writes weighing most. Of fixed size: bins become twice as large when a write lies beyond them.
 * Adding costs a few additions and allocates nothing.
 */
export class Heat {
  #binBytes = BIN_BYTES_MIN;
  readonly #bins = new Float64Array(MAP_BINS);
  /** What a byte weighs now: it grows, so that what is older weighs less. */
  #weight = 1;
  #since: number | undefined;
  #bytes = 0;

  /** A power of two. */
  get binBytes(): number {
    return this.#binBytes;
  }

  /** All that was added. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes `[offset, offset + length)` were written. */
  add(offset: number, length: number): void {
    this.#bytes += length;
    const end = offset + length;
    while (end > this.#binBytes * MAP_BINS) this.#widen();
    for (let at = offset; at < end; ) {
      const bin = Math.floor(at / this.#binBytes);
      const next = Math.min(end, (bin + 1) * this.#binBytes);
      this.#bins[bin] += (next - at) * this.#weight;
      at = next;
    }
  }

  /** Time has passed. */
  look(nowMs: number): void {
    this.#since ??= nowMs;
    const weight = 2 ** ((nowMs - this.#since) / HALF_MS);
    if (weight < WEIGHT_MAX) {
      this.#weight = weight;
      return;
    }
    for (let i = 0; i < MAP_BINS; i++) this.#bins[i] /= weight;
    this.#since = nowMs;
    this.#weight = 1;
  }

  /** Calls back with each bin that was written: where it begins, and its bytes, older ones weighing less. */
  forEach(callback: (offset: number, bytes: number) => void): void {
    for (let i = 0; i < MAP_BINS; i++) {
      const bytes = this.#bins[i] / this.#weight;
      if (bytes >= 1) callback(i * this.#binBytes, bytes);
    }
  }

  #widen(): void {
    const bins = this.#bins;
    for (let i = 0; i < MAP_BINS / 2; i++) bins[i] = bins[2 * i] + bins[2 * i + 1];
    bins.fill(0, MAP_BINS / 2);
    this.#binBytes *= 2;
  }
}
