import { writeSync } from 'node:fs';
import { copyOf } from '../src/base/bytes.ts';
import { BATCH_HEAD, OPERATION, type WriteFailure, type WriterAnswer, ZEROS_AT } from './fileWriterMessages.ts';
import { repeated, ZEROS } from './gather.ts';

/** Writes the batch that stands at byte `batch` of the memory, operation after operation, until one fails. */
export function runBatch(memory: SharedArrayBuffer, bytes: Uint8Array, batch: number): WriterAnswer {
  const [fd, count] = new Float64Array(memory, batch, BATCH_HEAD);
  const operations = new Float64Array(memory, batch + BATCH_HEAD * 8, count * OPERATION);
  for (let i = 0; i < operations.length; i += OPERATION) {
    const at = operations[i];
    const length = operations[i + 1];
    const position = operations[i + 2];
    const block = operations[i + 3];
    const failure =
      block === 0 && at !== ZEROS_AT
        ? write(fd, bytes, at, length, position)
        : repeat(fd, at === ZEROS_AT ? ZEROS : repeated(copyOf(bytes, at, at + block)), length, position);
    if (failure) return { batch, ...failure };
  }
  return batch;
}

type Failure = Omit<WriteFailure, 'batch'>;

/** One call, repeated for what a short write left. */
function write(fd: number, bytes: Uint8Array, at: number, length: number, position: number): Failure | undefined {
  for (let done = 0; done < length; ) {
    const left = { position: position + done, bytes: length - done };
    let written: number;
    try {
      written = writeSync(fd, bytes, at + done, length - done, position + done);
    } catch (thrown) {
      const { code = 'unknown error', errno = 0, message } = thrown as NodeJS.ErrnoException;
      return { ...left, error: { code, errno, message } };
    }
    if (written === 0) return left;
    done += written;
  }
  return undefined;
}

function repeat(fd: number, pattern: Uint8Array, length: number, position: number): Failure | undefined {
  for (let done = 0; done < length; done += pattern.length) {
    const failure = write(fd, pattern, 0, Math.min(pattern.length, length - done), position + done);
    if (failure) return failure;
  }
  return undefined;
}
