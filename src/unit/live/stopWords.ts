import type { Log } from '../../../hw/log.ts';
import { Fault } from '../../base/fault.ts';
import type { MirrorStatus } from '../watch/status.ts';

/** Mirrors that lack something while a unit is being stopped. Nobody waits for one that cannot be reached, here or elsewhere. */
export function behindAtStop(mirrors: readonly MirrorStatus[]): MirrorStatus[] {
  return mirrors.filter(
    ({ state, link, behindBytes }) =>
      state !== 'broken' && state !== 'paused' && link?.connected !== false && behindBytes > 0,
  );
}

/** What an operator who waits for the end waits for. */
export function tellDraining(mirrors: readonly MirrorStatus[], log: Log): void {
  const behind = behindAtStop(mirrors);
  if (behind.length > 0) log.info('draining', { what: behindWords(behind) });
}

function behindWords(mirrors: readonly MirrorStatus[]): string {
  return mirrors.map(({ to, behindBytes }) => `${to} is ${behindBytes} bytes behind`).join(', ');
}

/** The time ran out for these. */
export function lateFault(late: readonly MirrorStatus[], withinMs: number): Fault {
  const why = `what was buffered could not all be written within ${withinMs / 1000} s: ${behindWords(late)}`;
  return new Fault('local', why, 'start the unit again: it repairs them');
}
