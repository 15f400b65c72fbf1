/** Bytes that one read takes at most: larger ones measured no faster, as the processor's cache no longer holds them. */
export const READ_BYTES = 64 * 1024;
/** Buffers kept for later; more are left to the garbage collector. */
const FREE_MAX = 64;

/** Memory that a socket reads into, as an array and as the view of it that sockets write from without another one. */
export class ReadBuffer {
  readonly bytes = new Uint8Array(READ_BYTES);
  readonly #twin = Buffer.from(this.bytes.buffer);

  /** The first `length` bytes. */
  view(length: number): Uint8Array {
    return length === READ_BYTES ? this.#twin : this.#twin.subarray(0, length);
  }
}

/** Buffers that sockets read into, passed from connection to connection. */
export class TeeBuffers {
  readonly #free: ReadBuffer[] = [];

  take(): ReadBuffer {
    return this.#free.pop() ?? new ReadBuffer();
  }

  give(buffer: ReadBuffer): void {
    if (this.#free.length < FREE_MAX) this.#free.push(buffer);
  }
}
