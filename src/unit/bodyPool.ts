/** Bodies shorter than this are left to the garbage collector. */
const POOLED_MIN = 32 * 1024;
const STEP = 64 * 1024;
/** Memory kept for later. */
const FREE_MAX = 16 * 1024 * 1024;

/** Memory for the bodies of long frames, used again and again: fresh pages cost as much as receiving into them. */
export class BodyPool {
  readonly #free = new Map<number, Uint8Array[]>();
  readonly #lent = new WeakSet<ArrayBufferLike>();
  #freeBytes = 0;

  take(bytes: number): Uint8Array {
    if (bytes < POOLED_MIN) return new Uint8Array(bytes);
    const size = Math.ceil(bytes / STEP) * STEP;
    const kept = this.#free.get(size)?.pop();
    if (kept) this.#freeBytes -= size;
    const body = kept ?? Buffer.allocUnsafeSlow(size);
    this.#lent.add(body.buffer);
    return body;
  }

  /** What `take` gave, or a part of it, is needed no more; anything else is left alone. */
  give({ buffer }: Uint8Array): void {
    if (!this.#lent.delete(buffer) || this.#freeBytes + buffer.byteLength > FREE_MAX) return;
    const size = buffer.byteLength;
    const list = this.#free.get(size);
    const body = Buffer.from(buffer);
    if (list) list.push(body);
    else this.#free.set(size, [body]);
    this.#freeBytes += size;
  }
}
