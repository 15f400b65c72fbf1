import { setTimeout as pause } from 'node:timers/promises';

/** Asks those who tell nobody when they are ready again and again; rejects with what was waited for, and with what is instead. */
export async function until<T>(
  what: string,
  ask: () => T | undefined | Promise<T | undefined>,
  { ms = 30_000, everyMs = 20, instead = () => '' }: { ms?: number; everyMs?: number; instead?: () => string } = {},
): Promise<T> {
  const end = performance.now() + ms;
  for (;;) {
    const found = await ask();
    if (found !== undefined) return found;
    if (performance.now() > end) {
      const words = instead();
      throw new Error(`not within ${ms / 1000} s: ${what}${words === '' ? '' : `, but ${words}`}`);
    }
    await pause(everyMs);
  }
}

/** As a value for `until`: true, or not yet. */
export function when(holds: boolean): true | undefined {
  return holds || undefined;
}

/** What something becomes sooner or later, told to any number of those who wait for it. */
export class Heard<T> {
  readonly all: T[] = [];
  readonly #waiting = new Set<() => void>();
  #over: string | undefined;

  add(one: T): void {
    this.all.push(one);
    this.#wake();
  }

  /** Nothing more will come. */
  end(why: string): void {
    this.#over = why;
    this.#wake();
  }

  /** The first from index `from` on that fits; rejects when there is none in time, or when nothing more can come. */
  async first(what: string, fits: (one: T) => boolean, { from = 0, ms = 30_000 } = {}): Promise<T> {
    const end = performance.now() + ms;
    for (let at = from; ; at++) {
      while (at >= this.all.length) {
        const left = end - performance.now();
        const last = JSON.stringify(this.all.slice(-3));
        if (this.#over !== undefined) throw new Error(`${what}: ${this.#over}; last: ${last}`);
        if (left <= 0) throw new Error(`not within ${ms / 1000} s: ${what}; last: ${last}`);
        await this.#more(left);
      }
      if (fits(this.all[at])) return this.all[at];
    }
  }

  #more(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => done(), ms);
      const done = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve();
      };
      this.#waiting.add(done);
    });
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}
