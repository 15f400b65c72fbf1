import { copyOf } from '../base/bytes.ts';
import type { TeeOutlet } from '../base/tee.ts';

/** Bytes that wait before nothing more is read from their source. */
const WAITING_MAX = 256 * 1024;

interface Hold {
  /** Position in the direction of the first byte that waits. */
  readonly at: number;
  over: boolean;
}

/** Bytes as the other side will get them, and where they stood in the direction. */
interface Waiting {
  readonly start: number;
  readonly end: number;
  readonly bytes: Uint8Array;
}

/**
 * One direction of one connection: from a hold on everything waits, in order, until that hold and all before it are over.
 *
 * Positions are bytes of the direction as they came in. What goes out may be of another length (see `Redirect`), but PDUs
 * stay PDUs: no hold lies within a run that was changed.
 */
export class Lane {
  readonly #outlet: TeeOutlet;
  readonly #holds: Hold[] = [];
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #position = 0;
  #stopped = false;
  #ending = false;
  #open = false;

  constructor(outlet: TeeOutlet) {
    this.#outlet = outlet;
  }

  /** Nothing waits, and nothing is held. */
  get clear(): boolean {
    return this.#holds.length === 0 && this.#waiting.length === 0;
  }

  /** Bytes that came before those at hand. */
  get position(): number {
    return this.#position;
  }

  /** True once nothing is held any more, for good. */
  get open(): boolean {
    return this.#open;
  }

  /** What stands at `position` and behind it waits for `wait`, which never rejects; what was handed on has gone. */
  hold(position: number, wait: Promise<void>): void {
    if (this.#open) return;
    const at = Math.max(position, this.#position, this.#holds.at(-1)?.at ?? 0);
    const hold: Hold = { at, over: false };
    this.#holds.push(hold);
    void wait.then(() => {
      hold.over = true;
      this.#release();
    });
  }

  /** `length` bytes that the caller hands on itself, as the lane is `clear`. */
  skip(length: number): void {
    this.#position += length;
  }

  /** A run that stood in `came` bytes of the direction. Borrowed, and copied. */
  pass(bytes: Uint8Array, offset: number, length: number, came: number = length): void {
    const start = this.#position;
    this.#position += came;
    let free = this.#waiting.length > 0 ? 0 : length;
    const first = this.#holds[0];
    // A run of another length is one PDU that was changed: it goes as a whole.
    if (free > 0 && first !== undefined && first.at < start + came)
      free = came === length ? Math.max(0, first.at - start) : 0;
    if (free > 0) this.#outlet.write(copyOf(bytes, offset, offset + free));
    if (free === length) return;
    this.#waiting.push({
      start: start + (free > 0 ? free : 0),
      end: this.#position,
      bytes: copyOf(bytes, offset + free, offset + length),
    });
    this.#waitingBytes += length - free;
    if (this.#waitingBytes < WAITING_MAX || this.#stopped) return;
    this.#stopped = true;
    this.#outlet.hold(true);
  }

  /** The source has ended its direction. True: nothing waits, that can be handed on at once. */
  end(): boolean {
    if (this.clear) return true;
    this.#ending = true;
    return false;
  }

  /** Nothing is held any more, whatever is still waited for. */
  giveUp(): void {
    this.#open = true;
    this.#holds.length = 0;
    this.#flush(Number.POSITIVE_INFINITY);
  }

  /** The other side is gone: what waits for it is forgotten. */
  drop(): void {
    this.#open = true;
    this.#ending = false;
    this.#holds.length = 0;
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  #release(): void {
    if (this.#open) return;
    let done = 0;
    while (done < this.#holds.length && this.#holds[done].over) done++;
    if (done === 0) return;
    this.#holds.splice(0, done);
    this.#flush(this.#holds[0]?.at ?? Number.POSITIVE_INFINITY);
  }

  /** Hands on what stands before position `until`. */
  #flush(until: number): void {
    let gone = 0;
    for (const run of this.#waiting) {
      if (run.end > until) break;
      this.#outlet.write(run.bytes);
      this.#waitingBytes -= run.bytes.length;
      gone++;
    }
    if (gone > 0) this.#waiting.splice(0, gone);
    const next = this.#waiting[0];
    if (next !== undefined && next.start < until) {
      const free = until - next.start;
      this.#outlet.write(next.bytes.subarray(0, free));
      this.#waitingBytes -= free;
      this.#waiting[0] = { start: until, end: next.end, bytes: next.bytes.subarray(free) };
    }
    if (this.#stopped && this.#waitingBytes <= WAITING_MAX / 2) {
      this.#stopped = false;
      this.#outlet.hold(false);
    }
    if (this.#ending && this.clear) {
      this.#ending = false;
      this.#outlet.end();
    }
  }
}
