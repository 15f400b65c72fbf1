import { parentPort, workerData } from 'node:worker_threads';
import type { WriterStart } from './fileWriterMessages.ts';
import { runBatch } from './fileWriterRun.ts';

/** The writing thread: one batch after the other, in the order in which they were told. */

const { memory } = workerData as WriterStart;
const bytes = new Uint8Array(memory);

parentPort?.on('message', (batch: number) => parentPort?.postMessage(runBatch(memory, bytes, batch)));
