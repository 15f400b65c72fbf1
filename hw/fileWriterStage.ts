import type { Piece } from '../src/base/change.ts';
import { Fault } from '../src/base/fault.ts';
import { isFill, isOr } from '../src/base/payload.ts';
import { BATCH_HEAD, OPERATION, ZEROS_AT } from './fileWriterMessages.ts';

/** Copied at once, numbers and bytes keep to places that eight divides: shared memory is copied by the byte elsewhere. */
const ALIGN = 8;

/**
 * The memory through which batches go to the writing thread: a ring, as they come back in the order in which they went.
 *
 * Bytes are copied into it. That costs less than to have the room's own memory shared: what comes off a socket mostly
 * lies at odd places, and copied from there into shared memory it is copied by the byte (measured: 1.4 GB/s instead of
 * 10), while from page to page it is not.
 */
export class Stage {
  readonly memory: SharedArrayBuffer;
  readonly #bytes: Uint8Array;
  readonly #numbers: Float64Array;
  /** Places of the batches that are with the thread, oldest first, and where each ends. */
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  #head = 0;

  constructor(bytes: number) {
    this.memory = new SharedArrayBuffer(bytes);
    this.#bytes = new Uint8Array(this.memory);
    this.#numbers = new Float64Array(this.memory);
  }

  /** Batches that are with the thread. */
  get open(): number {
    return this.#starts.length;
  }

  /**
   * Puts a batch in and returns its place, or -1 where it does not fit now. `bytes` are those of payload that the pieces
   * hold themselves; a repeated block counts once.
   */
  put(fd: number, pieces: readonly Piece[], bytes: number): number {
    const numbers = (BATCH_HEAD + OPERATION * pieces.length) * 8;
    const start = this.#place(numbers + bytes + ALIGN * pieces.length);
    if (start < 0) return -1;
    const end = this.#fill(fd, pieces, start, start + numbers);
    this.#starts.push(start);
    this.#ends.push(end);
    this.#head = end;
    return start;
  }

  /** The thread has answered its oldest batch, the one at `start`. */
  release(start: number): void {
    if (this.#starts.shift() !== start) throw new Fault('bug', `the writing thread answered out of turn (${start})`);
    this.#ends.shift();
    // Warm memory first.
    if (this.#starts.length === 0) this.#head = 0;
  }

  /** Where so many bytes are free in one run, or -1. */
  #place(bytes: number): number {
    if (this.#starts.length === 0) return bytes <= this.#bytes.length ? 0 : -1;
    const tail = this.#starts[0];
    const head = this.#head;
    if (head <= tail) return head + bytes <= tail ? head : -1;
    if (head + bytes <= this.#bytes.length) return head;
    return bytes <= tail ? 0 : -1;
  }

  /** Returns where the batch ends. Pieces that lie one behind the other in the file make one operation. */
  #fill(fd: number, pieces: readonly Piece[], start: number, payloadAt: number): number {
    const numbers = this.#numbers;
    const first = start / 8 + BATCH_HEAD;
    let op = first - OPERATION;
    let at = payloadAt;
    /** Where in the file the operation at hand can be gone on with: plain bytes only. */
    let follows = -1;
    for (const { offset, length, payload } of pieces) {
      if (length === 0) continue;
      if (payload === 'lbnOnly' || isOr(payload)) throw new Fault('bug', 'only bytes that are known can be written');
      if (isFill(payload) && payload.fill.length === 0) throw new Fault('bug', 'an empty block cannot be repeated');
      const plain = payload !== 'zeros' && !isFill(payload);
      if (plain && offset === follows) numbers[op + 1] += length;
      else {
        op += OPERATION;
        at = Math.ceil(at / ALIGN) * ALIGN;
        numbers[op] = payload === 'zeros' ? ZEROS_AT : at;
        numbers[op + 1] = length;
        numbers[op + 2] = offset;
        numbers[op + 3] = isFill(payload) ? payload.fill.length : 0;
      }
      if (plain) at = this.#copy(payload, length, at);
      else if (isFill(payload)) at = this.#copy([payload.fill], payload.fill.length, at);
      follows = plain ? offset + length : -1;
    }
    numbers[start / 8] = fd;
    numbers[start / 8 + 1] = (op - first) / OPERATION + 1;
    return Math.ceil(at / ALIGN) * ALIGN;
  }

  #copy(parts: readonly Uint8Array[], length: number, to: number): number {
    let at = to;
    const end = to + length;
    for (const part of parts) {
      if (at === end) break;
      this.#bytes.set(part.length > end - at ? part.subarray(0, end - at) : part, at);
      at += Math.min(part.length, end - at);
    }
    if (at < end) throw new Fault('bug', `a piece of ${length} bytes has ${end - at} bytes too few`);
    return at;
  }
}
