import { BUS_NOTICES } from './busNotices.ts';
import type { Message } from './message.ts';
import { ERRORS } from './messageErrors.ts';
import { LINES } from './messageLines.ts';
import { MIRROR_NOTICES } from './mirrorNotices.ts';

export { ERRORS, LINES };

/** `text` of notices. */
export const NOTICES: readonly Message[] = [...BUS_NOTICES, ...MIRROR_NOTICES];

/** The three tables in Markdown, as the README has them. */
export function messagesText(): string {
  return [
    table('`message` of a line', LINES),
    table('`text` of a notice', NOTICES),
    table('words of an error', ERRORS),
  ].join('\n\n');
}

function table(head: string, all: readonly Message[]): string {
  const rows = all.map(({ says, means, mend }) => `| ${says} | ${means} | ${mend || '-'} |`);
  return [`| ${head} | meaning | mend |`, '|---|---|---|', ...rows].join('\n');
}

/** Whether the catalogue has this text of a notice, in which `…` stands for what is not known before. */
export function isKnownNotice(text: string): boolean {
  return NOTICES.some(({ says }) => fits(says, text));
}

function fits(says: string, text: string): boolean {
  const pattern = says
    .split('…')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('[\\s\\S]*');
  return new RegExp(`^${pattern}$`).test(text);
}
