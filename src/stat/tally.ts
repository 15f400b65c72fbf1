import type { CommandView, Ending } from '../base/command.ts';
import { Directory } from './directory.ts';
import { Histogram, log2Floor } from './histogram.ts';
import { NATURES, type NatureIndex, READ, WRITE } from './natures.ts';
import { RateSeries } from './series.ts';

/** Latencies of 2^42 ns (73 minutes) and more share a bucket. */
const LATENCY_BITS = 42;
const QUEUE_BITS = 12;
/** EDTL has 32 bits: one size class for each power of two, and class 0 for no data. */
const SIZE_CLASSES = 33;
/** Bounds on what hostile traffic can make a tally remember. */
const OPERATIONS_MAX = 512;
const OUTCOMES_MAX = 64;

const GOOD = 0x00;
const CONDITION_MET = 0x04;

/** A number that can be counted up in place, so that counting under a key allocates nothing. */
export interface Count {
  count: number;
}

/** Commands of one nature. */
export class NatureTally {
  commands = 0;
  bytes = 0;
  /** Commands by floor(log2(EDTL)) + 1; class 0: no data. */
  readonly sizes = new Float64Array(SIZE_CLASSES);
  /** Nanoseconds, of commands whose status was seen. */
  readonly latency = new Histogram(LATENCY_BITS);

  record(view: CommandView, bytes: number): void {
    this.commands++;
    this.bytes += bytes;
    this.sizes[view.edtl > 0 ? Math.min(log2Floor(view.edtl) + 1, SIZE_CLASSES - 1) : 0]++;
    if (view.status >= 0 && view.latency >= 0) this.latency.record(view.latency);
  }
}

/** What is counted for the whole bus and again for each host, target, LU, and host at an LU. */
export class Tally {
  readonly natures: (NatureTally | undefined)[] = NATURES.map(() => undefined);
  readonly operations = new Directory<string, Count>({ left: OPERATIONS_MAX }, newCount);
  readonly queueDepth = new Histogram(QUEUE_BITS);
  readonly series = new RateSeries();
  /** Status, sense key, ASC and ASCQ in one number each: see `outcomeKey`. Only those that are not success. */
  readonly outcomes = new Directory<number, Count>({ left: OUTCOMES_MAX }, newCount);
  readonly endings: Record<Exclude<Ending, 'status'>, number> = {
    aborted: 0,
    'connection-lost': 0,
    'status-lost': 0,
    unfinished: 0,
  };
  commands = 0;
  errors = 0;

  record(view: CommandView, nature: NatureIndex, bytes: number, endNs: number): void {
    this.commands++;
    let of = this.natures[nature];
    if (of === undefined) {
      of = new NatureTally();
      this.natures[nature] = of;
    }
    of.record(view, bytes);
    this.operations.get(view.operation).count++;
    this.queueDepth.record(view.queueDepth);
    this.series.record(endNs, nature, bytes);
    if (view.status < 0) {
      if (view.ending !== 'status') this.endings[view.ending]++;
    } else if (view.status !== GOOD && view.status !== CONDITION_MET) {
      this.errors++;
      this.outcomes.get(outcomeKey(view)).count++;
    }
  }
}

/** Payload bytes that count as read or written: those of reads in, of writes out. */
export function mediumBytes(view: CommandView, nature: NatureIndex): number {
  return nature === READ ? view.dataIn : nature === WRITE ? view.dataOut : 0;
}

/** `status`, a bit that says whether there is sense, and key, ASC and ASCQ: 8 + 1 + 4 + 8 + 8 bits. */
export function outcomeKey(view: CommandView): number {
  const { status, sense } = view;
  if (sense === undefined) return status * 2 ** 21;
  return status * 2 ** 21 + 2 ** 20 + (sense.key & 15) * 65536 + (sense.asc & 255) * 256 + (sense.ascq & 255);
}

/** The parts of an `outcomeKey`. */
export function outcomeOf(key: number): { status: number; sense?: { key: number; asc: number; ascq: number } } {
  const status = Math.floor(key / 2 ** 21);
  if ((key & (2 ** 20)) === 0) return { status };
  return { status, sense: { key: (key >> 16) & 15, asc: (key >> 8) & 255, ascq: key & 255 } };
}

function newCount(): Count {
  return { count: 0 };
}
