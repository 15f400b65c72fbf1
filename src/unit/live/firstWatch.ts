import { Fault } from '../../base/fault.ts';
import type { FirstStatus } from '../watch/status.ts';
import { firstStatus } from './liveStatus.ts';
import type { Medium } from './liveTypes.ts';
import { Reviver } from './reviver.ts';

export interface FirstWatchOptions {
  first: Medium;
  /** Monotonic time in nanoseconds. */
  now: () => number;
  told: (change: { from: string; to: string; why: string }) => void;
}

/** It is told so long after it went down without the reason, if that is not known sooner. */
const WORDS_MS = 1000;
/** Reasons of one outage that are told. */
const WORDS_MAX = 8;

/** Looks after a first volume: tries it again while it is down, and tells when that begins and ends. */
export class FirstWatch {
  readonly #options: FirstWatchOptions;
  readonly #reviver: Reviver;
  #fault: Fault | undefined;
  #told = true;
  #downAt: number | undefined;
  /** Reasons that the log has of this outage. */
  readonly #words = new Set<string>();

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
    const { down, away } = this.#options.first.volume;
    const up = !down && away === undefined;
    if (down) this.#fault ??= away;
    else if (away !== undefined) this.#fault = away;
    if (down) this.#reviver.start();
    if (up === this.#told) {
      this.#downAt = undefined;
      if (!up) this.#tellWords();
      return;
    }
    if (!up && !this.#knows()) return;
    this.#told = up;
    const [from, to] = up ? ['down', 'up'] : ['up', 'down'];
    const why = up ? 'it answers again' : (this.#fault?.message ?? '');
    if (up) this.#fault = undefined;
    this.#words.clear();
    this.#words.add(why);
    this.#options.told({ from, to, why });
  }

  /** Trying it again may give another reason, which `status` has from then on: each is one line, once. */
  #tellWords(): void {
    const why = this.#fault?.message;
    if (why === undefined || this.#words.has(why) || this.#words.size >= WORDS_MAX) return;
    this.#words.add(why);
    this.#options.told({ from: 'down', to: 'down', why });
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
