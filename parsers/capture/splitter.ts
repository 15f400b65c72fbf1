import type { ParseFault } from '../../src/base/fault.ts';
import type { FrameBatch } from '../../src/base/frames.ts';

/** No interface makes frames larger than this: a longer record is a sign of damage, and would only cost memory. */
export const MAX_CAPTURED = 1 << 24;

/** Splits a capture file's bytes into frames, chunk by chunk, without copying. */
export interface Splitter {
  /**
   * Appends the whole records of `bytes[from, to)` to `batch` (from `batch.count` on) until it is full, and returns where
   * the first byte lies that was not used. What was not used comes again at the start of the next call's bytes. With no
   * frame appended, either `fault` is set, or all was used, or the next call has to bring at least `need` bytes.
   */
  split(bytes: Uint8Array, from: number, to: number, batch: FrameBatch): number;
  /** Bytes, counted from the first unused one, that must be there in one piece before the splitter can go on. */
  readonly need: number;
  /** Bytes of the record at hand that are still to be passed over: ending here is ending inside a record. */
  readonly skipping: number;
  /** Set once the file makes no sense any more; `offset` is within the bytes of that call. */
  readonly fault: ParseFault | undefined;
}
