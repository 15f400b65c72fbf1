/** A moment as a person wrote it, in every way that the word can be meant; the unit knows its bookmarks and chooses. */
export interface MomentWord {
  words: string;
  /** A bookmark of this name. */
  mark?: string;
  sequence?: number;
  /** Nanoseconds since 1970, in decimal. */
  time?: string;
}

const PREFIXED = /^(mark|seq|time):(.*)$/s;
/** ISO 8601 with as many decimals as `tapmirror history` shows; without a zone it is this machine's own. */
const ISO = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?:\s*(Z|[+-]\d\d(?::?\d\d)?))?)?$/i;
/** Clocks differ: what lies so little ahead is meant as now. */
export const AHEAD_MS = 60_000;

/**
 * Reads `NAME`, `SEQUENCE` or a time as people write them: ISO 8601 with or without a zone, `10 minutes ago`, `-15m`,
 * `yesterday 14:00`. `mark:`, `seq:` or `time:` before it says what is meant. A time that is not past is none.
 */
export async function readMoment(words: string, nowMs: number): Promise<MomentWord> {
  const [, prefix, rest] = PREFIXED.exec(words) ?? [undefined, undefined, words];
  const text = rest.trim();
  const sequence = /^\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : undefined;
  const wanted = (what: string): boolean => prefix === undefined || prefix === what;
  const time = wanted('time') && sequence === undefined ? await timeOf(text, nowMs) : undefined;
  return {
    words: text,
    ...(wanted('mark') && text !== '' ? { mark: text } : {}),
    ...(wanted('seq') && sequence !== undefined ? { sequence } : {}),
    ...(time === undefined ? {} : { time: String(time) }),
  };
}

/** Nanoseconds since 1970, or undefined for what is no time of the past. */
async function timeOf(text: string, nowMs: number): Promise<bigint | undefined> {
  const time = ISO.test(text) ? isoTime(text) : (await import('./moment-said.ts')).saidTime(text, nowMs);
  return time !== undefined && time >= 0n && time <= BigInt(nowMs + AHEAD_MS) * 1_000_000n ? time : undefined;
}

function isoTime(text: string): bigint | undefined {
  const match = ISO.exec(text);
  if (match === null) return undefined;
  const [, date, minute = '00:00', second = '00', decimals = '', zone = ''] = match;
  const ms = Date.parse(`${date}T${minute}:${second}${zoneWords(zone)}`);
  if (Number.isNaN(ms)) return undefined;
  return BigInt(ms) * 1_000_000n + BigInt(decimals.padEnd(9, '0'));
}

/** As `Date.parse` takes it: `+02` and `+0200` are `+02:00`. */
function zoneWords(zone: string): string {
  const match = /^([+-]\d\d):?(\d\d)?$/.exec(zone);
  return match === null ? zone.toUpperCase() : `${match[1]}:${match[2] ?? '00'}`;
}
