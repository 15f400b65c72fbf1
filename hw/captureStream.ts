import { CaptureSplitter } from '../parsers/capture/capture.ts';
import { type FrameBatch, frameBatch, type SourceFault } from '../src/base/frames.ts';
import type { ByteSource } from './captureBytes.ts';
import { type ChunkPool, ChunkRing } from './captureRing.ts';

/** Frames in a batch: its arrays stay in the processor's first cache. */
const BATCH = 1024;
const SMALL_SPILL = 1 << 14;

/** One capture as a row of batches. Records are taken where they were read; only one cut by a chunk's end is copied. */
export class CaptureStream {
  readonly file: string;
  readonly batch: FrameBatch;
  /** The first frame of the batch that was not handed out. */
  at = 0;
  /** Why the file was not used to its end. */
  fault: SourceFault | undefined;
  readonly #source: ByteSource;
  readonly #pool: ChunkPool;
  readonly #ring: ChunkRing;
  readonly #splitter = new CaptureSplitter();
  /** Unused bytes of the ring's chunk, and where the chunk lies in the (unpacked) file. */
  #from = 0;
  #to = 0;
  #chunkBase = 0;
  /** The record that a chunk's end cut, in turn in one of two buffers: the last one may still be referred to. */
  #spill = new Uint8Array(0);
  #otherSpill = new Uint8Array(0);
  #spilled = 0;
  #ended = false;

  constructor(file: string, source: ByteSource, pool: ChunkPool, firstBytes: number) {
    this.file = file;
    this.#source = source;
    this.#pool = pool;
    this.#ring = new ChunkRing(source, pool, firstBytes);
    this.batch = frameBatch(this.#ring.bytes, BATCH);
  }

  /** True once the file's header was accepted. */
  get opened(): boolean {
    return this.#splitter.opened;
  }

  get position(): number {
    return this.#source.position;
  }

  get total(): number {
    return this.#source.total;
  }

  /** Fills the batch, all of which was handed out, anew; false at the end of what can be used. */
  async fill(): Promise<boolean> {
    const batch = this.batch;
    batch.count = 0;
    this.at = 0;
    while (!this.#ended) {
      if (this.#spilled > 0) this.#splitSpill();
      else if (this.#from < this.#to) this.#splitChunk();
      if (batch.count > 0) return true;
      if (this.#from === this.#to && !this.#ended) await this.#advance();
    }
    await this.close();
    return false;
  }

  async close(): Promise<void> {
    this.#ended = true;
    this.#ring.release();
    await this.#source.close();
  }

  #splitChunk(): void {
    const { bytes } = this.#ring;
    this.batch.bytes = bytes;
    this.#from = this.#splitter.split(bytes, this.#from, this.#to, this.batch);
    if (this.batch.count > 0) return;
    const broken = this.#splitter.fault;
    if (broken !== undefined) this.#stop(this.#chunkBase + broken.offset, broken.reason);
    else if (this.#from < this.#to) this.#beginSpill();
  }

  /** Sets the cut record apart, before its chunk goes. */
  #beginSpill(): void {
    const next = this.#otherSpill;
    this.#otherSpill = this.#spill;
    this.#spill = next;
    if (next.length > 0) this.#pool.beforeReuse(next);
    this.#append(this.#to - this.#from);
  }

  /** Completes the record with exactly the bytes it lacks, and splits it. */
  #splitSpill(): void {
    const lacking = this.#splitter.need - this.#spilled;
    this.#append(Math.min(lacking, this.#to - this.#from));
    if (this.#spilled < this.#splitter.need) return;
    const batch = this.batch;
    batch.bytes = this.#spill;
    const used = this.#splitter.split(this.#spill, 0, this.#spilled, batch);
    const broken = this.#splitter.fault;
    if (broken !== undefined && batch.count === 0) {
      this.#stop(this.#chunkBase + this.#from - this.#spilled + broken.offset, broken.reason);
    } else if (used > 0) {
      this.#spilled = 0;
    }
  }

  #append(count: number): void {
    const from = this.#from;
    const wanted = this.#spilled + count;
    if (this.#spill.length < wanted) {
      // It doubles with what the file really has: a claimed length alone makes no memory.
      const larger = new Uint8Array(Math.max(SMALL_SPILL, wanted, this.#spill.length * 2));
      larger.set(this.#spill.subarray(0, this.#spilled));
      this.#spill = larger;
    }
    this.#spill.set(this.#ring.bytes.subarray(from, from + count), this.#spilled);
    this.#spilled = wanted;
    this.#from = from + count;
  }

  async #advance(): Promise<void> {
    this.#chunkBase += this.#to;
    this.#from = 0;
    this.#to = 0;
    const unused = this.#spilled + this.#splitter.skipping;
    try {
      if (await this.#ring.next()) {
        this.#to = this.#ring.length;
        return;
      }
    } catch (error) {
      if (this.#ended) return;
      this.#stop(this.#chunkBase - this.#spilled, readingFault(error));
      return;
    }
    // Closed under the waiting read: that is no fault of the file.
    if (this.#ended) return;
    if (unused > 0) this.#stop(this.#chunkBase - this.#spilled, 'the file ends inside a record');
    this.#ended = true;
  }

  #stop(offset: number, reason: string): void {
    this.fault = { file: this.file, offset, reason };
    this.#ended = true;
  }
}

/** What went wrong with reading, in words for an operator. */
export function readingFault(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  switch (code) {
    case 'ENOENT':
      return 'no such file';
    case 'EACCES':
    case 'EPERM':
      return 'permission denied';
    case 'EISDIR':
      return 'is a directory';
    case 'EIO':
      return 'the disk or device failed to read it (EIO)';
    case 'EMFILE':
    case 'ENFILE':
      return 'too many open files';
    case 'Z_BUF_ERROR':
      return 'the gzip data ends too early';
    case 'Z_DATA_ERROR':
      return 'the gzip data is damaged';
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
