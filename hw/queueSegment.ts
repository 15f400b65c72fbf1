import { close, fdatasync, fsync, ftruncate, open, read, unlink } from 'node:fs';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import { saltState } from '../parsers/formats/queueSegment.ts';
import { Fault } from '../src/base/fault.ts';
import { DirectAppend } from './directAppend.ts';
import { FileWrites } from './fileWrites.ts';
import { stateFault } from './stateFaults.ts';

/** A segment is shorter than what stands in it. */
export class SegmentEnd extends Fault {}

export interface SegmentFacts {
  /** Sequence of its first entry. */
  first: number;
  salt: Uint8Array;
  /** Where its entries end. */
  end: number;
  /** Appends of so many bytes and more pass the system's cache by. */
  directFrom?: number | undefined;
}

/** One file of an ordered queue, open for reading and writing. */
export class QueueSegment {
  readonly path: string;
  /** Sequence of its first entry. */
  readonly first: number;
  /** With which its entries' checksums begin. */
  readonly salt: number;
  readonly #fd: number;
  readonly #writes: FileWrites;
  readonly #direct: DirectAppend;
  #end: number;
  #holds = 0;
  #idle: (() => void) | undefined;

  private constructor(path: string, fd: number, { first, salt, end, directFrom }: SegmentFacts) {
    this.path = path;
    this.first = first;
    this.salt = saltState(salt);
    this.#fd = fd;
    this.#end = end;
    // One run of neighbours at a time: nothing that a thread of its own would be quicker with.
    this.#writes = new FileWrites(path, fd, { threadFromRuns: Number.POSITIVE_INFINITY });
    this.#direct = new DirectAppend(path, fd, directFrom);
  }

  static async open(path: string, facts: SegmentFacts): Promise<QueueSegment> {
    try {
      return new QueueSegment(path, await promisify(open)(path, 'r+'), facts);
    } catch (error) {
      throw stateFault(path, 'opening it', error);
    }
  }

  /** Where the next entry goes. */
  get end(): number {
    return this.#end;
  }

  /** Appends buffers of `bytes` in all. When it rejects, what it left behind the end is still there: see `cut`. */
  async append(buffers: readonly Uint8Array[], bytes: number): Promise<void> {
    try {
      await this.#append(buffers, bytes);
    } catch (error) {
      if (!(error instanceof Fault) || error.blame === 'bug') throw error;
      const mend = 'free some space there, or keep less (`history` in the configuration)';
      throw /ENOSPC|EDQUOT/.test(error.message) ? new Fault('local', error.message, mend, { cause: error }) : error;
    }
    this.#end += bytes;
  }

  async #append(buffers: readonly Uint8Array[], bytes: number): Promise<void> {
    // Whoever closes it waits.
    this.hold();
    try {
      if (await this.#direct.append(this.#end, buffers, bytes)) return;
      await this.#writes.write([{ offset: this.#end, length: bytes, payload: buffers }]);
    } finally {
      this.release();
    }
  }

  /** Ends the file at `end`, durably: what stood behind it is not read again. */
  async cut(end: number): Promise<void> {
    try {
      await promisify(ftruncate)(this.#fd, end);
      await promisify(fsync)(this.#fd);
      this.#end = end;
    } catch (error) {
      throw stateFault(this.path, `cutting it to ${end} bytes`, error);
    }
  }

  /** Keeps the file open, also once it was removed, until `release`. */
  hold(): void {
    this.#holds++;
  }

  release(): void {
    if (--this.#holds === 0) this.#idle?.();
  }

  /** Fills `into`; the caller holds the segment where somebody else may remove it meanwhile. */
  async read(position: number, into: Uint8Array): Promise<void> {
    this.hold();
    try {
      for (let done = 0; done < into.length; ) {
        const bytes = await this.#read(position + done, into, done);
        if (bytes === 0) throw new SegmentEnd('local', `${this.path} ends at ${position + done}`);
        done += bytes;
      }
    } catch (error) {
      throw stateFault(this.path, `reading ${into.length} bytes at ${position}`, error);
    } finally {
      this.release();
    }
  }

  async sync(): Promise<void> {
    try {
      await promisify(fdatasync)(this.#fd);
    } catch (error) {
      throw stateFault(this.path, 'making it durable', error);
    }
  }

  /** Removes the file; it is closed once nobody holds it. */
  async remove(): Promise<void> {
    try {
      await promisify(unlink)(this.path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw stateFault(this.path, 'removing it', error);
    }
    // Not waited for: whoever reads from it may take long.
    this.close().catch(() => undefined);
  }

  async close(): Promise<void> {
    await this.#writes.close();
    if (this.#holds > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    try {
      await this.#direct.close();
      await promisify(close)(this.#fd);
    } catch (error) {
      throw stateFault(this.path, 'closing it', error);
    }
  }

  toString(): string {
    return basename(this.path);
  }

  #read(position: number, into: Uint8Array, from: number): Promise<number> {
    return new Promise((resolve, reject) => {
      read(this.#fd, into, from, into.length - from, position, (error, bytes) => {
        if (error) reject(error);
        else resolve(bytes);
      });
    });
  }
}
