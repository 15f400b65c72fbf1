import type { Extents } from '../base/extents.ts';
import type { Fault } from '../base/fault.ts';
import { Resolver, type Wanted } from './resolver.ts';

export interface RepairOptions {
  /** Bytes of one copy from the first volume, and copies under way at once. */
  copyBytes: number;
  copiesMax: number;
  /** Copies wait for credit. */
  metered: boolean;
  /** Whether block tables can be compared at present, which is done before a long repair. Absent: never. */
  surveys?: () => boolean;
  /** What is shorter is compared as it is copied, without a look at block tables. */
  surveyMin?: number;
}

const SURVEY_MIN = 4 * 1024 * 1024;
/** Ranges of one copy. */
const RANGES_MAX = 256;

/** What the copies of a mirror are asked for with. */
export interface CopyTraffic {
  /** Copies under way. */
  readonly copies: number;
  /** A copy of `[start, end)` must wait for what is under way. */
  touches(start: number, end: number): boolean;
  copy(start: number, end: number): void;
  /** The same for several ranges at once, in ascending order, apart. Absent: one copy is of one range. */
  copyRanges?(ranges: readonly (readonly [number, number])[]): void;
  /** Has what is wanted, all of it below `limit`, compared by block tables; only where the options have `surveys`. */
  survey?(wanted: Extents, limit: number): void;
  notice(text: string): void;
}

/** Reads back from the first volume what stands in a mirror's record (requirement B6), beside what is being written. */
export class Repair {
  readonly #record: Wanted;
  readonly #traffic: CopyTraffic;
  readonly #options: RepairOptions;
  #resolver: Resolver | undefined;
  /** What is being compared by block tables; once that is done, what was known to be equal by them. */
  #surveying: { limit: number; total: number } | undefined;
  #known = 0;
  #whole = false;
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
    return this.#resolver !== undefined || this.#surveying !== undefined;
  }

  /** True when everything was in doubt: a first copy, not a repair. */
  get whole(): boolean {
    return this.active && this.#whole;
  }

  /** Bytes read back, of those that were to be, in the run under way or the last one. */
  get progress(): { done: number; total: number } {
    if (this.#surveying) return { done: 0, total: this.#surveying.total };
    const known = this.#known;
    return this.#resolver ? { done: known + this.#resolver.done, total: known + this.#resolver.total } : this.#last;
  }

  /** The run under way, or the last one, met something that the first volume could not give. */
  get failed(): boolean {
    return this.#resolver?.failedBefore ?? this.#failed;
  }

  start(limit: number): void {
    this.#known = 0;
    const wanted = this.#options.surveys?.() ? this.#record.below(limit) : undefined;
    if (wanted && wanted.total >= (this.#options.surveyMin ?? SURVEY_MIN) && this.#traffic.survey) {
      this.#resolver = undefined;
      this.#surveying = { limit, total: wanted.total };
      this.#whole = wanted.total === limit;
      this.#traffic.survey(wanted, limit);
    } else {
      this.#surveying = undefined;
      this.#resolver = new Resolver(this.#record, limit, this.#options.copyBytes);
      this.#whole = this.#resolver.whole;
    }
  }

  /** Block tables were compared, as far as that was possible: what is left is copied. */
  surveyed(): void {
    if (!this.#surveying) return;
    const { limit, total } = this.#surveying;
    this.#surveying = undefined;
    this.#resolver = new Resolver(this.#record, limit, this.#options.copyBytes);
    this.#known = Math.max(0, total - this.#resolver.total);
  }

  /** So many more bytes may be copied; what is not used up by then is lost, as an idle minute must not end in a burst. */
  allow(bytes: number): void {
    this.#credit = Math.min(this.#credit + bytes, Math.max(bytes, this.#options.copyBytes));
  }

  /** No more copies are started. */
  stop(): void {
    this.#surveying = undefined;
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
      const ranges = traffic.copyRanges ? this.#more(resolver, start, end) : [chunk];
      for (const [from, to] of ranges) this.#credit -= to - from;
      if (ranges.length > 1) traffic.copyRanges?.(ranges);
      else traffic.copy(start, end);
    }
    if (resolver.over && traffic.copies === 0) this.stop();
  }

  /** The range, and those that follow it as long as they are short: what is copied together is written together. */
  #more(resolver: Resolver, start: number, end: number): (readonly [number, number])[] {
    const ranges: [number, number][] = [[start, end]];
    let bytes = end - start;
    let last = end;
    for (let next = resolver.peek(); next && ranges.length < RANGES_MAX; next = resolver.peek()) {
      const [from, to] = next;
      bytes += to - from;
      if (bytes > this.#options.copyBytes || from < last) break;
      resolver.take();
      if (from === last) ranges[ranges.length - 1][1] = to;
      else ranges.push([from, to]);
      last = to;
    }
    return ranges;
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
