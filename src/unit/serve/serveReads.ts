/** The least that is lent, and the longest that is kept for later. */
const LEAST = 4096;
const KEPT_MAX = 1 << 20;
/** Bytes of each length kept for later; the rest is left to the garbage collector. */
const KEPT_BYTES = 16 << 20;

/** Memory that a read fills. */
export interface ReadSlot {
  readonly slab: Buffer;
  /** As many bytes of it as were asked for. */
  view: Buffer;
}

/** Buffers for reads, lent until what was read has been sent. */
export class ServeReads {
  readonly #free = new Map<number, ReadSlot[]>();
  #lent = 0;

  /** Bytes that are lent now. */
  get lent(): number {
    return this.#lent;
  }

  take(length: number): ReadSlot {
    const size = length <= LEAST ? LEAST : length > KEPT_MAX ? length : 2 ** Math.ceil(Math.log2(length));
    this.#lent += size;
    const slot = this.#free.get(size)?.pop();
    if (slot === undefined) {
      const slab = Buffer.allocUnsafeSlow(size);
      return { slab, view: length === size ? slab : slab.subarray(0, length) };
    }
    if (slot.view.length !== length) slot.view = slot.slab.subarray(0, length);
    return slot;
  }

  give(slot: ReadSlot): void {
    const size = slot.slab.length;
    this.#lent -= size;
    if (size > KEPT_MAX) return;
    const free = this.#free.get(size);
    if (free === undefined) this.#free.set(size, [slot]);
    else if (free.length * size < KEPT_BYTES) free.push(slot);
  }
}
