import { writev } from 'node:fs';
import type { Piece } from '../src/base/change.ts';
import { Fault } from '../src/base/fault.ts';
import { isFill } from '../src/base/payload.ts';
import { fileFault } from './fileFaults.ts';
import { FileWriter } from './fileWriter.ts';
import type { WriteFailure } from './fileWriterMessages.ts';
import { Gather } from './gather.ts';

/** Runs up to this length are worth copying for the writing thread; longer ones are worth a call of the thread pool each. */
const THREAD_RUN_BYTES = 64 * 1024;
/** The most that one batch writes, so that nothing waits long behind it, and the most pieces of it. */
const THREAD_BYTES = 4 * 1024 * 1024;
const THREAD_PIECES = 4096;
/** Short runs before a thread is started for them: one costs about as much as these. */
const THREAD_FROM_RUNS = 256;

/** Where the defaults do not fit. */
export interface FileWritesOptions {
  threadFromRuns?: number;
  start?: (died: (why: Error) => void) => FileWriter | undefined;
}

/** Called once: without a fault the pieces were handed to the system whole. */
type End = (fault?: unknown) => void;

/**
 * Writes of one file or device: short runs by a thread of its own, where a volume has many of them, long ones by the thread
 * pool. What is under way at once may take both ways, so it must not overlap.
 */
export class FileWrites {
  readonly #path: string;
  readonly #fd: number;
  readonly #start: NonNullable<FileWritesOptions['start']>;
  #writer: FileWriter | undefined;
  /** Short runs to come before a thread is started for them. */
  #patience: number;
  /** Writes under way, and who waits until none is. */
  #open = 0;
  #waiters: (() => void)[] = [];

  constructor(path: string, fd: number, options: FileWritesOptions = {}) {
    this.#path = path;
    this.#fd = fd;
    this.#patience = options.threadFromRuns ?? THREAD_FROM_RUNS;
    this.#start = options.start ?? ((died) => FileWriter.start(died));
  }

  /** Rejects with a `Fault`. A signal ends it between two calls of the thread pool; what the thread has is not stopped. */
  write(pieces: readonly Piece[], signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#open++;
      const end: End = (fault) => {
        this.#open--;
        if (this.#open === 0) for (const waiter of this.#waiters.splice(0)) waiter();
        if (fault === undefined) resolve();
        else reject(fault);
      };
      try {
        if (signal?.aborted) end(stopped(this.#path));
        else if (!this.#hand(pieces, end, signal)) this.#pool(pieces, end, signal);
      } catch (bug) {
        end(bug);
      }
    });
  }

  /** Waits for writes under way: the system may give the descriptor's number to another file at once. Ends the thread. */
  async close(): Promise<void> {
    if (this.#open > 0) await new Promise<void>((resolve) => this.#waiters.push(resolve));
    await this.#writer?.stop();
  }

  /** Hands short runs to the writing thread; false where there is none, or none is needed. */
  #hand(pieces: readonly Piece[], end: End, signal: AbortSignal | undefined): boolean {
    const { runs, payloadBytes, bytes } = sizeOf(pieces);
    if (payloadBytes > runs * THREAD_RUN_BYTES || bytes > THREAD_BYTES || pieces.length > THREAD_PIECES) return false;
    if (this.#patience > 0) {
      this.#patience -= runs;
      if (this.#patience <= 0) this.#startWriter();
    }
    if (this.#writer?.ready !== true) return false;
    return this.#writer.write(this.#fd, pieces, payloadBytes, (failure) => {
      if (failure === undefined) end();
      else if ('ended' in failure) this.#again(pieces, end, signal);
      else end(this.#faultOf(failure));
    });
  }

  /** One that cannot be had, or ends, is not replaced: what ended it would end the next one. */
  #startWriter(): void {
    const without = (why: unknown): void => {
      const what = `${this.#path} is written without a thread of its own: ${why instanceof Error ? why.message : why}`;
      process.emitWarning(what, { code: 'TAPMIRROR_WRITER' });
    };
    try {
      this.#writer = this.#start(without);
    } catch (error) {
      without(error);
    }
  }

  /** The thread has ended with these pieces: nobody else touches their place yet, so they are written once more. */
  #again(pieces: readonly Piece[], end: End, signal: AbortSignal | undefined): void {
    try {
      this.#pool(pieces, end, signal);
    } catch (bug) {
      end(bug);
    }
  }

  #faultOf({ position, bytes, error }: WriteFailure): Fault {
    if (!error) return new Fault('local', `${this.#path} takes no more bytes at ${position}`);
    const cause: NodeJS.ErrnoException = Object.assign(new Error(error.message), error);
    return fileFault(this.#path, `writing ${bytes} bytes at ${position}`, cause);
  }

  /** One call for each run of neighbours. */
  #pool(pieces: readonly Piece[], end: End, signal: AbortSignal | undefined): void {
    const gather = new Gather(pieces);
    const next = (): void => {
      if (signal?.aborted) end(stopped(this.#path));
      else if (gather.next()) this.#writev(gather.buffers, gather.position, gather.bytes, next, end);
      else end();
    };
    next();
  }

  /** One call, repeated for what a short write left. */
  #writev(buffers: Uint8Array[], position: number, bytes: number, next: () => void, fail: End): void {
    writev(this.#fd, buffers, position, (error, written) => {
      try {
        if (error) fail(fileFault(this.#path, `writing ${bytes} bytes at ${position}`, error));
        else if (written === bytes) next();
        else if (written === 0) fail(new Fault('local', `${this.#path} takes no more bytes at ${position}`));
        else this.#writev(rest(buffers, written), position + written, bytes - written, next, fail);
      } catch (bug) {
        fail(bug);
      }
    });
  }
}

export function stopped(path: string): Fault {
  return new Fault('local', `${path}: stopped before it was done`);
}

/** Runs of neighbours, the bytes that the pieces hold themselves, and the bytes that they write. */
function sizeOf(pieces: readonly Piece[]): { runs: number; payloadBytes: number; bytes: number } {
  let [runs, payloadBytes, bytes, follows] = [0, 0, 0, -1];
  for (const { offset, length, payload } of pieces) {
    if (offset !== follows) runs++;
    follows = offset + length;
    bytes += length;
    if (payload !== 'zeros') payloadBytes += isFill(payload) ? payload.fill.length : length;
  }
  return { runs, payloadBytes, bytes };
}

/** What is left of `buffers` behind the first `written` bytes. */
function rest(buffers: readonly Uint8Array[], written: number): Uint8Array[] {
  let skip = written;
  let first = 0;
  while (skip >= buffers[first].length) {
    skip -= buffers[first].length;
    first++;
  }
  return [buffers[first].subarray(skip), ...buffers.slice(first + 1)];
}
