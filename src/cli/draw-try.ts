import type { DemandReport, DemandSnapshot, LuDemand } from '../stat/demand.ts';
import { cut, paint, type Terminal } from './draw.ts';
import { countWords, plain, rateWords, sizeWords } from './draw-words.ts';

const LUS_SHOWN = 8;
/** Below this what is reckoned for an hour says little. */
const SHORT_SECONDS = 60;

export interface TryReport extends DemandReport {
  sources: readonly string[];
  /** Bytes that were on the bus but not in the capture: what they carried is not counted. */
  holes: { count: number; bytes: number };
}

/** The whole page; ends with a newline. */
export function drawTry({ seconds, total, lus, holes }: TryReport, terminal: Terminal): string {
  const busiest = [...lus].sort((a, b) => b.bytes - a.bytes).slice(0, LUS_SHOWN);
  const sections: string[][] = [
    [`To mirror this bus (${seconds.toFixed(3)} s captured)`, ...demandLines(total, terminal)],
  ];
  if (lus.length > 1) sections.push(...busiest.map((lu) => [nameOf(lu, terminal), ...demandLines(lu, terminal)]));
  if (lus.length > LUS_SHOWN) sections.push([`and ${countWords(lus.length - LUS_SHOWN)} more LUs (--json shows all)`]);
  const doubts = doubtLines(seconds, holes, total);
  if (doubts.length > 0) sections.push(['Mind that', ...doubts]);
  return `${sections.map(([title, ...rest]) => [paint(title, 'bold', terminal), ...rest].join('\n')).join('\n\n')}\n`;
}

function nameOf({ lu, blockSizeBytes, capacityBlocks }: LuDemand, terminal: Terminal): string {
  const bytes = blockSizeBytes * capacityBlocks;
  return cut(`LU ${plain(lu)}${bytes > 0 ? `, ${sizeWords(bytes)}` : ''}`, terminal.width, 'tail', terminal);
}

function demandLines(demand: DemandSnapshot, terminal: Terminal): string[] {
  if (demand.writes === 0) return ['nothing was written: a mirror has nothing to do'];
  const { writtenTo, historyBytesPerHour } = demand;
  const lines = [
    [
      'writes',
      `${countWords(demand.writes)}, ${sizeWords(demand.bytes)}, ${rateWords(demand.bytesPerSecond)} on the whole`,
    ],
    ...demand.bursts.map(({ seconds, bytes, bytesPerSecond }) => [
      `  worst ${spanWords(seconds)}`,
      `${rateWords(bytesPerSecond)} (${sizeWords(bytes)})`,
    ]),
    ...demand.links.map(({ recoverySeconds, bytesPerSecond, waitingBytes }) => [
      `link for ${spanWords(recoverySeconds)}`,
      `${bitsWords(bytesPerSecond)}, at most ${sizeWords(waitingBytes)} waiting`,
    ]),
    ['history', historyBytesPerHour === null ? '-' : `${sizeWords(historyBytesPerHour)} an hour`],
    ['written to', `${writtenTo.atLeast ? 'at least ' : ''}${sizeWords(writtenTo.bytes)} in chunks of 64 KiB`],
    ['flushes', countWords(demand.flushes)],
    ...demand.readBack.map(({ operation, commands, bytes }) => [
      'read back',
      `${plain(operation)}: ${countWords(commands)}${bytes > 0 ? `, ${sizeWords(bytes)}` : ''}; mirrors need \`first\``,
    ]),
    ...demand.unknown.map(({ operation, commands }) => [
      'unknown',
      `${plain(operation)}: ${countWords(commands)}; each makes mirrors be compared whole`,
    ]),
  ];
  const width = Math.max(...lines.map(([name]) => name.length));
  return lines.map(([name, words]) => cut(`${name.padEnd(width)}  ${words}`, terminal.width, 'head', terminal));
}

function doubtLines(seconds: number, holes: TryReport['holes'], { doubtful }: DemandSnapshot): string[] {
  const lines: string[] = [];
  if (seconds < SHORT_SECONDS) lines.push('the capture is short: an hour may be quite different');
  if (holes.count > 0) lines.push(`${sizeWords(holes.bytes)} are missing in the capture, and what they carried here`);
  if (doubtful > 0)
    lines.push(`${countWords(doubtful)} writes failed, or their end was not captured; they are counted all the same`);
  return lines;
}

/** As lines are sold: 12.5 Mbit/s. */
function bitsWords(bytesPerSecond: number): string {
  const bits = bytesPerSecond * 8;
  const [value, unit] =
    bits >= 1e9 ? [bits / 1e9, 'Gbit/s'] : bits >= 1e6 ? [bits / 1e6, 'Mbit/s'] : [bits / 1e3, 'kbit/s'];
  return `${value >= 100 ? countWords(value) : value.toPrecision(3)} ${unit}`;
}

function spanWords(seconds: number): string {
  if (seconds < 1) return `${seconds * 1000} ms`;
  if (seconds < 60) return `${seconds} s`;
  return seconds < 3600 ? `${Number((seconds / 60).toFixed(1))} min` : `${Number((seconds / 3600).toFixed(1))} h`;
}
