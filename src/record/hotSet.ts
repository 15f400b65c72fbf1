/** No slot, no chunk. */
const NONE = -1;
const FIRST_ROOM = 64;

/**
 * The most recently used chunks, a bounded number of them: a linked list in arrays, so that a chunk used again moves to the
 * front without garbage.
 */
export class HotSet {
  readonly #capacity: number;
  readonly #slots = new Map<number, number>();
  readonly #free: number[] = [];
  #chunks: Int32Array = new Int32Array(FIRST_ROOM);
  /** Towards the front and towards the back. */
  #newer: Int32Array = new Int32Array(FIRST_ROOM);
  #older: Int32Array = new Int32Array(FIRST_ROOM);
  #used = 0;
  #front = NONE;
  #back = NONE;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#slots.size;
  }

  /** The chunk that was used last, or -1. */
  get newest(): number {
    return this.#front === NONE ? NONE : this.#chunks[this.#front];
  }

  has(chunk: number): boolean {
    return this.#slots.has(chunk);
  }

  /** Moves the chunk to the front; false when it is not in the set. */
  touch(chunk: number): boolean {
    const slot = this.#slots.get(chunk);
    if (slot === undefined) return false;
    if (slot !== this.#front) {
      this.#unlink(slot);
      this.#link(slot);
    }
    return true;
  }

  /** Puts a chunk that is not in the set at the front. Returns what fell out at the back for it (the chunk itself where nothing fits), or -1. */
  add(chunk: number): number {
    if (this.#capacity === 0) return chunk;
    let fallen = NONE;
    if (this.#slots.size === this.#capacity) {
      fallen = this.#chunks[this.#back];
      this.delete(fallen);
    }
    const slot = this.#free.pop() ?? this.#newSlot();
    this.#chunks[slot] = chunk;
    this.#slots.set(chunk, slot);
    this.#link(slot);
    return fallen;
  }

  delete(chunk: number): void {
    const slot = this.#slots.get(chunk);
    if (slot === undefined) return;
    this.#unlink(slot);
    this.#slots.delete(chunk);
    this.#free.push(slot);
  }

  clear(): void {
    this.#slots.clear();
    this.#free.length = 0;
    this.#used = 0;
    this.#front = NONE;
    this.#back = NONE;
  }

  /** In no order. The set may lose the chunk that is shown. */
  forEach(callback: (chunk: number) => void): void {
    for (const chunk of this.#slots.keys()) callback(chunk);
  }

  #newSlot(): number {
    if (this.#used === this.#chunks.length) {
      this.#chunks = grown(this.#chunks);
      this.#newer = grown(this.#newer);
      this.#older = grown(this.#older);
    }
    return this.#used++;
  }

  #link(slot: number): void {
    this.#newer[slot] = NONE;
    this.#older[slot] = this.#front;
    if (this.#front === NONE) this.#back = slot;
    else this.#newer[this.#front] = slot;
    this.#front = slot;
  }

  #unlink(slot: number): void {
    const newer = this.#newer[slot];
    const older = this.#older[slot];
    if (newer === NONE) this.#front = older;
    else this.#older[newer] = older;
    if (older === NONE) this.#back = newer;
    else this.#newer[older] = newer;
  }
}

function grown(array: Int32Array): Int32Array {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
}
