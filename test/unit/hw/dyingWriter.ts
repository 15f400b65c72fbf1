import { writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { BATCH_HEAD, OPERATION, type WriterStart } from '../../../hw/fileWriterMessages.ts';

/** A writing thread that writes half of what it is told first, and ends by an error in the midst of it. */
const { memory } = workerData as WriterStart;

parentPort?.on('message', (batch: number) => {
  const [fd] = new Float64Array(memory, batch, BATCH_HEAD);
  const [at, length, position] = new Float64Array(memory, batch + BATCH_HEAD * 8, OPERATION);
  writeSync(fd, new Uint8Array(memory), at, Math.floor(length / 2), position);
  throw new Error('a bug of the thread');
});
