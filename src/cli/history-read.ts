import { Fault } from '../base/fault.ts';
import type { GroupReport } from '../unit/received/groupReceived.ts';
import type { HistoryReport } from '../unit/received/receivedVolume.ts';
import type { MomentWords } from '../unit/watch/momentWords.ts';

type Keys = Readonly<Record<string, unknown>>;

/** What a unit answered, as a history. It may be of another version: what is missing takes its empty value. */
export function readHistory(answer: unknown): HistoryReport & Partial<GroupReport> {
  const one = keys(answer);
  if (!Array.isArray(one.bookmarks)) {
    throw new Fault('peer', "the unit's answer has no bookmarks in it", "use the tapmirror of the unit's own version");
  }
  const spans = Array.isArray(one.spans) ? one.spans.map(keys) : [];
  return {
    volume: text(one.volume),
    windowMs: count(one.windowMs),
    bytes: count(one.bytes),
    entries: count(one.entries),
    oldest: readMomentWords(one.oldest),
    newest: readMomentWords(one.newest),
    bookmarks: one.bookmarks.map((mark) => ({ name: text(keys(mark).name), ...readMomentWords(mark) })),
    spans: spans.map(({ from, to, consistent }) => ({
      from: readMomentWords(from),
      to: readMomentWords(to),
      consistent: consistent === true,
    })),
    ...(typeof one.damage === 'string' ? { damage: one.damage } : {}),
    ...(typeof one.group === 'string' ? { group: one.group } : {}),
    ...(Array.isArray(one.volumes) ? { volumes: one.volumes.map(text) } : {}),
    ...(typeof one.why === 'string' ? { why: one.why } : {}),
  };
}

export function readMomentWords(value: unknown): MomentWords {
  const { at, sequence, consistent } = keys(value);
  return { at: typeof at === 'string' ? at : null, sequence: count(sequence), consistent: consistent === true };
}

function keys(value: unknown): Keys {
  return typeof value === 'object' && value !== null ? (value as Keys) : {};
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function count(value: unknown): number {
  return typeof value === 'number' && value >= 0 ? value : 0;
}
