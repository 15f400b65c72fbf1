interface Due {
  at: number;
  run: () => void;
}

/** Timers of this process that go off when the test says so, and chance that comes from a seed. */
export class VirtualTimers {
  readonly #due = new Map<object, Due>();
  readonly #real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout, random: Math.random };
  #now = 0;

  install(chance: () => number): void {
    const set = (run: () => void, ms = 0): object => {
      const start = (): void => void this.#due.set(timer, { at: this.#now + ms, run });
      const again = (): object => {
        start();
        return timer;
      };
      const timer = { unref: () => timer, ref: () => timer, refresh: again };
      start();
      return timer;
    };
    const clear = (timer: object): void => void this.#due.delete(timer);
    Object.assign(globalThis, { setTimeout: set, clearTimeout: clear });
    Math.random = chance;
  }

  remove(): void {
    const { setTimeout, clearTimeout, random } = this.#real;
    Object.assign(globalThis, { setTimeout, clearTimeout });
    Math.random = random;
  }

  pass(ms: number): void {
    this.#now += ms;
    for (const [timer, { at, run }] of [...this.#due]) {
      if (at > this.#now || !this.#due.delete(timer)) continue;
      run();
    }
  }
}
