import type { Refusal } from '../../parsers/formats/linkGreeting.ts';
import type { LinkAnswer } from '../../parsers/formats/linkRequests.ts';
import { Fault } from '../base/fault.ts';

/** What a sender tells its owner of the far end. */
const LOOK = 'look at the far unit and at the network to it';

export function notMet(): Fault {
  return new Fault('local', 'the far end has not been met yet', LOOK, { unreachable: true });
}

export function silent(): Fault {
  return new Fault('local', 'the far end has not been heard of for 20 s', LOOK, { unreachable: true });
}

/** Before it is given up. */
export function quiet(): Fault {
  return new Fault('local', 'the far end is silent', LOOK, { unreachable: true });
}

export function ended(words: string): Fault {
  return new Fault('local', `the far end ended the connection: ${words}`, undefined, { unreachable: true });
}

export function refused({ words, mend, again }: Refusal): Fault {
  return new Fault('local', `the far end refuses: ${words}`, mend || undefined, { unreachable: again });
}

/** It lacks, or may lack, what it had called durable. */
export function lacking(words: string): Fault {
  return new Fault('local', words, 'what it may lack is compared and copied');
}

export function tooLarge(bytes: number, most: number): Fault {
  const what = `a change of ${bytes} bytes, and the far end takes ${most} at a time`;
  return new Fault('local', what, 'what it holds is compared and copied instead');
}

export function nonsense(words: string): Fault {
  return new Fault('peer', `the far end sent nonsense: ${words}`, 'see that both units are of one version');
}

/** It was asked before a break, and the far end is of an older version since. */
export const NO_TABLES: LinkAnswer = { kind: 'failed', words: 'no block table is kept there any more', mend: '' };

export function pausedText({ words, mend }: { words: string; mend: string }): string {
  return `the far end is paused: ${words}${mend && ` (${mend})`}`;
}
