import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Piece } from '../src/base/change.ts';
import type { WriteFailure, WriterAnswer, WriterStart } from './fileWriterMessages.ts';
import { Stage } from './fileWriterStage.ts';

/** The thread has ended; nothing of it is under way any more, and what it had begun may be written in part. */
export interface ThreadEnd {
  ended: Error;
}

/** How a batch ended: written whole, what of it failed, or that the thread is no more. */
export type WriteEnd = (failure?: WriteFailure | ThreadEnd) => void;

/** Threads at once. More would only take turns on the processors. */
const THREADS_MAX = 4;
/** Bytes that are with a thread at once; memory that was never used is not occupied. */
const STAGE_BYTES = 8 * 1024 * 1024;

let threads = 0;

/**
 * A thread that writes for one file volume: batches of any number of pieces, without a hop of the thread pool for each. A
 * medium that hangs holds up nobody but its own volume.
 *
 * It keeps the process alive only while a batch is with it.
 */
export class FileWriter {
  readonly #worker: Worker;
  readonly #stage = new Stage(STAGE_BYTES);
  readonly #ends = new Map<number, WriteEnd>();
  readonly #gone: Promise<void>;
  readonly #died: (why: Error) => void;
  #stopped = false;
  #state: 'starting' | 'ready' | 'over' = 'starting';
  #fault: Error | undefined;

  /** Starts a thread; undefined where there are enough of them. `died` is told if it ends before `stop`. */
  static start(died: (why: Error) => void, script: string = workerPath()): FileWriter | undefined {
    return threads < THREADS_MAX ? new FileWriter(died, script) : undefined;
  }

  private constructor(died: (why: Error) => void, script: string) {
    const start: WriterStart = { memory: this.#stage.memory };
    this.#worker = new Worker(script, { workerData: start });
    threads++;
    this.#died = died;
    this.#worker.on('online', () => {
      if (this.#state === 'starting') this.#state = 'ready';
    });
    this.#worker.on('message', (answer: WriterAnswer) => this.#answered(answer));
    this.#worker.on('error', (error) => {
      this.#state = 'over';
      this.#fault = error;
    });
    // Only then it writes no more for certain.
    this.#gone = new Promise((resolve) => {
      this.#worker.on('exit', (code) => {
        threads--;
        this.#over(this.#fault ?? new Error(`exit ${code}`));
        resolve();
      });
    });
    this.#worker.unref();
  }

  /** False until it has started and once it has ended: then nothing can be written by it. */
  get ready(): boolean {
    return this.#state === 'ready';
  }

  /**
   * Has the pieces written to `fd`, in the order of these calls; none of their bytes is read after the call. `payloadBytes`
   * are the bytes that they hold themselves. False: not now, and nothing was done.
   */
  write(fd: number, pieces: readonly Piece[], payloadBytes: number, end: WriteEnd): boolean {
    if (this.#state !== 'ready') return false;
    const batch = this.#stage.put(fd, pieces, payloadBytes);
    if (batch < 0) return false;
    if (this.#ends.size === 0) this.#worker.ref();
    this.#ends.set(batch, end);
    this.#worker.postMessage(batch);
    return true;
  }

  /** Ends the thread; batches that are with it end with it. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#state = 'over';
    await this.#worker.terminate();
    await this.#gone;
  }

  #answered(answer: WriterAnswer): void {
    const failed = typeof answer !== 'number';
    const batch = failed ? answer.batch : answer;
    this.#stage.release(batch);
    const end = this.#ends.get(batch);
    this.#ends.delete(batch);
    if (this.#ends.size === 0) this.#worker.unref();
    end?.(failed ? answer : undefined);
  }

  #over(ended: Error): void {
    this.#state = 'over';
    if (!this.#stopped) this.#died(ended);
    const ends = [...this.#ends.values()];
    this.#ends.clear();
    for (const end of ends) end({ ended });
  }
}

/** Beside this module, or in its folder below where everything was bundled into one file. */
function workerPath(): string {
  const places = ['./fileWriterWorker.js', './hw/fileWriterWorker.js'].map((name) =>
    fileURLToPath(new URL(name, import.meta.url)),
  );
  return places.find((path) => existsSync(path)) ?? places[0];
}
