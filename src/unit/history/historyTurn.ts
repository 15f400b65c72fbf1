import { Fault } from '../../base/fault.ts';

/** Work that must not run at the same time, in the order in which it was asked for. */
export class Turn {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }
}

/** The fault that a piece of work ended with, if any. */
export async function settled(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return error ?? new Fault('bug', 'failed without a word');
  }
}
