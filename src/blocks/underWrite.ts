/** A write over more groups than this is kept as a range. */
const WIDE = 64;

/** Groups of blocks that are being written, each as often as it is. */
export class UnderWrite {
  readonly #counts = new Map<number, number>();
  readonly #wide: { first: number; last: number }[] = [];

  /** Groups `first` to `last`, both included. */
  begin(first: number, last: number): void {
    if (last - first >= WIDE) {
      this.#wide.push({ first, last });
      return;
    }
    for (let group = first; group <= last; group++) this.#counts.set(group, (this.#counts.get(group) ?? 0) + 1);
  }

  end(first: number, last: number): void {
    if (last - first >= WIDE) {
      const at = this.#wide.findIndex((one) => one.first === first && one.last === last);
      if (at >= 0) this.#wide.splice(at, 1);
      return;
    }
    for (let group = first; group <= last; group++) {
      const left = (this.#counts.get(group) ?? 1) - 1;
      if (left === 0) this.#counts.delete(group);
      else this.#counts.set(group, left);
    }
  }

  has(group: number): boolean {
    return this.#counts.has(group) || this.#wide.some(({ first, last }) => first <= group && group <= last);
  }
}
