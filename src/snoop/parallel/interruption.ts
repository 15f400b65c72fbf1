import type { Agreement } from './agreements.ts';
import type { Connection } from './connection.ts';
import type { Finder } from './finder.ts';
import { COMMAND, DATA_IN, DATA_OUT, MESSAGE_IN, NO_PHASE, STATUS } from './word.ts';

/**
 * In a span so short nobody can have left the bus and come back: a bus settle delay (0.4 us), a bus free delay (0.8), an
 * arbitration delay (2.4), a bus clear and a bus settle delay (1.2; SPI-5 section 9.1) come before the next phase. The
 * fastest that was seen took 4.3 us.
 */
export const SAME_CONNECTION_NS = 3200;

/** The shortest span in which the bus is won and a whole command passes: bus free on both sides, at least ten handshakes. */
export const HIDING_NS = 5200;

/**
 * The same within a connection that goes on afterwards: it has to leave the bus and to win it again as well, which takes
 * 3.6 us more at least.
 */
export const HIDING_WITHIN_NS = 8800;

/** How much faster than ever before a few bytes may pass, and what is allowed for edges at the ends of a hole. */
const FASTER = 0.95;
const EDGES_NS = 2000;

/** Nanoseconds of a hole that so many bytes do not account for; negative where they cannot have passed in it. */
export function unaccounted(nanoseconds: number, bytes: number, { fastestNs }: Agreement): number {
  const least = bytes * (Number.isFinite(fastestNs) ? fastestNs : 0);
  return nanoseconds + EDGES_NS < least * FASTER ? Number.NEGATIVE_INFINITY : Math.max(0, nanoseconds - least);
}

/**
 * Whether a connection that a hole interrupted may be the one that is in `phase` behind it, by what comes after what and by
 * the time: then the hole is its own until its end proves it (see `Processes.answered`).
 */
export function goesOn(
  before: Connection,
  phase: number,
  nanoseconds: number,
  agreement: Agreement,
  finder: Finder,
): boolean {
  if (before.ghost || before.farewell !== 'none' || before.kills >= 0) return false;
  if (before.lastPhase === STATUS && (before.io?.status ?? -1) >= 0) {
    return phase === MESSAGE_IN && nanoseconds < HIDING_WITHIN_NS;
  }
  const io = finder.processOf(before, false);
  if (io === undefined || before.ghost) return false;
  const { reads, writes } = io.task;
  if (reads === writes) return false;
  const left = io.left;
  const moved = before.lastPhase === (writes ? DATA_OUT : DATA_IN);
  const data =
    moved || before.lastPhase === COMMAND || before.lastPhase === MESSAGE_IN || before.lastPhase === NO_PHASE;
  if (!data) return false;
  if (phase === (writes ? DATA_OUT : DATA_IN)) {
    if (left === undefined) return moved;
    return left > 0 && unaccounted(nanoseconds, left, agreement) < HIDING_WITHIN_NS;
  }
  if (left === undefined || !moved) return false;
  const rest = unaccounted(nanoseconds, left, agreement);
  if (phase === STATUS) return rest >= 0 && rest < HIDING_WITHIN_NS;
  return phase === MESSAGE_IN && rest < HIDING_WITHIN_NS;
}
