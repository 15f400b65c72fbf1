import { NoAnswer } from '../../hw/controlWire.ts';
import { Fault } from '../base/fault.ts';
import { ConfigFault } from '../unit/config/configFault.ts';
import type { UnitReport } from '../unit/replay/report.ts';
import type { VolumeStatus } from '../unit/watch/status.ts';
import { plain } from './draw-words.ts';

/** Exit statuses, the same for every command. */
export const EXIT = {
  ok: 0,
  /** It could not be done: a missing file, a mirror that broke, a configured volume that was never seen. */
  failed: 1,
  /** The command line or the configuration is wrong. */
  usage: 2,
  /** Finished (or stopped by an operator, or running), but not every block of every mirror can be vouched for. */
  unresolved: 3,
  /** No unit answers at the control socket. */
  noAnswer: 4,
  /** Stopped at once by a second SIGINT, or a second SIGTERM. */
  killed: 130,
  terminated: 143,
} as const;

/** A command line that makes no sense. */
export class UsageFault extends Fault {
  constructor(message: string, mend: string) {
    super('local', message, mend);
    this.name = 'UsageFault';
  }
}

/** What to print for an error, on standard error: one line, or one for each mistake of a configuration. */
export function errorLines(error: unknown, debug = false): string[] {
  if (error instanceof ConfigFault) return error.mistakes.map(plain);
  if (error instanceof Fault && error.blame !== 'bug') {
    const mend = error.mend === undefined ? '' : `; ${error.mend}`;
    return [plain(`tapmirror: ${error.message}${mend}`)];
  }
  const [words, stack] = error instanceof Error ? [error.message, error.stack ?? ''] : [String(error), ''];
  const lines = [
    plain(`tapmirror: a mistake in tapmirror itself: ${words}; please report it, with TAPMIRROR_DEBUG=1 set`),
  ];
  return debug ? [...lines, ...stack.split('\n').map(plain)] : lines;
}

export function exitOfError(error: unknown): number {
  if (error instanceof NoAnswer) return EXIT.noAnswer;
  return error instanceof UsageFault || error instanceof ConfigFault ? EXIT.usage : EXIT.failed;
}

/** The exit status that a running unit's status stands for: a mirror that somebody has to look after is told. */
export function exitOfStatus({ volumes }: { volumes: readonly Pick<VolumeStatus, 'mirrors'>[] }): number {
  const states = volumes.flatMap(({ mirrors }) => mirrors.map(({ state }) => state));
  return states.some((state) => state === 'broken' || state === 'paused') ? EXIT.unresolved : EXIT.ok;
}

/** The exit status that a report stands for. */
export function exitOfReport(report: UnitReport): number {
  const mirrors = report.volumes.flatMap((volume) => volume.mirrors);
  if (mirrors.some(({ state }) => state === 'broken' || state === 'paused')) return EXIT.failed;
  const doubted = report.volumes.some(({ unresolved }) => unresolved.length > 0);
  return doubted || report.interrupted ? EXIT.unresolved : EXIT.ok;
}
