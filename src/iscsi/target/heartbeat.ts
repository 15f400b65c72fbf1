import { MS } from './limits.ts';
import type { TargetLimits } from './types.ts';

/** Whether a peer is alive: by what it says, by what it takes, and by what it answers. */
export class Heartbeat {
  readonly #pingNs: number;
  readonly #pongNs: number;
  readonly since: number;
  #heardAt: number;
  #sentAt: number;
  /** Something waited for the peer when it was looked at last. */
  #waited = false;
  /** When an answer was asked for; 0 where none is due. */
  #askedAt = 0;

  constructor({ pingMs, pongMs }: TargetLimits, now: number) {
    this.#pingNs = pingMs * MS;
    this.#pongNs = pongMs * MS;
    this.since = now;
    this.#heardAt = now;
    this.#sentAt = now;
  }

  heard(now: number): void {
    this.#heardAt = now;
    this.#askedAt = 0;
  }

  sent(now: number): void {
    this.#sentAt = now;
  }

  /** It has said nothing for so long. */
  idle(now: number, ns: number): boolean {
    return now - this.#heardAt > ns;
  }

  /** What waits for it has waited for too long. */
  stuck(now: number, waits: boolean): boolean {
    if (!waits || !this.#waited) this.#sentAt = now;
    this.#waited = waits;
    return waits && now - this.#sentAt > this.#pongNs;
  }

  /** It has not answered in time. */
  silent(now: number): boolean {
    return this.#askedAt !== 0 && now - this.#askedAt > this.#pongNs;
  }

  /** It is to be asked now. */
  due(now: number): boolean {
    if (this.#askedAt !== 0 || now - this.#heardAt < this.#pingNs) return false;
    this.#askedAt = now;
    return true;
  }
}
