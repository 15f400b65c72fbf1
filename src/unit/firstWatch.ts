import { Fault } from '../base/fault.ts';
import { firstStatus } from './liveStatus.ts';
import type { Medium } from './liveTypes.ts';
import { Reviver } from './reviver.ts';
import type { FirstStatus } from './status.ts';

export interface FirstWatchOptions {
  first: Medium;
  /** Monotonic time in nanoseconds. */
  now: () => number;
  told: (change: { from: string; to: string; why: string }) => void;
}

/** It is told so long after it went down without the reason, if that is not known sooner. */
const WORDS_MS = 1000;

/** Looks after a first volume: tries it again while it is down, and tells when that begins and ends. */
export class FirstWatch {
  readonly #options: FirstWatchOptions;
  readonly #reviver: Reviver;
  #fault: Fault | undefined;
  #told = true;
  #downAt: number | undefined;

  constructor(options: FirstWatchOptions) {
    const { first, now } = options;
    this.#options = options;
    const failed = (fault: Fault): void => {
      this.#fault = fault;
    };
    this.#reviver = new Reviver({ volume: first.volume, now, up: () => {}, failed });
  }

  get status(): FirstStatus {
    return firstStatus(this.#options.first, this.#fault);
  }

  tick(): void {
    const up = !this.#options.first.volume.down;
    if (!up) this.#reviver.start();
    if (up === this.#told) {
      this.#downAt = undefined;
      return;
    }
    if (!up && !this.#knows()) return;
    this.#told = up;
    const [from, to] = up ? ['down', 'up'] : ['up', 'down'];
    const why = up ? 'it answers again' : (this.#fault?.message ?? '');
    if (up) this.#fault = undefined;
    this.#options.told({ from, to, why });
  }

  /** Whether it is known why it is down: log and status have the same words, so the first attempt to reach it is waited for. */
  #knows(): boolean {
    const now = this.#options.now();
    this.#downAt ??= now;
    if (this.#fault === undefined && now - this.#downAt > WORDS_MS * 1e6) {
      this.#fault = new Fault('local', 'its session was lost', 'look at its target and at the network to it');
    }
    return this.#fault !== undefined;
  }

  stop(): void {
    this.#reviver.stop();
  }
}
