import { close, constants, open, read, writev } from 'node:fs';
import { promisify } from 'node:util';
import type { Fault } from '../src/base/fault.ts';
import { DIRECT_BLOCK, giveStage, takeStage } from './directStage.ts';
import { fileFault } from './fileFaults.ts';

/** Shorter appends are cheaper through the cache. */
export const DIRECT_FROM: number = 256 * 1024;

/**
 * Long appends to a file past the system's cache: what is not read again soon costs neither a copy nor memory that somebody
 * else's bytes may lie in. Whole blocks go that way, what is left behind the last one goes through the cache as ever, so the
 * file ends where its contents do. The system keeps the two ways of one file together.
 */
export class DirectAppend {
  readonly #path: string;
  /** The same file, through the cache. */
  readonly #fd: number;
  readonly #from: number;
  #direct: number | undefined;
  /** The system, or the file's own, takes no such writes. */
  #refused = constants.O_DIRECT === undefined;

  constructor(path: string, fd: number, from: number = DIRECT_FROM) {
    this.#path = path;
    this.#fd = fd;
    this.#from = from;
  }

  /**
   * Appends `bytes` of buffers at `end`. False: they have to be written through the cache, and some of them may have been
   * written already. Rejects with a `Fault`.
   */
  async append(end: number, buffers: readonly Uint8Array[], bytes: number): Promise<boolean> {
    if (bytes < this.#from || this.#refused) return false;
    const direct = this.#direct ?? (await this.#open());
    const stage = direct === undefined ? undefined : takeStage();
    if (direct === undefined || stage === undefined) return false;
    try {
      return await this.#append(direct, stage, end, buffers);
    } finally {
      giveStage(stage);
    }
  }

  /** Nothing is being appended any more. */
  async close(): Promise<void> {
    const direct = this.#direct;
    this.#direct = undefined;
    this.#refused = true;
    if (direct !== undefined) await promisify(close)(direct);
  }

  async #open(): Promise<number | undefined> {
    try {
      this.#direct = await promisify(open)(this.#path, constants.O_WRONLY | constants.O_DIRECT);
    } catch {
      this.#refused = true;
    }
    return this.#direct;
  }

  async #append(direct: number, stage: Uint8Array, end: number, buffers: readonly Uint8Array[]): Promise<boolean> {
    let filled = end % DIRECT_BLOCK;
    let position = end - filled;
    // What stands in the first block already is written with it again.
    if (filled > 0 && !(await this.#read(stage.subarray(0, filled), position))) return false;
    for (const buffer of buffers) {
      for (let taken = 0; taken < buffer.length; ) {
        const part = buffer.subarray(taken, taken + stage.length - filled);
        stage.set(part, filled);
        filled += part.length;
        taken += part.length;
        if (filled < stage.length) continue;
        if (!(await this.#write(direct, stage, position))) return false;
        position += filled;
        filled = 0;
      }
    }
    const whole = filled - (filled % DIRECT_BLOCK);
    if (whole > 0 && !(await this.#write(direct, stage.subarray(0, whole), position))) return false;
    return whole === filled || this.#write(this.#fd, stage.subarray(whole, filled), position + whole);
  }

  /** False where it was not read whole. */
  #read(into: Uint8Array, position: number): Promise<boolean> {
    return new Promise((resolve) => {
      read(this.#fd, into, 0, into.length, position, (error, bytes) => resolve(!error && bytes === into.length));
    });
  }

  /** False where the system does not want it so, or took a part: then all of it is written through the cache. */
  #write(fd: number, bytes: Uint8Array, position: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      writev(fd, [bytes], position, (error, written) => {
        if (!error) resolve(written === bytes.length);
        else if (error.code === 'EINVAL' && fd !== this.#fd) {
          this.#refused = true;
          resolve(false);
        } else reject(this.#fault(error, bytes.length, position));
      });
    });
  }

  #fault(error: NodeJS.ErrnoException, bytes: number, position: number): Fault {
    return fileFault(this.#path, `writing ${bytes} bytes at ${position}`, error);
  }
}
