const NOTHING = new Uint8Array(0);

/** Text that comes in several requests (the C bit, RFC 7143 section 6.2), up to a limit. */
export class TextGatherer {
  readonly #max: number;
  #parts: Uint8Array[] = [];
  #bytes = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get waiting(): boolean {
    return this.#bytes > 0;
  }

  /** Copies the next part; false where that is too much. */
  add(part: Uint8Array): boolean {
    if (this.#bytes + part.length > this.#max) return false;
    this.#bytes += part.length;
    if (part.length > 0) this.#parts.push(Uint8Array.from(part));
    return true;
  }

  /** All of it; the next one begins. */
  whole(): Uint8Array {
    const all = new Uint8Array(this.#bytes);
    let at = 0;
    for (const part of this.#parts) {
      all.set(part, at);
      at += part.length;
    }
    this.clear();
    return all;
  }

  clear(): void {
    this.#parts = [];
    this.#bytes = 0;
  }
}

/** Text that is sent in several responses. */
export class TextSender {
  #text: Uint8Array = NOTHING;
  #at = 0;

  get waiting(): boolean {
    return this.#at < this.#text.length;
  }

  put(text: Uint8Array): void {
    this.#text = text;
    this.#at = 0;
  }

  /** At most `max` bytes more; undefined when nothing waits. */
  next(max: number): Uint8Array | undefined {
    if (!this.waiting) return undefined;
    const part = this.#text.subarray(this.#at, this.#at + max);
    this.#at += part.length;
    return part;
  }

  clear(): void {
    this.put(NOTHING);
  }
}
