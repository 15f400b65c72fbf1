import { parentPort, workerData } from 'node:worker_threads';
import { Cases } from './cases.ts';

/** What a worker is given: it runs the cases `from`, `from + step`, ... below `to`. */
export interface Work {
  seed: number;
  from: number;
  to: number;
  step: number;
  /** Its place at `at` holds the number of the case at hand: whoever waits can tell that one does not end. */
  progress: Int32Array;
  at: number;
}

export interface Failure {
  number: number;
  kind: string;
  story: string;
  error: string;
}

/** Failures told; further ones are counted only. */
const TOLD = 5;
/** Memory outside the heap that a snoop over small captures, its room and these tests need by far less than. */
const BUFFERS_MAX = 256 << 20;

const { seed, from, to, step, progress, at } = workerData as Work;
const cases = new Cases(seed);
const failures: Failure[] = [];
let failed = 0;
for (let number = from; number < to; number += step) {
  Atomics.store(progress, at, number);
  try {
    cases.run(number);
    if (number % 4096 < step) bounded();
  } catch (error) {
    failed++;
    const words = error instanceof Error ? (error.stack ?? error.message) : String(error);
    if (failures.length < TOLD) failures.push({ number, kind: cases.kind(number), story: cases.story, error: words });
  }
}
Atomics.store(progress, at, -1);
parentPort?.postMessage({ failed, failures });

function bounded(): void {
  const { arrayBuffers } = process.memoryUsage();
  if (arrayBuffers > BUFFERS_MAX) throw new Error(`${arrayBuffers} bytes of buffers are held`);
}
