import type { Fault } from '../../base/fault.ts';
import type { LateVolume } from '../lu/lateVolume.ts';

/** A mirror that is not there, or was paused, begins as broken. */
export function faultOf({ opened, fault }: LateVolume, held: Fault | undefined): { fault?: Fault } {
  if (held) return { fault: held };
  return opened ? {} : { fault };
}

export function heldOf(held: Fault | undefined): { held?: Fault } {
  return held ? { held } : {};
}

export function sharedOrder(order: number | undefined): { order?: number } {
  return order === undefined ? {} : { order };
}
