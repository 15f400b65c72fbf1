/** Bodies of this length and above have memory of their own; shorter ones share. */
const OWN_MIN = 32 * 1024;
const STEP = 16 * 1024;
const SHARED = 256 * 1024;
/** Memory kept for later. */
const FREE_MAX = 16 * 1024 * 1024;

/** Memory that several bodies lie in, and how many of them are in use. */
interface Slab {
  bytes: Uint8Array;
  used: number;
  bodies: number;
}

/**
 * Memory for the bodies of frames, used again and again: fresh pages cost as much as receiving into them, and an array for
 * each short body keeps the garbage collector busy. A body that is never given back is the garbage collector's, with its slab.
 */
export class BodyPool {
  readonly #free = new Map<number, Uint8Array[]>();
  #freeBytes = 0;
  readonly #slabs = new WeakMap<ArrayBufferLike, Slab>();
  /** Where short bodies are put at present. */
  #shared: Slab | undefined;

  take(bytes: number): Uint8Array {
    if (bytes >= OWN_MIN) return this.#put(this.#slab(Math.ceil(bytes / STEP) * STEP), bytes);
    if (!this.#shared || this.#shared.used + bytes > SHARED) {
      const full = this.#shared;
      this.#shared = this.#slab(SHARED);
      if (full?.bodies === 0) this.#keep(full.bytes);
    }
    return this.#put(this.#shared, bytes);
  }

  /** What `take` gave, or a part of it, is needed no more: once for each. Anything else is left alone. */
  give({ buffer }: Uint8Array): void {
    const slab = this.#slabs.get(buffer);
    if (!slab || slab.bodies === 0) return;
    slab.bodies--;
    if (slab.bodies > 0) return;
    if (slab === this.#shared) slab.used = 0;
    else this.#keep(slab.bytes);
  }

  #put(slab: Slab, bytes: number): Uint8Array {
    const at = slab.used;
    // The next one begins where words do: its checksum is read by words.
    slab.used = Math.ceil((at + bytes) / 8) * 8;
    slab.bodies++;
    return slab.bytes.subarray(at, at + bytes);
  }

  #slab(size: number): Slab {
    const kept = this.#free.get(size)?.pop();
    if (kept) this.#freeBytes -= size;
    const bytes = kept ?? Buffer.allocUnsafeSlow(size);
    const slab: Slab = { bytes, used: 0, bodies: 0 };
    this.#slabs.set(bytes.buffer, slab);
    return slab;
  }

  #keep(bytes: Uint8Array): void {
    this.#slabs.delete(bytes.buffer);
    if (this.#freeBytes + bytes.length > FREE_MAX) return;
    const list = this.#free.get(bytes.length);
    if (list) list.push(bytes);
    else this.#free.set(bytes.length, [bytes]);
    this.#freeBytes += bytes.length;
  }
}
