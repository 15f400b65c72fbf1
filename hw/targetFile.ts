import { close, fdatasync, read, readSync, writeSync, writevSync } from 'node:fs';
import type { Piece } from '../src/base/change.ts';
import { Fault } from '../src/base/fault.ts';
import type { ServedMedium } from '../src/base/servedMedium.ts';
import { fileFault } from './fileFaults.ts';
import { type Medium, openMedium } from './files.ts';
import { FileWrites } from './fileWrites.ts';
import { Gather } from './gather.ts';
import { watchGrowth } from './growth.ts';
import { canFree, openPunch, type Punch, type Run } from './punch.ts';
import { TargetPace } from './targetPace.ts';

export interface TargetFileOptions {
  writable: boolean;
  /** True: `unmap` gives room back, where the file system can. */
  thin: boolean;
  /** Calls that move up to so many bytes may be made at once. Default 256 KiB. */
  atOnceBytes?: number;
  /** How often it is asked whether it has become longer. */
  lookMs?: number;
}

const AT_ONCE_BYTES = 256 * 1024;
/** A file system that prefers longer writes still gives room back by less. */
const GRANULARITY_MAX = 4096;

/** A file or block device that a target serves. Nobody else writes to it meanwhile: a writable one is locked. */
export async function openTargetFile(path: string, options: TargetFileOptions): Promise<TargetFile> {
  const { writable, thin } = options;
  const { fd, medium } = await openMedium(path, { writable, lock: writable });
  const punch = await openPunch();
  // One that is only read cannot be asked; it is thin in that it tells its holes.
  const asked = !writable || medium.kind === 'block';
  const frees = thin && punch !== undefined && (asked || (await canFree(punch, fd)));
  return new TargetFile(path, fd, medium, punch, { ...options, thin: frees });
}

/** See `openTargetFile`. Calls may overlap; `close` waits for writes only. */
export class TargetFile implements ServedMedium {
  readonly granularity: number;
  readonly identity: string;
  readonly #path: string;
  readonly #fd: number;
  readonly #punch: Punch | undefined;
  readonly #writes: FileWrites;
  readonly #atOnceBytes: number;
  readonly #reading = new TargetPace();
  readonly #writing = new TargetPace();
  readonly #listeners: ((bytes: number) => void)[] = [];
  readonly #unwatch: () => void;
  #bytes: number;
  #thin: boolean;

  constructor(path: string, fd: number, medium: Medium, punch: Punch | undefined, options: TargetFileOptions) {
    this.#path = path;
    this.#fd = fd;
    this.#bytes = medium.bytes;
    this.granularity = Math.min(GRANULARITY_MAX, Math.max(512, medium.blockBytes));
    this.identity = medium.id;
    this.#punch = punch;
    this.#thin = options.thin;
    this.#atOnceBytes = options.atOnceBytes ?? AT_ONCE_BYTES;
    this.#writes = new FileWrites(path, fd, { threadFromRuns: Number.POSITIVE_INFINITY });
    const grew = (bytes: number): void => {
      this.#bytes = bytes;
      for (const listener of this.#listeners) listener(bytes);
    };
    this.#unwatch = watchGrowth({ path, fd, medium }, grew, options.lookMs);
  }

  get bytes(): number {
    return this.#bytes;
  }

  get thin(): boolean {
    return this.#thin;
  }

  read(offset: number, into: Uint8Array): Promise<void> | undefined {
    if (into.length > this.#atOnceBytes || !this.#reading.atOnce) return this.#readLater(offset, into, 0);
    const since = this.#reading.start();
    let done: number;
    try {
      done = readSync(this.#fd, into, 0, into.length, offset);
    } catch (error) {
      throw this.#fault(`reading ${into.length} bytes at ${offset}`, error);
    }
    this.#reading.took(since, into.length);
    return done === into.length ? undefined : this.#readLater(offset, into, done);
  }

  write(pieces: readonly Piece[]): Promise<void> | undefined {
    let bytes = 0;
    for (const { offset, length } of pieces) {
      bytes += length;
      // Written past its end a file would grow without a word.
      if (offset + length > this.#bytes) throw new Fault('bug', `${this.#path}: a write behind the end, at ${offset}`);
    }
    if (bytes > this.#atOnceBytes || !this.#writing.atOnce) return this.#writes.write(pieces);
    const since = this.#writing.start();
    const left = this.#writeNow(pieces);
    this.#writing.took(since, bytes);
    return left ? this.#writes.write(pieces) : undefined;
  }

  unmap(offset: number, length: number): Promise<void> | undefined {
    if (length === 0) return undefined;
    if (!this.#thin || this.#punch === undefined) return this.#zero(offset, length);
    return this.#free(this.#punch, offset, length);
  }

  flush(): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(this.#fd, (error) => (error ? reject(this.#fault('flushing', error)) : resolve()));
    });
  }

  mapped(offset: number, length: number, max: number): readonly Run[] {
    if (this.#punch === undefined) return length === 0 ? [] : [[offset, length]];
    try {
      return this.#punch.mapped(this.#fd, offset, length, max);
    } catch (error) {
      throw this.#fault('looking for holes', error);
    }
  }

  /** Only growth is told: a file that was cut has lost what hosts wrote, and reads say so. */
  onSizeChange(listener: (bytes: number) => void): void {
    this.#listeners.push(listener);
  }

  async close(): Promise<void> {
    this.#unwatch();
    await this.#writes.close();
    await new Promise<void>((resolve, reject) => {
      close(this.#fd, (error) => (error ? reject(this.#fault('closing', error)) : resolve()));
    });
  }

  #readLater(offset: number, into: Uint8Array, from: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const doing = `reading ${into.length} bytes at ${offset}`;
      const more = (done: number): void => {
        if (done === into.length) {
          resolve();
          return;
        }
        read(this.#fd, into, done, into.length - done, offset + done, (error, bytes) => {
          if (error) reject(this.#fault(doing, error));
          else if (bytes === 0) reject(new Fault('local', `${this.#path} ends at ${offset + done} (${doing})`));
          else more(done + bytes);
        });
      };
      more(from);
    });
  }

  /** True when a part of it was not taken at once: then all of it is written once more, which is the same. */
  #writeNow(pieces: readonly Piece[]): boolean {
    try {
      const [{ offset, payload }] = pieces;
      // The usual write: one run of bytes that lie together.
      if (pieces.length === 1 && Array.isArray(payload) && payload.length === 1) {
        const [bytes] = payload as readonly Uint8Array[];
        return writeSync(this.#fd, bytes, 0, bytes.length, offset) < bytes.length;
      }
      const gather = new Gather(pieces);
      while (gather.next()) {
        if (writevSync(this.#fd, gather.buffers, gather.position) < gather.bytes) return true;
      }
      return false;
    } catch (error) {
      const [{ offset, length }] = pieces;
      throw error instanceof Fault ? error : this.#fault(`writing ${length} bytes at ${offset}`, error);
    }
  }

  async #free(punch: Punch, offset: number, length: number): Promise<void> {
    let freed: boolean;
    try {
      freed = await punch.free(this.#fd, offset, length);
    } catch (error) {
      throw this.#fault(`freeing ${length} bytes at ${offset}`, error);
    }
    // A block device without it tells so only now.
    if (!freed) {
      this.#thin = false;
      await this.#zero(offset, length);
    }
  }

  #zero(offset: number, length: number): Promise<void> | undefined {
    return this.write([{ offset, length, payload: 'zeros' }]);
  }

  #fault(doing: string, error: unknown): Fault {
    return fileFault(this.#path, doing, error as NodeJS.ErrnoException);
  }
}
