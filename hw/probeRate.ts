/** The share of the probe's buffer above which the line does not carry the data, and below which it is quiet. */
const FULL = 0.75;
const QUIET = 0.1;

export interface RateOptions {
  /** How long the buffer must be quiet before data is asked for again. */
  quietMs: number;
  /** How long at most, when that was too early again and again: each time doubles it. */
  quietMaxMs: number;
}

/**
 * Whether a probe should send the data or only the headers. It falls back at once where the line cannot carry the data, and
 * asks for data again after a quiet time, which doubles each time that it was too early. Times are milliseconds.
 */
export class ProbeRate {
  headerOnly = false;
  /** Why, where `headerOnly`. */
  why = '';
  private readonly options: RateOptions;
  private quietMs: number;
  private quietSince = -1;
  private fullSince = Number.NEGATIVE_INFINITY;

  constructor(options: RateOptions) {
    this.options = options;
    this.quietMs = options.quietMs;
  }

  /** Samples were lost as the line was too slow. True: the mode changed. */
  overflowed(now: number): boolean {
    return this.fallBack(now, 'the probe lost samples because the line is too slow');
  }

  /** A heartbeat said how far the probe's buffer is filled, 0 to 1. True: the mode changed. */
  filled(share: number, now: number): boolean {
    if (share >= FULL) return this.fallBack(now, `the probe's buffer is filled to ${Math.round(share * 100)}%`);
    if (!this.headerOnly) return false;
    if (share > QUIET) this.quietSince = -1;
    else if (this.quietSince < 0) this.quietSince = now;
    if (this.quietSince < 0 || now - this.quietSince < this.quietMs) return false;
    this.headerOnly = false;
    this.why = '';
    this.fullSince = now;
    return true;
  }

  /** Nothing was heard for a while: a quiet time begins anew. */
  interrupted(): void {
    this.quietSince = -1;
  }

  private fallBack(now: number, why: string): boolean {
    this.quietSince = -1;
    if (this.headerOnly) return false;
    const { quietMs, quietMaxMs } = this.options;
    const tooEarly = now - this.fullSince < this.quietMs;
    this.quietMs = tooEarly ? Math.min(this.quietMs * 2, quietMaxMs) : quietMs;
    this.headerOnly = true;
    this.why = why;
    return true;
  }
}
