import { type Fault, faultOf } from '../../base/fault.ts';
import type { Volume } from '../../base/volume.ts';

/** Waits between attempts: the first, and the longest, so that the end of a fault is seen within 5 s. */
const FIRST_MS = 200;
const LONGEST_MS = 3500;
/** A medium that fails again sooner than this has not really come back: the waits go on growing. */
const STEADY_MS = 10_000;

export interface ReviverOptions {
  volume: Pick<Volume, 'revive'>;
  /** The medium answers again. */
  up: () => void;
  /** An attempt failed; there will be another. */
  failed: (fault: Fault) => void;
  /** Monotonic time in nanoseconds. */
  now: () => number;
}

/** Tries to reach a medium again, ever more seldom and never at the same moment as others, until it answers. */
export class Reviver {
  readonly #options: ReviverOptions;
  #timer: NodeJS.Timeout | undefined;
  #active = false;
  #waitMs = FIRST_MS;
  #upAt = Number.NEGATIVE_INFINITY;
  readonly #abort = new AbortController();

  constructor(options: ReviverOptions) {
    this.#options = options;
  }

  /** True while the medium is being waited for. */
  get active(): boolean {
    return this.#active;
  }

  /** The medium failed. Does nothing while it is being waited for already. */
  start(): void {
    if (this.#active || this.#abort.signal.aborted) return;
    this.#active = true;
    if (this.#options.now() - this.#upAt > STEADY_MS * 1e6) this.#waitMs = FIRST_MS;
    this.#schedule();
  }

  stop(): void {
    this.#abort.abort();
    this.#active = false;
    clearTimeout(this.#timer);
  }

  #schedule(): void {
    const jittered = this.#waitMs * (0.75 + Math.random() / 2);
    this.#waitMs = Math.min(this.#waitMs * 2, LONGEST_MS);
    this.#timer = setTimeout(() => void this.#attempt(), jittered);
  }

  async #attempt(): Promise<void> {
    const { volume, up, failed, now } = this.#options;
    try {
      await volume.revive(this.#abort.signal);
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      failed(faultOf(error));
      this.#schedule();
      return;
    }
    if (this.#abort.signal.aborted) return;
    this.#active = false;
    this.#upAt = now();
    up();
  }
}
