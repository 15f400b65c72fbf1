/** Bytes of reads that are open, or wait to be hashed, over all volumes. */
const BYTES = 8 * 1024 * 1024;
/** So much of one read is looked at. */
const READ_BYTES = 512 * 1024;
/** Buffers up to this size, by powers of two from the first, are used again: so many of each are kept. */
const SPARE_FIRST = 4096;
const SPARE_LAST = 64 * 1024;
const SPARES = 32;

/** Does some of its work, and says whether more is left. */
type Work = () => boolean;

/**
 * Memory for the reads that are looked at, and the turn of each: bytes are hashed in small pieces between everything else
 * that the unit does, so that no host waits for it.
 */
export class ReadDesk {
  readonly #later: (work: () => void) => void;
  readonly #queue: Work[] = [];
  readonly #spares = new Map<number, ArrayBufferLike[]>();
  #free = BYTES;

  constructor(later: (work: () => void) => void = setImmediate) {
    this.#later = later;
  }

  /** Undefined: there is no room for it now. What it holds is whatever was there. */
  take(length: number): Uint8Array | undefined {
    const bytes = Math.min(length, READ_BYTES);
    const size = sizeFor(bytes);
    if (size > this.#free) return undefined;
    this.#free -= size;
    const spare = this.#spares.get(size)?.pop();
    return new Uint8Array(spare ?? new ArrayBuffer(size), 0, bytes);
  }

  give({ buffer }: Uint8Array): void {
    const size = buffer.byteLength;
    this.#free += size;
    if (size > SPARE_LAST) return;
    const spares = this.#spares.get(size);
    if (spares === undefined) this.#spares.set(size, [buffer]);
    else if (spares.length < SPARES) spares.push(buffer);
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

function sizeFor(bytes: number): number {
  if (bytes > SPARE_LAST) return bytes;
  let size = SPARE_FIRST;
  while (size < bytes) size *= 2;
  return size;
}
