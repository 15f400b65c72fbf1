import type { MirrorState } from '../../mirror/requests.ts';

/** What is over within so long is not worth a line in the log. */
const BRIEF_MS = 1000;

/** States that come and go while all is well: nobody acts on them. */
export function isOrdinary(state: string): boolean {
  return state === 'equal' || state === 'behind';
}

/** Keeps out of the log what is over in a moment: repairs as they come with ordinary writes, and the last step to being equal. */
export class Brief {
  #pending: MirrorState | undefined;
  #since = 0;

  /**
   * True while a mirror that is known to be `told` may be `state` for a moment only; `late`: what it lacks has waited for long.
   * To be asked with every look at the mirror. `now` in milliseconds.
   */
  holds(told: MirrorState, state: MirrorState, late: boolean, now: number): boolean {
    if (state !== this.#pending) this.#since = now;
    this.#pending = state;
    if (state === told) return false;
    const calm = isOrdinary(told);
    if (state === 'behind' && !late && calm) return true;
    const passing = (state === 'behind' && !late) || (state === 'repairing' && calm);
    return passing && now - this.#since < BRIEF_MS;
  }
}
