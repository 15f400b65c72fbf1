const SHIFT = 13;
const ROWS = 1 << SHIFT;
const MASK = ROWS - 1;

type Rows = Float64Array | Uint32Array | Uint8Array | BigInt64Array;

/**
 * Numbers by an id that counts up: added at the end, forgotten from the beginning or from the end, a few thousand at a time.
 * An id that was forgotten, or never set, must not be asked for.
 */
export class Column<T extends Rows> {
  readonly #make: (length: number) => T;
  readonly #chunks: T[] = [];
  /** The id of the first row of the first chunk. */
  #origin: number;

  constructor(first: number, make: (length: number) => T) {
    this.#make = make;
    this.#origin = first - (first % ROWS);
  }

  get(id: number): T[number] {
    const row = id - this.#origin;
    return this.#chunks[row >>> SHIFT][row & MASK];
  }

  set(id: number, value: T[number]): void {
    const row = id - this.#origin;
    const chunk = row >>> SHIFT;
    while (this.#chunks.length <= chunk) this.#chunks.push(this.#make(ROWS));
    this.#chunks[chunk][row & MASK] = value;
  }

  /** Ids below this are not asked for again. */
  dropBelow(id: number): void {
    while (id - this.#origin >= ROWS) {
      this.#chunks.shift();
      this.#origin += ROWS;
    }
  }

  /** Ids from this one on are not asked for before they are set again. */
  cutFrom(id: number): void {
    const needed = Math.max(0, Math.ceil((id - this.#origin) / ROWS));
    if (this.#chunks.length > needed) this.#chunks.length = needed;
  }
}

export function numbers(first: number): Column<Float64Array> {
  return new Column(first, (length) => new Float64Array(length));
}

export function words(first: number): Column<Uint32Array> {
  return new Column(first, (length) => new Uint32Array(length));
}

export function bytes(first: number): Column<Uint8Array> {
  return new Column(first, (length) => new Uint8Array(length));
}

export function times(first: number): Column<BigInt64Array> {
  return new Column(first, (length) => new BigInt64Array(length));
}
