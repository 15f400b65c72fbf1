import { limitRepeats } from '../../../hw/log.ts';
import type { EventLog } from '../watch/events.ts';

/** Notices that `status` shows. */
const KEPT = 20;

/** What a running unit has to say in words: each is a line of its log, and the newest are shown by `status`. */
export class Notices {
  readonly #log: ReturnType<typeof limitRepeats>;
  readonly #kept: string[] = [];

  constructor(log: EventLog) {
    this.#log = limitRepeats(log);
  }

  /** The newest, in their order. */
  get kept(): string[] {
    return [...this.#kept];
  }

  add(text: string): void {
    this.#kept.push(text);
    if (this.#kept.length > KEPT) this.#kept.shift();
    this.#log.warn('notice', { text });
  }

  /** Tells what is held back, for the end. */
  flush(): void {
    this.#log.flush();
  }
}
