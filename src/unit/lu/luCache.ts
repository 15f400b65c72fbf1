import { Fault } from '../../base/fault.ts';

/**
 * What a target may have lost of what it had acknowledged. A lost session and a power-on unit attention both look like a
 * target that was restarted, with whatever its volatile cache held.
 */
export class LuCache {
  readonly #name: string;
  /** Writes that were acknowledged without being durable, and how many of them a flush has covered. */
  #wrote = 0;
  #flushed = 0;
  /** Losses that concerned such writes, and those that the caller was told of. */
  #losses = 0;
  #told = 0;

  constructor(name: string) {
    this.#name = name;
  }

  /** How often something may have been lost that the target had acknowledged. */
  get losses(): number {
    return this.#losses;
  }

  /** A write was acknowledged and is not durable yet. */
  wrote(): void {
    this.#wrote++;
  }

  /** The cache may have been lost. */
  lost(): void {
    if (this.#wrote > this.#flushed) this.#losses++;
  }

  /** The caller knows that everything since the last good flush is in doubt. */
  told(): void {
    this.#told = this.#losses;
    this.#flushed = this.#wrote;
  }

  /** A flush is about to begin: what it will cover. Throws where that may be lost already. */
  flushBegins(): { wrote: number; losses: number } {
    this.#refuse(this.#told);
    return { wrote: this.#wrote, losses: this.#losses };
  }

  /** The flush has been done. Throws where what it was to cover may have been lost meanwhile. */
  flushed({ wrote, losses }: { wrote: number; losses: number }): void {
    this.#refuse(losses);
    this.#flushed = Math.max(this.#flushed, wrote);
  }

  #refuse(known: number): void {
    if (this.#losses === known) return;
    this.told();
    const what = `${this.#name}: the session was lost since the last flush, and with it perhaps what the target's cache held`;
    throw new Fault('local', what, 'what was written since then is written again');
  }
}
