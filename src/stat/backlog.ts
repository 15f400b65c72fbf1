/** Halvings of the interval that a rate is searched in: more than a number's precision needs. */
const STEPS = 60;

/** What happened in slots of one length: bytes that were written in each, oldest first. */
export interface Slots {
  readonly bytes: readonly number[];
  readonly seconds: number;
}

/** What a link of some rate would have done with them. */
export interface Backlog {
  /** The longest that anything waited, in seconds. */
  lateSeconds: number;
  /** The most that waited at one time. */
  bytes: number;
}

/**
 * A link that carries `rate` bytes a second, first come first served. The bytes of a slot come at its beginning, so that the
 * answer is never less than what really would have been.
 */
export function backlogAt(rate: number, { bytes, seconds }: Slots): Backlog {
  let waiting = 0;
  let most = 0;
  for (const coming of bytes) {
    waiting += coming;
    if (waiting > most) most = waiting;
    waiting = Math.max(0, waiting - rate * seconds);
  }
  return { bytes: most, lateSeconds: rate > 0 ? most / rate : most > 0 ? Number.POSITIVE_INFINITY : 0 };
}

/** The lowest rate, in bytes a second, at which nothing waits longer than `lateSeconds` (above 0). */
export function rateFor(lateSeconds: number, slots: Slots): number {
  let low = 0;
  // At this rate even all of it at once would be there in time.
  let high = slots.bytes.reduce((sum, bytes) => sum + bytes, 0) / lateSeconds;
  for (let step = 0; step < STEPS; step++) {
    const middle = (low + high) / 2;
    if (backlogAt(middle, slots).lateSeconds > lateSeconds) low = middle;
    else high = middle;
  }
  return high;
}

/** The most bytes that came within any `windowSeconds`; where the slots are longer than that, those of one slot. */
export function burstIn(windowSeconds: number, { bytes, seconds }: Slots): number {
  const slots = Math.max(1, Math.ceil(windowSeconds / seconds));
  let within = 0;
  let most = 0;
  bytes.forEach((coming, i) => {
    within += coming - (i >= slots ? bytes[i - slots] : 0);
    if (within > most) most = within;
  });
  return most;
}
