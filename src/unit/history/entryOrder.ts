import { Fault } from '../../base/fault.ts';
import type { EntryPlace } from '../../base/ordered.ts';

/**
 * Throws a `Fault` of the peer's unless an entry at `place` follows `last` (undefined: nothing was there): behind its
 * neighbour of the same epoch, or as the first of another one. An entry behind one that is missing would make moments that
 * never were; and where a failed flush took an epoch's entries back, the next of them finds another epoch's before it.
 */
export function refuseGap(last: EntryPlace | undefined, { epoch, number }: EntryPlace): void {
  if (!Number.isSafeInteger(number) || number < 1) throw new Fault('peer', `an entry of number ${number}`);
  const before = last?.epoch === epoch ? last.number : 0;
  if (number === before + 1) return;
  throw new Fault('peer', `entry ${number} came behind entry ${before}`, 'resume behind what is durable');
}
