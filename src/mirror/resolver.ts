import type { DoubtRecord } from '../base/backlog.ts';
import { Extents } from '../base/extents.ts';

/** What is to be read back: bytes in whole blocks. */
export type Wanted = Pick<DoubtRecord, 'blockSize' | 'intersects' | 'below'>;

/** Reads that may fail before the rest of a failing chunk is given up without looking for its good blocks. */
const FAILURES_MAX = 64;

/**
 * Which bytes of a record to read back next. It goes through the record in passes, as blocks may come to be in doubt
 * again while they are copied; it is over when a pass leaves nothing, or gained nothing.
 */
export class Resolver {
  readonly #record: Wanted;
  readonly #limit: number;
  readonly #chunkBytes: number;
  /** What the source could not give: left in the record. */
  readonly #unreadable = new Extents();
  /** Chunks before the rest of the pass, and the rest as `[start, length]` ranges. */
  #first: [number, number][] = [];
  #ranges: [number, number][] = [];
  #index = 0;
  #at = 0;
  #left = 0;
  #touched = false;
  #failures = 0;
  #over = false;
  /** Bytes copied, and bytes copied plus bytes still to copy. */
  done = 0;
  total = 0;
  /** True when the pass began with everything in doubt: a first copy, not a repair. */
  readonly whole: boolean;

  constructor(record: Wanted, limit: number, chunkBytes: number) {
    this.#record = record;
    this.#limit = limit;
    this.#chunkBytes = chunkBytes;
    const left = this.#begin();
    this.whole = left > 0 && left === limit;
  }

  /** True when nothing more can be gained. */
  get over(): boolean {
    return this.#over;
  }

  /** True once the source could not give something. */
  get failedBefore(): boolean {
    return this.#failures > 0;
  }

  /** The next chunk as `[start, end)`, or undefined at the end of the pass; `take` moves on. */
  peek(): [number, number] | undefined {
    for (;;) {
      const chunk = this.#chunk();
      if (!chunk || this.#record.intersects(chunk[0], chunk[1])) return chunk;
      // Written by a newer change since the pass began.
      this.take();
      this.done += chunk[1] - chunk[0];
    }
  }

  take(): void {
    if (this.#first.length > 0) this.#first.pop();
    else this.#at = this.#chunk()?.[1] ?? this.#at;
  }

  copied(bytes: number): void {
    this.done += bytes;
  }

  /** A change made blocks unknown while the pass runs: one more pass must follow. */
  touch(): void {
    this.#touched = true;
  }

  /** The source could not give a chunk. Its halves are tried; a single block, or one failure too many, is left. */
  failed(start: number, end: number): void {
    const blockSize = this.#record.blockSize;
    if (++this.#failures < FAILURES_MAX && end - start > blockSize) {
      const middle = start + Math.ceil((end - start) / 2 / blockSize) * blockSize;
      this.#first.push([middle, end], [start, middle]);
    } else {
      this.#unreadable.add(start, end);
      this.total -= end - start;
    }
  }

  /** The pass is through and nothing is under way: begins the next, or is over. */
  endPass(): void {
    const before = this.#left;
    const touched = this.#touched;
    const left = this.#begin();
    if (left >= before && !touched) this.#over = true;
  }

  #begin(): number {
    const todo = this.#record.below(this.#limit);
    for (const [start, length] of this.#unreadable.toRanges()) todo.remove(start, start + length);
    this.#ranges = todo.toRanges();
    this.#index = 0;
    this.#at = 0;
    this.#touched = false;
    this.#left = todo.total;
    this.total = this.done + todo.total;
    if (todo.isEmpty) this.#over = true;
    return todo.total;
  }

  #chunk(): [number, number] | undefined {
    const first = this.#first.at(-1);
    if (first) return first;
    while (this.#index < this.#ranges.length) {
      const [start, length] = this.#ranges[this.#index];
      const from = Math.max(start, this.#at);
      if (from < start + length) return [from, Math.min(from + this.#chunkBytes, start + length)];
      this.#index++;
    }
    return undefined;
  }
}
