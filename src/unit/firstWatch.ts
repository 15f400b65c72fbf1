import type { Fault } from '../base/fault.ts';
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

/** Looks after a first volume: tries it again while it is down, and tells when that begins and ends. */
export class FirstWatch {
  readonly #options: FirstWatchOptions;
  readonly #reviver: Reviver;
  #fault: Fault | undefined;
  #told = true;

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
    if (up === this.#told) return;
    this.#told = up;
    const [from, to] = up ? ['down', 'up'] : ['up', 'down'];
    const why = up ? 'it answers again' : (this.#fault?.message ?? 'its session was lost');
    if (up) this.#fault = undefined;
    this.#options.told({ from, to, why });
  }

  stop(): void {
    this.#reviver.stop();
  }
}
