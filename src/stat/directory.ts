/** Where everything goes that came after a directory was full. */
export const OTHERS = '(others)';

/** How many more entries may be made; several directories can share one. */
export interface Allowance {
  left: number;
}

/** Entries by key, made at first sight while the allowance lasts: later keys share one entry named `OTHERS`. */
export class Directory<Key, Entry> {
  readonly #entries = new Map<Key, Entry>();
  readonly #make: () => Entry;
  readonly #allowance: Allowance;
  #others: Entry | undefined;

  constructor(allowance: Allowance, make: () => Entry) {
    this.#allowance = allowance;
    this.#make = make;
  }

  get(key: Key): Entry {
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    if (this.#allowance.left <= 0) {
      this.#others ??= this.#make();
      return this.#others;
    }
    this.#allowance.left--;
    const made = this.#make();
    this.#entries.set(key, made);
    return made;
  }

  /** In order of first sight, the shared entry last. */
  list(): [key: Key | typeof OTHERS, entry: Entry][] {
    const entries: [Key | typeof OTHERS, Entry][] = [...this.#entries];
    if (this.#others !== undefined) entries.push([OTHERS, this.#others]);
    return entries;
  }
}
