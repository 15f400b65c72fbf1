/** Chunks told one by one; beyond it runs of them. */
const CHUNKS_MAX = 65_536;
const RUNS_MAX = 64;

/** A run of chunks [first, end), and the count that makes it durable. */
interface Run {
  first: number;
  end: number;
  needs: number;
}

/**
 * Chunks whose marks may not be durable yet, each with the count that they wait for (see `settled`). Bounded: when there
 * are too many, more chunks count as pending than are, never fewer.
 */
export class Pending {
  readonly #chunks = new Map<number, number>();
  #runs: Run[] = [];

  get isEmpty(): boolean {
    return this.#chunks.size === 0 && this.#runs.length === 0;
  }

  add(chunk: number, needs: number): void {
    this.#chunks.set(chunk, needs);
    if (this.#chunks.size <= CHUNKS_MAX) return;
    let [first, end] = [chunk, chunk + 1];
    for (const one of this.#chunks.keys()) {
      if (one < first) first = one;
      if (one >= end) end = one + 1;
    }
    this.#chunks.clear();
    this.addRun(first, end, needs);
  }

  addRun(first: number, end: number, needs: number): void {
    if (first >= end) return;
    this.#runs.push({ first, end, needs });
    if (this.#runs.length <= RUNS_MAX) return;
    const all = { first, end, needs };
    for (const run of this.#runs) {
      all.first = Math.min(all.first, run.first);
      all.end = Math.max(all.end, run.end);
      all.needs = Math.max(all.needs, run.needs);
    }
    this.#runs = [all];
  }

  /** True when a chunk of [first, end) may not be durable. */
  touches(first: number, end: number): boolean {
    if (first >= end) return false;
    for (const run of this.#runs) if (run.first < end && first < run.end) return true;
    const chunks = this.#chunks;
    if (end - first > chunks.size) {
      for (const chunk of chunks.keys()) if (chunk >= first && chunk < end) return true;
      return false;
    }
    for (let chunk = first; chunk < end; chunk++) if (chunks.has(chunk)) return true;
    return false;
  }

  /** What waited for `count` or less is durable. */
  settled(count: number): void {
    for (const [chunk, needs] of this.#chunks) if (needs <= count) this.#chunks.delete(chunk);
    this.#runs = this.#runs.filter(({ needs }) => needs > count);
  }

  clear(): void {
    this.#chunks.clear();
    this.#runs = [];
  }
}
