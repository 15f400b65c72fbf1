export interface KickOptions {
  /** Starts everything that waits. */
  start: () => void;
  /** Small changes wait so long for others to go out with them; 0: they start before the event loop turns. */
  gatherMs: number;
  /** So many bytes do not wait. */
  eagerBytes: number;
}

/**
 * When what waits at a volume's mirrors is to be started: what comes together goes out together, as a request costs the
 * same for one change as for many. One timer for all of them, which no change moves or clears.
 */
export class Kick {
  readonly #options: KickOptions;
  #timer: NodeJS.Timeout | undefined;
  /** The timer runs; the microtask is due. */
  #timed = false;
  #due = false;
  /** Something has come since the last start. */
  #wanted = false;
  #bytes = 0;

  constructor(options: KickOptions) {
    this.#options = options;
  }

  /** One more change waits, which is worth `bytes`. */
  change(bytes: number): void {
    const { gatherMs, eagerBytes } = this.#options;
    this.#bytes += bytes;
    if (this.#bytes >= eagerBytes) this.now();
    else if (gatherMs === 0) this.soon();
    else this.#later(gatherMs);
  }

  /** Before the event loop turns, together with what else comes by then. */
  soon(): void {
    this.#wanted = true;
    if (this.#due) return;
    this.#due = true;
    queueMicrotask(() => {
      this.#due = false;
      if (this.#wanted) this.now();
    });
  }

  now(): void {
    this.#wanted = false;
    this.#bytes = 0;
    this.#options.start();
  }

  #later(ms: number): void {
    this.#wanted = true;
    if (this.#timed) return;
    this.#timed = true;
    // Refreshed, it is the same object in the same list: about the cost of a flag.
    if (this.#timer === undefined) this.#timer = setTimeout(() => this.#expired(), ms);
    else this.#timer.refresh();
  }

  #expired(): void {
    this.#timed = false;
    if (this.#wanted) this.now();
  }
}
