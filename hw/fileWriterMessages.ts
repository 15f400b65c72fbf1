/** What the writing thread is started with. */
export interface WriterStart {
  /** Batches and their bytes: written by the asking side before it tells of them, and only read by the thread. */
  memory: SharedArrayBuffer;
}

/**
 * A batch as it stands in the memory, in numbers of eight bytes: the descriptor, the count of its operations, and these.
 * It is told to the thread, and answered, by the place of its first byte.
 */
export const BATCH_HEAD = 2;

/**
 * An operation is `[at, length, position, block]`: `length` bytes from `at` in the memory to `position` of the file. With a
 * `block` that many bytes from `at` are repeated until `length` is full; with `ZEROS_AT` they are zeros.
 */
export const OPERATION = 4;
export const ZEROS_AT = -1;

/** The system's word on a call that failed. */
export interface SystemError {
  code: string;
  errno: number;
  message: string;
}

/** The first operation that failed, as far as it had not been written; those after it were not begun. */
export interface WriteFailure {
  /** Where the batch stands. */
  batch: number;
  position: number;
  bytes: number;
  /** Absent where the medium took nothing and said nothing. */
  error?: SystemError;
}

/** The place of the batch that was written whole, or what failed. */
export type WriterAnswer = number | WriteFailure;
