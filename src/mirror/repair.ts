import type { Fault } from '../base/fault.ts';
import { Resolver, type Wanted } from './resolver.ts';

export interface RepairOptions {
  /** Bytes of one copy from the first volume, and copies under way at once. */
  copyBytes: number;
  copiesMax: number;
  /** Copies wait for credit. */
  metered: boolean;
}

/** What the copies of a mirror are asked for with. */
export interface CopyTraffic {
  /** Copies under way. */
  readonly copies: number;
  /** A copy of `[start, end)` must wait for what is under way. */
  touches(start: number, end: number): boolean;
  copy(start: number, end: number): void;
  notice(text: string): void;
}

/** Reads back from the first volume what stands in a mirror's record (requirement B6), beside what is being written. */
export class Repair {
  readonly #record: Wanted;
  readonly #traffic: CopyTraffic;
  readonly #options: RepairOptions;
  #resolver: Resolver | undefined;
  #last = { done: 0, total: 0 };
  copiedBytes = 0;
  #credit = 0;
  #failed = false;

  constructor(record: Wanted, traffic: CopyTraffic, options: RepairOptions) {
    this.#record = record;
    this.#traffic = traffic;
    this.#options = options;
  }

  get active(): boolean {
    return this.#resolver !== undefined;
  }

  /** True when everything was in doubt: a first copy, not a repair. */
  get whole(): boolean {
    return this.#resolver?.whole ?? false;
  }

  /** Bytes read back, of those that were to be, in the run under way or the last one. */
  get progress(): { done: number; total: number } {
    return this.#resolver ? { done: this.#resolver.done, total: this.#resolver.total } : this.#last;
  }

  /** The run under way, or the last one, met something that the first volume could not give. */
  get failed(): boolean {
    return this.#resolver?.failedBefore ?? this.#failed;
  }

  start(limit: number): void {
    this.#resolver = new Resolver(this.#record, limit, this.#options.copyBytes);
  }

  /** So many more bytes may be copied; what is not used up by then is lost, as an idle minute must not end in a burst. */
  allow(bytes: number): void {
    this.#credit = Math.min(this.#credit + bytes, Math.max(bytes, this.#options.copyBytes));
  }

  /** No more copies are started. */
  stop(): void {
    if (this.#resolver) {
      this.#last = this.progress;
      this.#failed = this.#resolver.failedBefore;
    }
    this.#resolver = undefined;
  }

  /** Something came to be in doubt meanwhile. */
  touch(): void {
    this.#resolver?.touch();
  }

  /** Starts as many copies as may be under way; ends when nothing more can be gained. */
  fill(): void {
    const resolver = this.#resolver;
    const traffic = this.#traffic;
    const { copiesMax, metered } = this.#options;
    if (!resolver) return;
    while (!resolver.over && traffic.copies < copiesMax) {
      if (metered && this.#credit <= 0) return;
      const chunk = resolver.peek();
      if (!chunk) {
        if (traffic.copies > 0) return;
        resolver.endPass();
        continue;
      }
      const [start, end] = chunk;
      if (traffic.touches(start, end)) return;
      resolver.take();
      this.#credit -= end - start;
      traffic.copy(start, end);
    }
    if (resolver.over && traffic.copies === 0) this.stop();
  }

  copied(bytes: number): void {
    this.copiedBytes += bytes;
    this.#resolver?.copied(bytes);
  }

  /** The first volume could not give the copy's bytes: told the first time. */
  unread(runs: readonly (readonly [number, number])[], fault: Fault, to: string): void {
    const resolver = this.#resolver;
    if (!resolver) return;
    if (!resolver.failedBefore) {
      this.#traffic.notice(`${to}: ${fault.message}; what cannot be read stays unresolved`);
    }
    for (const [start, end] of runs) resolver.failed(start, end);
  }
}
