import type { Room } from '../../buffer/room.ts';
import type { BufferStatus, SourceStatus } from '../watch/status.ts';
import type { Attachment } from './attachment.ts';

export interface BusFaultsOptions {
  room: Pick<Room, 'report'>;
  notice: (text: string) => void;
  /** Monotonic time in nanoseconds. */
  now: () => number;
}

/** What was missed, and room that is short, come and go: that is over once it has not been so for this long. */
const CALM_NS = 3e9;
const SHORT = 'the buffer is short of room: changes are kept by their LBNs, and read back from the first volume later';
const SHORT_MEND = 'a faster mirror or link, or a larger `buffer.bytes`';
const MISSED_MEND = '`tapmirror doctor` looks at the interface; what was missed is compared by itself';

/** What is wrong between the bus and all volumes: its words for the log when it begins and ends, and for the status meanwhile. */
export class BusFaults {
  readonly #options: BusFaultsOptions;
  #missed: { text: string; until: number } | undefined;
  #short: { until: number } | undefined;
  #falls = 0;

  constructor(options: BusFaultsOptions) {
    this.#options = options;
  }

  /** Something passed on the bus that nobody saw. */
  missed(text: string): void {
    const { notice, now } = this.#options;
    notice(text);
    this.#missed = { text, until: now() + CALM_NS };
  }

  /** Time has passed. `lasting`: the source says itself that something is wrong with it. */
  tick(lasting: boolean): void {
    const { room, notice, now } = this.#options;
    const at = now();
    const { state, falls } = room.report();
    if (state === 'lbnOnly' || falls > this.#falls) {
      if (!this.#short) notice(SHORT);
      this.#short = { until: at + CALM_NS };
    } else if (this.#short && at > this.#short.until) {
      this.#short = undefined;
      notice('the buffer has room again: changes are kept with their data');
    }
    this.#falls = falls;
    if (!this.#missed) return;
    if (lasting) this.#missed.until = at + CALM_NS;
    else if (at > this.#missed.until) {
      this.#missed = undefined;
      notice('nothing more is missed on the bus');
    }
  }

  /** The source as the attachment tells it, with what is wrong. */
  source(status: SourceStatus, { fault }: Pick<Attachment, 'fault'>): SourceStatus {
    const message = fault ?? this.#missed?.text;
    return message === undefined ? status : { ...status, error: { message, mend: MISSED_MEND } };
  }

  buffer(status: BufferStatus): BufferStatus {
    return this.#short ? { ...status, error: { message: SHORT, mend: SHORT_MEND } } : status;
  }
}
