import type { MirrorStatus, UnitStatus } from '../unit/watch/status.ts';
import { plain } from './draw-words.ts';

/** How a unit stands in one line, for `systemctl status`: where it is, how many mirrors are how, and what the first fault is. */
export function serviceWords({ source, volumes }: UnitStatus): string {
  const mirrors = volumes.flatMap(({ mirrors }) => mirrors);
  const counts = new Map<string, number>();
  for (const { state } of mirrors) counts.set(state, (counts.get(state) ?? 0) + 1);
  const all = [...counts].map(([state, count]) => `${count} ${state}`).join(', ');
  const fault = mirrors.find(({ error }) => error !== undefined);
  return [source.text, all || 'no mirrors', ...(fault === undefined ? [] : [faultWords(fault)])].map(plain).join('; ');
}

/** The same words as everywhere else. */
function faultWords({ to, state, error }: MirrorStatus): string {
  return `${to} is ${state}: ${error?.message ?? ''}`;
}
