/** Bytes of reads that are open, or wait to be hashed, over all volumes. */
const BYTES = 8 * 1024 * 1024;
/** So much of one read is looked at. */
const READ_BYTES = 512 * 1024;

/** Does some of its work, and says whether more is left. */
type Work = () => boolean;

/**
 * Memory for the reads that are looked at, and the turn of each: bytes are hashed in small pieces between everything else
 * that the unit does, so that no host waits for it.
 */
export class ReadDesk {
  readonly #later: (work: () => void) => void;
  readonly #queue: Work[] = [];
  #free = BYTES;

  constructor(later: (work: () => void) => void = setImmediate) {
    this.#later = later;
  }

  /** Undefined: there is no room for it now. */
  take(length: number): Uint8Array | undefined {
    const bytes = Math.min(length, READ_BYTES);
    if (bytes > this.#free) return undefined;
    this.#free -= bytes;
    return Buffer.allocUnsafeSlow(bytes);
  }

  give(bytes: Uint8Array): void {
    this.#free += bytes.length;
  }

  queue(work: Work): void {
    this.#queue.push(work);
    if (this.#queue.length === 1) this.#later(this.#turn);
  }

  readonly #turn = (): void => {
    const [work] = this.#queue;
    if (work === undefined) return;
    if (!work()) this.#queue.shift();
    if (this.#queue.length > 0) this.#later(this.#turn);
  };
}
