/** Sizes are powers of two from 4 KiB to 1 MiB; small ones are cut from slabs of the largest. */
const SMALLEST_BITS = 12;
const LARGEST_BITS = 20;
const LARGEST: number = 1 << LARGEST_BITS;
const CLASSES: number = LARGEST_BITS - SMALLEST_BITS + 1;

/** Buffers for data under way, used again and again. What is taken must be given back, whole, once. */
export class BufferPool {
  readonly #free: Uint8Array[][] = Array.from({ length: CLASSES }, () => []);
  readonly #keptMax: number;
  #kept = 0;

  /** `keptMax`: bytes that may lie here unused. */
  constructor(keptMax: number) {
    this.#keptMax = keptMax;
  }

  /** Buffers that together hold at least `bytes`, all but the last one full; added to `into`. */
  take(bytes: number, into: Uint8Array[]): void {
    let left = bytes;
    while (left > 0) {
      const buffer = this.one(left);
      into.push(buffer);
      left -= buffer.length;
    }
  }

  /** A buffer of at least `bytes`, or the largest there is. */
  one(bytes: number): Uint8Array {
    const kind = kindOf(bytes);
    const buffer = this.#free[kind].pop();
    if (buffer === undefined) return this.#make(kind);
    this.#kept -= buffer.length;
    return buffer;
  }

  give(buffer: Uint8Array): void {
    if (this.#kept + buffer.length > this.#keptMax) return;
    this.#kept += buffer.length;
    this.#free[kindOf(buffer.length)].push(buffer);
  }

  #make(kind: number): Uint8Array {
    const size = 1 << (SMALLEST_BITS + kind);
    const slab = new Uint8Array(new ArrayBuffer(size < LARGEST / 4 ? LARGEST / 4 : size));
    for (let at = size; at < slab.length; at += size) this.give(slab.subarray(at, at + size));
    return size === slab.length ? slab : slab.subarray(0, size);
  }
}

function kindOf(bytes: number): number {
  if (bytes >= LARGEST) return CLASSES - 1;
  return bytes <= 1 << SMALLEST_BITS ? 0 : 32 - Math.clz32(bytes - 1) - SMALLEST_BITS;
}
