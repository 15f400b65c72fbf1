import type { Piece } from '../src/base/change.ts';
import { Fault } from '../src/base/fault.ts';
import { isFill, isOr } from '../src/base/payload.ts';

/** Below every system's IOV_MAX (1024 on Linux, and the least that POSIX lets a big system have is 16: see getconf). */
const BUFFERS_MAX = 1000;
/** Bytes of one call: long enough to be cheap, short enough that nothing waits long behind it. */
const BYTES_MAX = 4 * 1024 * 1024;
const REPEATED_BYTES = 64 * 1024;

/** Shared by all writes of zeros; only ever read. */
export const ZEROS: Uint8Array = new Uint8Array(256 * 1024);

/**
 * Turns pieces into calls: runs of buffers that lie one behind the other on the medium. Zeros and repeated blocks are
 * one shared buffer named again and again, so that a piece of any length costs no memory.
 */
export class Gather {
  /** The next call's buffers, their place and their bytes, as `next` left them. */
  buffers: Uint8Array[] = [];
  position = 0;
  bytes = 0;
  readonly #pieces: readonly Piece[];
  #index = 0;
  #part = 0;
  /** Bytes of the current piece that earlier calls have taken. */
  #taken = 0;
  #pattern: Uint8Array | undefined;

  constructor(pieces: readonly Piece[]) {
    this.#pieces = pieces;
  }

  /** Prepares the next call; false when there is none. */
  next(): boolean {
    this.buffers = [];
    this.bytes = 0;
    while (this.#index < this.#pieces.length && this.buffers.length < BUFFERS_MAX && this.bytes < BYTES_MAX) {
      const piece = this.#pieces[this.#index];
      const at = piece.offset + this.#taken;
      if (this.bytes === 0) this.position = at;
      else if (at !== this.position + this.bytes) break;
      this.#put(piece);
      if (this.#taken === piece.length) {
        this.#index++;
        this.#part = 0;
        this.#taken = 0;
        this.#pattern = undefined;
      }
    }
    return this.bytes > 0;
  }

  /** Adds one buffer of the piece, or passes an empty one. */
  #put(piece: Piece): void {
    const left = piece.length - this.#taken;
    if (left === 0) return;
    const payload = piece.payload;
    let buffer: Uint8Array;
    if (payload === 'lbnOnly' || isOr(payload)) throw new Fault('bug', 'only bytes that are known can be written');
    if (payload === 'zeros') buffer = ZEROS;
    else if (isFill(payload)) {
      this.#pattern ??= repeated(payload.fill);
      buffer = this.#pattern;
    } else {
      buffer = payload[this.#part++];
      if (buffer === undefined) throw new Fault('bug', `a piece of ${piece.length} bytes has ${left} bytes too few`);
    }
    if (buffer.length === 0) return;
    if (buffer.length > left) buffer = buffer.subarray(0, left);
    this.buffers.push(buffer);
    this.bytes += buffer.length;
    this.#taken += buffer.length;
  }
}

/** The block repeated to a buffer that is worth a call, a whole number of times. */
export function repeated(block: Uint8Array): Uint8Array {
  if (block.length === 0) throw new Fault('bug', 'an empty block cannot be repeated');
  const times = Math.max(1, Math.floor(REPEATED_BYTES / block.length));
  if (times === 1) return block;
  const out = new Uint8Array(times * block.length);
  for (let i = 0; i < times; i++) out.set(block, i * block.length);
  return out;
}
