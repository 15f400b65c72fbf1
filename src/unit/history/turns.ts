import { setImmediate as later } from 'node:timers/promises';

/** As long may a part of something that nobody waits for keep the data path waiting. */
const TURN_MS = 1;

/** Cuts long work into turns of the event loop: what came meanwhile goes first. */
export class Turns {
  #began = performance.now();

  /** Between two steps of the work. */
  async next(): Promise<void> {
    if (performance.now() - this.#began < TURN_MS) return;
    await later();
    this.#began = performance.now();
  }
}
