import type { GroupReport } from '../unit/received/groupReceived.ts';
import type { HistoryReport } from '../unit/received/receivedVolume.ts';
import type { MomentWords } from '../unit/watch/momentWords.ts';
import { columns, paint, type Terminal } from './draw.ts';
import { ageWords } from './draw-status.ts';
import { countWords, plain, sizeWords } from './draw-words.ts';

/** Columns of a row beside the timeline. */
const MARGIN = 4;
const LINE_MAX = 96;

/** What is kept of a volume's past: a line of time, and each bookmark a row. */
export function drawHistory(history: HistoryReport & Partial<GroupReport>, terminal: Terminal, nowMs: number): string {
  const { volume, group, volumes = [], why, bytes, entries, windowMs, oldest, newest, damage } = history;
  const title = group === undefined ? volume : `group ${group}: ${volumes.join(', ')}`;
  const lines = [
    paint(plain(title), 'bold', terminal),
    `  ${sizeWords(bytes)} of ${countWords(entries)} entries; at most ${spanWords(windowMs)} are kept`,
  ];
  if (newest.at === null) {
    lines.push(why === undefined ? '  Nothing has come yet.' : `  No moment in common: ${plain(why)}.`);
    return `${lines.join('\n')}\n`;
  }
  lines.push(`  oldest   ${momentLine(oldest, nowMs)}`, `  newest   ${momentLine(newest, nowMs)}`);
  if (damage !== undefined) lines.push(paint(`  damaged: ${plain(damage)}`, 'red', terminal));
  lines.push(...timeline(history, terminal), ...table(history, terminal, nowMs));
  if (!newest.consistent) {
    const words = 'The newest moment is not one that the first volume had: what is missing is on its way.';
    lines.push('', paint(words, 'yellow', terminal));
  }
  return `${lines.join('\n')}\n`;
}

function momentLine({ at, sequence, consistent }: MomentWords, nowMs: number): string {
  const doubt = consistent ? '' : ', inconsistent';
  return `${shown(at)}  sequence ${sequence}, ${at === null ? 'before anything came' : `${ageWords(at, nowMs)} ago`}${doubt}`;
}

/** The kept window from left to right: where it is consistent, and where bookmarks stand. */
function timeline({ oldest, newest, spans, bookmarks }: HistoryReport, terminal: Terminal): string[] {
  const from = Date.parse((oldest.at ?? spans[0]?.to.at ?? newest.at) as string);
  const to = Date.parse(newest.at as string);
  const width = Math.min(LINE_MAX, terminal.width - MARGIN);
  if (!(to > from)) return [];
  const cell = (at: string | null): number => {
    const share = at === null ? 0 : (Date.parse(at) - from) / (to - from);
    return Math.max(0, Math.min(width - 1, Math.floor(share * width)));
  };
  const [sound, doubt, mark] = terminal.unicode ? ['─', '·', '●'] : ['-', '.', 'o'];
  const cells = new Array<string>(width).fill(sound);
  // An inconsistent moment that is shorter than a cell is shown all the same.
  for (const span of spans) if (!span.consistent) cells.fill(doubt, cell(span.from.at), cell(span.to.at) + 1);
  for (const { at } of bookmarks) cells[cell(at)] = mark;
  const legend = `${sound} consistent  ${doubt} inconsistent  ${mark} bookmark`;
  return ['', `  ${cells.join('')}`, paint(`  ${legend}`, 'dim', terminal)];
}

function table(
  { bookmarks, group }: HistoryReport & Partial<GroupReport>,
  terminal: Terminal,
  nowMs: number,
): string[] {
  if (bookmarks.length === 0) {
    const how = group === undefined ? 'mark NAME' : `mark NAME --group ${plain(group)}`;
    return ['', `  No bookmarks; \`tapmirror ${how}\` at the sending unit sets one.`];
  }
  const rows = columns([
    ['  BOOKMARK', 'TIME', 'AGE', 'SEQUENCE', 'STATE'],
    ...bookmarks.map(({ name, at, sequence, consistent }) => [
      `  ${plain(name)}`,
      shown(at),
      at === null ? '-' : ageWords(at, nowMs),
      String(sequence),
      consistent ? 'consistent' : 'inconsistent',
    ]),
  ]);
  return [
    '',
    rows[0],
    ...rows.slice(1).map((row, i) => (bookmarks[i].consistent ? row : paint(row, 'yellow', terminal))),
  ];
}

/** To the millisecond: what is shown can be written after `--to`. */
function shown(at: string | null): string {
  if (at === null) return '-';
  const time = Date.parse(at);
  return Number.isNaN(time) ? plain(at) : new Date(time).toISOString();
}

/** A length of time in its largest whole unit. */
export function spanWords(ms: number): string {
  const units: [number, string][] = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'min'],
    [1000, 's'],
  ];
  const [size, unit] = units.find(([size]) => ms >= size && ms % size === 0) ?? [1, 'ms'];
  return `${countWords(ms / size)} ${unit}`;
}
