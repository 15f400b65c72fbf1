import type { SourceFault } from '../base/frames.ts';
import type { NatureSnapshot, StatSnapshot, TallySnapshot } from '../stat/snapshot.ts';
import { bar, columns, cut, highest, paint, sparkline, squeeze, type Terminal } from './draw.ts';
import { drawLus } from './draw-stat-lu.ts';
import { countWords, durationWords, perSecondWords, plain, rateWords, shareWords, sizeWords } from './draw-words.ts';

/** Rows shown of lists that may be long; the rest is told as a count. */
const OUTCOMES_SHOWN = 12;
const OPERATIONS_SHOWN = 12;
const NAMES_SHOWN = 16;

/** What was read: frames and streams are counted before any filter. */
export interface CaptureSummary {
  sources: readonly string[];
  frames: number;
  /** They are samples of a parallel bus. */
  samples?: true;
  bytes: number;
  seconds: number;
  streams: number;
  holes: number;
  holeBytes: number;
  faults: readonly SourceFault[];
  notices: readonly string[];
}

export interface StatReport extends StatSnapshot {
  capture: CaptureSummary;
}

/** The whole page, for a terminal of the given width and abilities; ends with a newline. */
export function drawStat(report: StatReport, terminal: Terminal): string {
  const { total } = report;
  const sections: string[][] = [drawHead(report, terminal)];
  if (total.commands > 0) {
    sections.push(
      drawNatures(total),
      drawLatency(total, terminal),
      drawRate(total, terminal),
      drawSizes(total, terminal),
      drawQueue(total),
      drawOperations(total, terminal),
      drawOutcomes(total, terminal),
      drawNamed('Hosts', 'host', report.hosts, (entry) => entry.host, terminal),
      drawNamed('Targets', 'target', report.targets, (entry) => entry.target, terminal),
      ...drawLus(report.lus, terminal),
    );
  }
  const lines = sections
    .filter((section) => section.length > 0)
    .map(([title, ...rest]) => [paint(title, 'bold', terminal), ...rest].join('\n'));
  return `${lines.join('\n\n')}\n`;
}

function drawHead({ capture, total, holes, hosts, targets, lus, seconds }: StatReport, terminal: Terminal): string[] {
  const parallel = capture.samples === true;
  const first = capture.sources[0] ?? '';
  const name = capture.sources.length > 1 ? `${first} and ${capture.sources.length - 1} more` : first;
  const lines = [
    cut(plain(name), terminal.width, 'tail', terminal),
    `${of(capture.frames, parallel ? 'sample' : 'frame')}, ${sizeWords(capture.bytes)}, ${capture.seconds.toFixed(3)} s, ${parallel ? 'a parallel bus' : of(capture.streams, 'TCP connection')}`,
    `${of(total.commands, 'command')} in ${seconds.toFixed(3)} s, ${of(hosts.length, 'host')}, ${of(targets.length, 'target')}, ${of(lus.length, 'LU')}`,
  ];
  const { count: gaps } = holes.toTarget;
  if (parallel && gaps > 0)
    lines.push(paint(`${of(gaps, 'hole')} in which nothing was seen of the bus`, 'yellow', terminal));
  for (const [where, { count, bytes }] of [
    ['to the target', holes.toTarget],
    ['to the host', holes.toHost],
  ] as const) {
    if (count > 0 && !parallel)
      lines.push(paint(`${of(count, 'hole')} ${where}: ${sizeWords(bytes)} missing`, 'yellow', terminal));
  }
  return lines;
}

function drawNatures({ natures: { read, write, control } }: TallySnapshot): string[] {
  const line = (name: string, nature: NatureSnapshot): string[] => [
    name,
    countWords(nature.commands),
    perSecondWords(nature.commandsPerSecond),
    sizeWords(nature.bytes),
    rateWords(nature.bytesPerSecond),
  ];
  const head = ['', 'commands', 'rate', 'bytes', 'throughput'];
  return ['Natures', ...columns([head, line('read', read), line('write', write), line('control', control)])];
}

function drawLatency({ natures: { read, write, control } }: TallySnapshot, { unicode }: Terminal): string[] {
  const line = (name: string, { latencyNs }: NatureSnapshot): string[] => {
    const { min, p50, p90, p95, p99, p999, max } = latencyNs ?? {};
    const cells = [min, p50, p90, p95, p99, p999, max];
    return [name, ...cells.map((ns) => (ns === undefined ? '-' : durationWords(ns, unicode)))];
  };
  const head = ['', 'min', 'p50', 'p90', 'p95', 'p99', 'p99.9', 'max'];
  return [
    'Latency from command to status',
    ...columns([head, line('read', read), line('write', write), line('control', control)]),
  ];
}

function drawRate({ series }: TallySnapshot, terminal: Terminal): string[] {
  if (series === null || series.reads.length < 2) return [];
  const width = terminal.width - 30;
  const line = (name: string, values: readonly number[], words: (perSecond: number) => string): string => {
    const cells = squeeze(values, width);
    const peak = `peak ${words(highest(values) / series.intervalSeconds)}`;
    return `${name.padEnd(9)} ${sparkline(cells, terminal)}  ${peak}`;
  };
  const commands = series.reads.map((reads, i) => reads + series.writes[i] + series.controls[i]);
  return [
    `Rate, from left to right (interval ${durationWords(series.intervalSeconds * 1e9, terminal.unicode)})`,
    line('read', series.bytesRead, rateWords),
    line('write', series.bytesWritten, rateWords),
    line('commands', commands, perSecondWords),
  ];
}

function drawSizes({ natures: { read, write } }: TallySnapshot, terminal: Terminal): string[] {
  const commands = (nature: NatureSnapshot, fromBytes: number): number =>
    nature.sizes.find((size) => size.fromBytes === fromBytes)?.commands ?? 0;
  const classes = [...new Set([...read.sizes, ...write.sizes].map((size) => size.fromBytes))].sort((a, b) => a - b);
  if (classes.length === 0) return [];
  const most = highest([...read.sizes, ...write.sizes].map((size) => size.commands));
  const width = Math.max(6, Math.floor((terminal.width - 12 - 2 * 18) / 2));
  const half = (nature: NatureSnapshot, fromBytes: number): string => {
    const count = commands(nature, fromBytes);
    const words = count === 0 ? '' : `${countWords(count)} (${shareWords(count / nature.commands)})`;
    return `${bar(count / most, width, terminal).padEnd(width)} ${words.padStart(16)}`;
  };
  const label = (fromBytes: number): string => (fromBytes === 0 ? 'no data' : sizeWords(fromBytes)).padStart(9);
  return [
    'Transfer sizes (each from the size shown to below its double)',
    `${''.padStart(9)}  ${'reads'.padEnd(width + 17)}  writes`,
    ...classes.map((from) => `${label(from)}  ${half(read, from)}  ${half(write, from)}`.trimEnd()),
  ];
}

function drawQueue({ queueDepth: { mean, p50, p90, p99, max } }: TallySnapshot): string[] {
  return [
    'Queue depth',
    `mean ${mean.toFixed(1)}, p50 ${countWords(p50)}, p90 ${countWords(p90)}, p99 ${countWords(p99)}, max ${countWords(max)}`,
  ];
}

function drawOperations({ operations, commands }: TallySnapshot, terminal: Terminal): string[] {
  const shown = operations.slice(0, OPERATIONS_SHOWN);
  const widest = shown.reduce((most, { operation }) => Math.max(most, operation.length), 0);
  const width = Math.max(6, terminal.width - widest - 22);
  const most = shown[0]?.commands ?? 0;
  return [
    'Operations',
    ...shown.map((entry) => {
      const words = `${countWords(entry.commands)} (${shareWords(entry.commands / commands)})`;
      return `${entry.operation.padEnd(widest)}  ${words.padStart(16)}  ${bar(entry.commands / most, width, terminal)}`;
    }),
    ...more(operations.length - shown.length),
  ];
}

function drawOutcomes({ outcomes, withoutStatus }: TallySnapshot, terminal: Terminal): string[] {
  const lines = outcomes.slice(0, OUTCOMES_SHOWN).map(({ commands, words }) => [commands, words] as const);
  for (const [words, count] of [
    ['no status: aborted', withoutStatus.aborted],
    ['no status: connection lost', withoutStatus['connection-lost']],
    ['no status: it was not captured', withoutStatus['status-lost']],
    ['no status: unfinished at the end', withoutStatus.unfinished],
  ] as const) {
    if (count > 0) lines.push([count, words]);
  }
  const shown = lines.map(([count, words]) =>
    cut(`${countWords(count).padStart(9)}  ${words}`, terminal.width, 'head', terminal),
  );
  const rest = more(outcomes.length - OUTCOMES_SHOWN);
  return shown.length === 0 ? [] : ['Outcomes that are not success', ...shown, ...rest];
}

function drawNamed<Entry extends TallySnapshot>(
  title: string,
  column: string,
  entries: readonly Entry[],
  name: (entry: Entry) => string,
  terminal: Terminal,
): string[] {
  const shown = entries.slice(0, NAMES_SHOWN);
  const p99 = ({ latencyNs }: NatureSnapshot): string =>
    latencyNs === null ? '-' : durationWords(latencyNs.p99, terminal.unicode);
  const cells = shown.map((entry) => {
    const { read, write } = entry.natures;
    const rates = [rateWords(read.bytesPerSecond), rateWords(write.bytesPerSecond)];
    return [countWords(entry.commands), ...rates, p99(read), p99(write), countWords(entry.errors)];
  });
  const table = [['commands', 'read', 'write', 'p99 read', 'p99 write', 'errors'], ...cells];
  const figures = highest(columns(table.map((line) => ['', ...line])).map((line) => line.length));
  const room = Math.max(12, terminal.width - figures);
  const names = [column, ...shown.map((entry) => cut(plain(name(entry)), room, 'tail', terminal))];
  const lines = columns(names.map((text, i) => [text, ...table[i]]));
  return [title, ...lines, ...more(entries.length - shown.length)];
}

function more(count: number): string[] {
  return count > 0 ? [`and ${countWords(count)} more (--json shows all)`] : [];
}

/** `1 frame`, `2 frames`. */
function of(count: number, what: string): string {
  return `${countWords(count)} ${what}${count === 1 ? '' : 's'}`;
}
