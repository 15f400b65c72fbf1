import { casual } from 'chrono-node/en';
import { AHEAD_MS } from './moment.ts';

const DAY_MS = 86_400_000;

/** The time that people say, in nanoseconds since 1970: "10 minutes ago", "yesterday 14:00". Undefined: it says none. */
export function saidTime(text: string, nowMs: number): bigint | undefined {
  const [found, ...more] = casual.parse(text, new Date(nowMs));
  // A word among others that could be a time says nothing: a bookmark may be called "upgrade at noon".
  if (found === undefined || more.length > 0 || found.text.length !== text.length || found.end) return undefined;
  const ms = found.date().getTime();
  const past = ms <= nowMs + AHEAD_MS || found.start.isCertain('day') ? ms : ms - DAY_MS * agoDays(found.start);
  return BigInt(past) * 1_000_000n;
}

/** "17:00" in the morning is yesterday's; "friday" is the last one. */
function agoDays(start: { isCertain(part: 'weekday'): boolean }): number {
  return start.isCertain('weekday') ? 7 : 1;
}
