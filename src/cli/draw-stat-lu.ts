import type { RegionsSnapshot } from '../stat/regions.ts';
import type { LuSnapshot } from '../stat/snapshot.ts';
import { bar, columns, cut, highest, sparkline, spread, type Terminal } from './draw.ts';
import { countWords, durationWords, plain, rateWords, shareWords, sizeWords } from './draw-words.ts';

const LUS_SHOWN = 8;
const REGIONS_SHOWN = 5;

/** A section per LU, the busiest first, and a line for those left out. */
export function drawLus(lus: readonly LuSnapshot[], terminal: Terminal): string[][] {
  const busiest = [...lus].sort((a, b) => b.commands - a.commands);
  const sections = busiest.slice(0, LUS_SHOWN).map((lu) => drawLu(lu, terminal));
  const left = lus.length - sections.length;
  if (left > 0) sections.push([`and ${countWords(left)} more LUs (--json shows all)`]);
  return sections;
}

function drawLu(lu: LuSnapshot, terminal: Terminal): string[] {
  const { read, write } = lu.natures;
  const p99 = (latency: typeof read.latencyNs): string =>
    latency === null ? '-' : durationWords(latency.p99, terminal.unicode);
  const share = (sequential: number | null): string => (sequential === null ? '-' : shareWords(sequential));
  const line = (name: string, nature: typeof read, sequential: number | null): string[] => [
    name,
    countWords(nature.commands),
    sizeWords(nature.bytes),
    rateWords(nature.bytesPerSecond),
    p99(nature.latencyNs),
    share(sequential),
  ];
  return [
    cut(`LU ${plain(lu.lu)}`, terminal.width, 'tail', terminal),
    ...mediumLine(lu, terminal),
    ...columns([
      ['', 'commands', 'bytes', 'throughput', 'p99', 'sequential'],
      line('read', read, lu.sequentialReads),
      line('write', write, lu.sequentialWrites),
    ]),
    `queue depth p50 ${countWords(lu.queueDepth.p50)}, max ${countWords(lu.queueDepth.max)}; errors ${countWords(lu.errors)}; without a status ${countWords(lu.withoutStatus.total)}`,
    ...drawRegions(lu, terminal),
  ];
}

function mediumLine({ capacityBlocks, blockSizeBytes, designators }: LuSnapshot, terminal: Terminal): string[] {
  const words: string[] = [];
  if (capacityBlocks > 0 && blockSizeBytes > 0) words.push(sizeWords(capacityBlocks * blockSizeBytes));
  if (capacityBlocks > 0) words.push(`${countWords(capacityBlocks)} blocks`);
  if (blockSizeBytes > 0) words.push(`of ${countWords(blockSizeBytes)} bytes`);
  words.push(...designators.map(plain));
  return words.length === 0 ? [] : [cut(words.join(' '), terminal.width, 'head', terminal)];
}

function drawRegions({ regions, capacityBlocks, blockSizeBytes }: LuSnapshot, terminal: Terminal): string[] {
  const { regionBlocks, map } = regions;
  if (map.blocksRead.length === 0) return [];
  const whole = Math.max(map.blocksRead.length, Math.ceil(capacityBlocks / regionBlocks));
  const size = blockSizeBytes > 0 ? `, ${sizeWords(regionBlocks * blockSizeBytes)}` : '';
  const picture = (values: readonly number[]): string => sparkline(spread(values, whole, terminal.width - 6), terminal);
  const lines = [`where on the LU, from LBN 0 (left) to ${countWords(whole * regionBlocks - 1)}:`];
  if (highest(map.blocksRead) > 0) lines.push(`read  ${picture(map.blocksRead)}`.trimEnd());
  if (highest(map.blocksWritten) > 0) lines.push(`write ${picture(map.blocksWritten)}`.trimEnd());
  lines.push(`hot regions (${countWords(regionBlocks)} blocks${size} each):`);
  lines.push(...hottest(regions, terminal));
  return lines;
}

function hottest({ byReads, byWrites, regionBlocks }: RegionsSnapshot, terminal: Terminal): string[] {
  const shown = [
    ...byReads.slice(0, REGIONS_SHOWN).map(({ lbn, reads }) => ({ name: 'read', lbn, count: reads })),
    ...byWrites.slice(0, REGIONS_SHOWN).map(({ lbn, writes }) => ({ name: 'write', lbn, count: writes })),
  ];
  const most = highest(shown.map(({ count }) => count));
  const labels = columns(
    shown.map(({ name, lbn, count }) => [name, `LBN ${lbn}-${lbn + regionBlocks - 1}`, countWords(count)]),
  );
  const room = terminal.width - highest(labels.map((label) => label.length)) - 2;
  const width = Math.max(6, Math.min(40, room));
  return shown.map(({ count }, i) => `${labels[i]}  ${bar(count / most, width, terminal)}`);
}
