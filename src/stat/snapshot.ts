import { senseWords, statusWords } from '../../parsers/scsi/sense.ts';
import type { Ending, Sense } from '../base/command.ts';
import { OTHERS } from './directory.ts';
import type { Histogram } from './histogram.ts';
import { CONTROL, type NatureIndex, READ, WRITE } from './natures.ts';
import type { RegionsSnapshot } from './regions.ts';
import type { SeriesSnapshot } from './series.ts';
import { type NatureTally, outcomeOf, type Tally } from './tally.ts';

/** Nanoseconds from command to status. */
export interface LatencySnapshot {
  commands: number;
  min: number;
  mean: number;
  p50: number;
  p90: number;
  p95: number;
  p99: number;
  p999: number;
  max: number;
}

/** Commands whose Expected Data Transfer Length lies in `fromBytes` to `toBytes`, both included. */
export interface SizeClass {
  fromBytes: number;
  toBytes: number;
  commands: number;
}

export interface NatureSnapshot {
  commands: number;
  /** Payload bytes in of reads, out of writes; 0 for control. */
  bytes: number;
  /** Over the whole span of the statistics; null where that has no length. */
  commandsPerSecond: number | null;
  bytesPerSecond: number | null;
  latencyNs: LatencySnapshot | null;
  sizes: SizeClass[];
}

/** Commands that ended with one status and sense that is not success. */
export interface OutcomeSnapshot {
  commands: number;
  /** null: what came after the list was full. */
  status: number | null;
  words: string;
  sense: Sense | null;
}

export interface QueueSnapshot {
  mean: number;
  p50: number;
  p90: number;
  p99: number;
  max: number;
  histogram: { fromDepth: number; toDepth: number; commands: number }[];
}

export interface TallySnapshot {
  commands: number;
  errors: number;
  natures: { read: NatureSnapshot; write: NatureSnapshot; control: NatureSnapshot };
  operations: { operation: string; commands: number }[];
  queueDepth: QueueSnapshot;
  outcomes: OutcomeSnapshot[];
  withoutStatus: { total: number } & Record<Exclude<Ending, 'status'>, number>;
  series: SeriesSnapshot | null;
}

export interface LuSnapshot extends TallySnapshot {
  lu: string;
  /** 0 while unknown. */
  blockSizeBytes: number;
  capacityBlocks: number;
  designators: readonly string[];
  /** Share of reads and of writes (0 to 1) that begin where an earlier one ended; null without any. */
  sequentialReads: number | null;
  sequentialWrites: number | null;
  regions: RegionsSnapshot;
}

export interface StatSnapshot {
  /** From the first command to the last end of one. */
  firstUnixSeconds: number | null;
  seconds: number;
  total: TallySnapshot;
  hosts: ({ host: string } & TallySnapshot)[];
  targets: ({ target: string } & TallySnapshot)[];
  lus: LuSnapshot[];
  hostLus: ({ host: string; lu: string } & TallySnapshot)[];
  holes: { toTarget: HolesSnapshot; toHost: HolesSnapshot };
}

export interface HolesSnapshot {
  count: number;
  bytes: number;
}

/** `seconds`: the span that rates are taken over. */
export function tallySnapshot(tally: Tally, seconds: number): TallySnapshot {
  const nature = (index: NatureIndex): NatureSnapshot => natureSnapshot(tally.natures[index], seconds);
  const { endings } = tally;
  return {
    commands: tally.commands,
    errors: tally.errors,
    natures: { read: nature(READ), write: nature(WRITE), control: nature(CONTROL) },
    operations: tally.operations
      .list()
      .map(([operation, { count }]) => ({ operation, commands: count }))
      .sort(mostFirst),
    queueDepth: queueSnapshot(tally.queueDepth),
    outcomes: tally.outcomes
      .list()
      .map(([key, { count }]) => outcomeSnapshot(key, count))
      .sort(mostFirst),
    withoutStatus: { total: Object.values(endings).reduce((sum, count) => sum + count, 0), ...endings },
    series: tally.commands === 0 ? null : tally.series.snapshot(),
  };
}

function natureSnapshot(tally: NatureTally | undefined, seconds: number): NatureSnapshot {
  const { commands, bytes } = tally ?? { commands: 0, bytes: 0 };
  return {
    commands,
    bytes,
    commandsPerSecond: seconds > 0 ? commands / seconds : null,
    bytesPerSecond: seconds > 0 ? bytes / seconds : null,
    latencyNs: tally === undefined || tally.latency.count === 0 ? null : latencySnapshot(tally.latency),
    sizes: tally === undefined ? [] : sizeClasses(tally.sizes),
  };
}

function latencySnapshot(latency: Histogram): LatencySnapshot {
  return {
    commands: latency.count,
    min: latency.min,
    mean: Math.round(latency.mean),
    p50: latency.quantile(0.5),
    p90: latency.quantile(0.9),
    p95: latency.quantile(0.95),
    p99: latency.quantile(0.99),
    p999: latency.quantile(0.999),
    max: latency.max,
  };
}

function sizeClasses(sizes: Float64Array): SizeClass[] {
  const classes: SizeClass[] = [];
  sizes.forEach((commands, index) => {
    if (commands === 0) return;
    const fromBytes = index === 0 ? 0 : 2 ** (index - 1);
    classes.push({ fromBytes, toBytes: index === 0 ? 0 : 2 * fromBytes - 1, commands });
  });
  return classes;
}

function queueSnapshot(depth: Histogram): QueueSnapshot {
  return {
    mean: depth.mean,
    p50: depth.quantile(0.5),
    p90: depth.quantile(0.9),
    p99: depth.quantile(0.99),
    max: depth.max,
    histogram: depth.buckets().map(({ from, to, count }) => ({ fromDepth: from, toDepth: to, commands: count })),
  };
}

function outcomeSnapshot(key: number | typeof OTHERS, commands: number): OutcomeSnapshot {
  if (key === OTHERS) return { commands, status: null, words: 'other outcomes', sense: null };
  const { status, sense } = outcomeOf(key);
  const words = sense === undefined ? statusWords(status) : `${statusWords(status)}: ${senseWords(sense)}`;
  return { commands, status, words, sense: sense ?? null };
}

function mostFirst(a: { commands: number }, b: { commands: number }): number {
  return b.commands - a.commands;
}
