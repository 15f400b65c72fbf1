import type { ByteSource } from './captureBytes.ts';

/** Chunks of one file at the same time: the one at hand, the one before it, and two being read ahead. */
const SLOTS = 4;
/** How long after its turn a chunk is left alone: consumers that refer to a little of it are mostly done by then. */
const KEPT = 1;
/** Chunks of a source that is read at once: the one at hand and the one before it. */
const SLOTS_NOW = 2;

/**
 * Chunks start in the middle of a page while files are read from a page's start: a copy whose two ends lie a few bytes
 * apart within their pages takes up to five times as long (the processor takes its loads for its own recent stores).
 */
const SHIFT = 2048;

/**
 * Chunk buffers that pass from one file to the next. A buffer that was in use before is announced to `beforeReuse` when it
 * is taken again.
 */
export class ChunkPool {
  readonly chunkBytes: number;
  beforeReuse: (bytes: Uint8Array) => void = () => {};
  readonly #free: Uint8Array[] = [];

  constructor(chunkBytes: number) {
    this.chunkBytes = chunkBytes;
  }

  take(): Uint8Array {
    const used = this.#free.pop();
    if (used === undefined) return new Uint8Array(this.chunkBytes + SHIFT).subarray(SHIFT);
    this.beforeReuse(used);
    return used;
  }

  give(bytes: Uint8Array): void {
    this.#free.push(bytes);
  }
}

/**
 * Reads a source ahead in a ring of chunks. Buffers change hands only inside `next`, so a consumer is never asked to let go
 * in the middle of its work.
 */
export class ChunkRing {
  /** The chunk at hand, and how many bytes of it are there. */
  bytes: Uint8Array;
  length = 0;
  readonly #source: ByteSource;
  readonly #pool: ChunkPool;
  #slots: Uint8Array[] = [];
  readonly #lengths: number[] = [];
  /** Chunks are numbered from 0: the one at hand, and how many were read. */
  #current = -1;
  #filled = 0;
  #reading = false;
  #ended = false;
  #error: unknown;
  #wake: () => void = () => {};

  /** The first chunk is read into a buffer of `firstBytes` of its own: a file that waits for its turn holds no more. */
  constructor(source: ByteSource, pool: ChunkPool, firstBytes: number) {
    this.#source = source;
    this.#pool = pool;
    this.bytes = new Uint8Array(firstBytes);
  }

  /** Goes on to the next chunk; false at the end. Rejects with the system's error once all before it was handed out. */
  async next(): Promise<boolean> {
    if (this.#current < 0) return this.#first();
    if (this.#source.readNow !== undefined) return this.#now();
    if (this.#slots.length === 0 && !this.#ended) {
      for (let i = 0; i < SLOTS; i++) this.#slots.push(this.#pool.take());
    }
    this.#current++;
    this.#release();
    this.#readAhead();
    while (this.#filled <= this.#current && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#filled <= this.#current || this.#slots.length === 0) {
      this.length = 0;
      if (this.#error !== undefined) throw this.#error;
      return false;
    }
    this.bytes = this.#slots[this.#current % SLOTS];
    this.length = this.#lengths[this.#current % SLOTS];
    return true;
  }

  /** Reads the next chunk itself; signals, timers and finished writes get their turn first. */
  async #now(): Promise<boolean> {
    await new Promise(setImmediate);
    if (this.#ended || this.#source.readNow === undefined) return this.#over();
    if (this.#slots.length === 0) for (let i = 0; i < SLOTS_NOW; i++) this.#slots.push(this.#pool.take());
    this.#current++;
    const slot = this.#slots[this.#current % SLOTS_NOW];
    if (this.#current > SLOTS_NOW) this.#pool.beforeReuse(slot);
    this.bytes = slot;
    this.length = this.#source.readNow(slot);
    return this.length > 0 || this.#over();
  }

  #over(): false {
    this.#ended = true;
    this.length = 0;
    return false;
  }

  async #first(): Promise<boolean> {
    this.#current = 0;
    this.#filled = 1;
    this.length = await this.#source.read(this.bytes);
    this.#ended = this.length === 0;
    return !this.#ended;
  }

  /** Lets the consumer know that the chunk whose place is read into next is about to go. */
  #release(): void {
    const gone = this.#current - KEPT - 1;
    if (gone >= 1 && !this.#ended) this.#pool.beforeReuse(this.#slots[gone % SLOTS]);
  }

  #readAhead(): void {
    if (this.#reading || this.#ended || this.#filled >= this.#current - KEPT + SLOTS) return;
    this.#reading = true;
    const slot = this.#filled % SLOTS;
    this.#source.read(this.#slots[slot]).then(
      (length) => {
        this.#reading = false;
        if (length === 0) this.#ended = true;
        else {
          this.#lengths[slot] = length;
          this.#filled++;
        }
        this.#wake();
        this.#readAhead();
      },
      (error: unknown) => {
        this.#reading = false;
        this.#ended = true;
        this.#error = error;
        this.#wake();
      },
    );
  }

  /** Ends the reading ahead and gives the buffers back; one that is being read into still is left to be forgotten. */
  release(): void {
    this.#ended = true;
    if (!this.#reading) for (const slot of this.#slots) this.#pool.give(slot);
    this.#slots = [];
  }
}
