/** Extents remembered per LU and nature: more than commands usually end out of order, few enough to scan. */
const REMEMBERED = 16;

/**
 * How many commands begin where one that was sent before them ended. Commands are recorded as they end, which is not
 * the order they were sent in, so a command also credits those that were sent after it but ended first.
 */
export class Sequence {
  readonly #begin = new Float64Array(REMEMBERED).fill(-1);
  readonly #end = new Float64Array(REMEMBERED).fill(-1);
  readonly #frame = new Float64Array(REMEMBERED);
  readonly #credited = new Uint8Array(REMEMBERED);
  #next = 0;
  total = 0;
  sequential = 0;

  /** `frame`: of the command, to tell which of two was sent first. */
  record(frame: number, lbn: number, blocks: number): void {
    const end = lbn + blocks;
    let credited = 0;
    for (let i = 0; i < REMEMBERED; i++) {
      if (this.#end[i] === lbn && this.#frame[i] <= frame) credited = 1;
      if (this.#begin[i] === end && this.#frame[i] >= frame && this.#credited[i] === 0) {
        this.#credited[i] = 1;
        this.sequential++;
      }
    }
    this.total++;
    this.sequential += credited;
    this.#begin[this.#next] = lbn;
    this.#end[this.#next] = end;
    this.#frame[this.#next] = frame;
    this.#credited[this.#next] = credited;
    this.#next = (this.#next + 1) % REMEMBERED;
  }

  /** 0 to 1; undefined while nothing was recorded. */
  get share(): number | undefined {
    return this.total === 0 ? undefined : this.sequential / this.total;
  }
}
