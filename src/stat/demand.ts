import { operations } from '../../parsers/scsi/opcodes.ts';
import type { Effect } from '../../parsers/scsi/operation.ts';
import type { LuId } from '../base/change.ts';
import type { CommandView } from '../base/command.ts';
import type { LuFacts, SnoopSink } from '../base/sink.ts';
import { backlogAt, burstIn, rateFor, type Slots } from './backlog.ts';
import { Directory } from './directory.ts';
import { WRITE } from './natures.ts';
import { RateSeries } from './series.ts';

const LUS_MAX = 128;
const OPERATIONS_MAX = 64;
/** Fine enough for bursts of a second in a capture of more than an hour. */
const SLOTS = 4096;
/** Chunks that are told apart; with the default size 64 GiB that were written to. */
const CHUNKS_MAX = 1 << 20;
const CHUNK_BYTES = 65_536;
/** A change costs a journey link and a queue so much besides its data (`parsers/formats/queueEntry.ts`). */
const ENTRY_BYTES = 128;
const BURST_SECONDS = [1, 10, 60] as const;

/** Whether mirrors get a command's effect from the bus, or must read it back from the first volume. */
export type Carriage = 'data' | 'readBack' | 'unknown';

export interface DemandOptions {
  /** Recovery points that a bandwidth is wanted for, in seconds. */
  recoverySeconds: readonly number[];
}

/** Of an LU, or of all together. Rates in bytes a second. */
export interface DemandSnapshot {
  writes: number;
  /** Of data that hosts sent and mirrors must write. */
  bytes: number;
  bytesPerSecond: number | null;
  bursts: { seconds: number; bytes: number; bytesPerSecond: number }[];
  /** What a link must carry so that nothing is later than the recovery point, and what waits for it at most. */
  links: { recoverySeconds: number; bytesPerSecond: number; waitingBytes: number }[];
  /** What the queue of a mirror with a history grows by. */
  historyBytesPerHour: number | null;
  /** Chunks of 64 KiB that were written to, in bytes: the record's hot set. `atLeast`: there were more than are told apart. */
  writtenTo: { bytes: number; atLeast: boolean };
  /** SYNCHRONIZE CACHE commands. */
  flushes: number;
  /** Write-natured commands whose effect is not in their data, and those that no standard defines. */
  readBack: { operation: string; commands: number; bytes: number }[];
  unknown: { operation: string; commands: number }[];
  /** Writes whose outcome the capture does not show, or that failed so that a part may have been written. */
  doubtful: number;
}

export interface LuDemand extends DemandSnapshot {
  lu: LuId;
  blockSizeBytes: number;
  capacityBlocks: number;
}

export interface DemandReport {
  seconds: number;
  total: DemandSnapshot;
  lus: LuDemand[];
}

/**
 * What mirroring a bus would need, from its commands alone: fed with every command of a capture, asked once at the end.
 * Memory is bounded for a capture of any length.
 */
export class DemandCollector implements SnoopSink {
  readonly #options: DemandOptions;
  readonly #total = new Demand();
  readonly #lus = new Directory<LuId, Demand>({ left: LUS_MAX }, () => new Demand());
  readonly #facts = new Map<LuId, LuFacts>();
  #firstNs = Number.POSITIVE_INFINITY;
  #lastNs = 0;

  constructor(options: DemandOptions) {
    this.#options = options;
  }

  command(view: CommandView): void {
    const startNs = Number(view.at);
    const endNs = view.latency > 0 ? startNs + view.latency : startNs;
    this.#firstNs = Math.min(this.#firstNs, startNs);
    this.#lastNs = Math.max(this.#lastNs, endNs);
    const flush = view.operation.startsWith('SYNCHRONIZE CACHE');
    const unknown = view.operation.startsWith('UNKNOWN(');
    if (view.nature !== 'write' && !flush && !(unknown && view.dataOut > 0)) return;
    this.#total.record(view, endNs, flush);
    this.#lus.get(view.lu).record(view, endNs, flush);
  }

  facts(facts: LuFacts): void {
    if (this.#facts.has(facts.lu) || this.#facts.size < LUS_MAX) this.#facts.set(facts.lu, facts);
  }

  report(): DemandReport {
    const seconds = this.#lastNs > this.#firstNs ? (this.#lastNs - this.#firstNs) / 1e9 : 0;
    const { recoverySeconds } = this.#options;
    return {
      seconds,
      total: this.#total.snapshot(seconds, recoverySeconds),
      lus: this.#lus.list().map(([lu, demand]) => {
        const facts = this.#facts.get(lu);
        const medium = { blockSizeBytes: facts?.blockSize ?? 0, capacityBlocks: facts?.blocks ?? 0 };
        return { lu, ...medium, ...demand.snapshot(seconds, recoverySeconds) };
      }),
    };
  }
}

interface Counts {
  commands: number;
  bytes: number;
}

class Demand {
  readonly #series = new RateSeries(SLOTS);
  readonly #chunks = new Set<number>();
  readonly #readBack = newCounts();
  readonly #unknown = newCounts();
  #chunksLost = false;
  #writes = 0;
  #bytes = 0;
  #flushes = 0;
  #doubtful = 0;

  record(view: CommandView, endNs: number, flush: boolean): void {
    if (flush) {
      this.#flushes++;
      return;
    }
    const extent = view.blocks > 0 && view.blockSize > 0 ? view.blocks * view.blockSize : 0;
    const carriage = carriageOf(view.operation);
    if (carriage !== 'data') {
      const counts = (carriage === 'unknown' ? this.#unknown : this.#readBack).get(view.operation);
      counts.commands++;
      counts.bytes += extent;
    }
    if (view.nature !== 'write') return;
    this.#writes++;
    if (view.status !== 0) this.#doubtful++;
    const bytes = carriage === 'data' ? view.dataOut : extent;
    this.#bytes += bytes;
    this.#series.record(endNs, WRITE, bytes + ENTRY_BYTES);
    if (view.lbn >= 0 && extent > 0) this.#touch(view.lbn * view.blockSize, extent);
  }

  snapshot(seconds: number, recoverySeconds: readonly number[]): DemandSnapshot {
    const { bytesWritten, intervalSeconds } = this.#series.snapshot();
    const slots: Slots = { bytes: bytesWritten, seconds: intervalSeconds };
    const sent = bytesWritten.reduce((sum, bytes) => sum + bytes, 0);
    return {
      writes: this.#writes,
      bytes: this.#bytes,
      bytesPerSecond: seconds > 0 ? this.#bytes / seconds : null,
      bursts: BURST_SECONDS.filter((window) => window <= seconds && window >= intervalSeconds).map((window) => {
        const bytes = burstIn(window, slots);
        return { seconds: window, bytes, bytesPerSecond: bytes / window };
      }),
      links: recoverySeconds.map((late) => {
        // Hosts go on after the capture's end: a link that is slower than their mean falls ever further behind.
        const rate = Math.max(rateFor(late, slots), seconds > 0 ? sent / seconds : 0);
        return { recoverySeconds: late, bytesPerSecond: rate, waitingBytes: backlogAt(rate, slots).bytes };
      }),
      historyBytesPerHour: seconds > 0 ? (sent / seconds) * 3600 : null,
      writtenTo: { bytes: this.#chunks.size * CHUNK_BYTES, atLeast: this.#chunksLost },
      flushes: this.#flushes,
      readBack: this.#readBack.list().map(([operation, counts]) => ({ operation, ...counts })),
      unknown: this.#unknown.list().map(([operation, { commands }]) => ({ operation, commands })),
      doubtful: this.#doubtful,
    };
  }

  #touch(offset: number, length: number): void {
    const last = Math.floor((offset + length - 1) / CHUNK_BYTES);
    for (let chunk = Math.floor(offset / CHUNK_BYTES); chunk <= last; chunk++) {
      if (this.#chunks.size >= CHUNKS_MAX && !this.#chunks.has(chunk)) {
        this.#chunksLost = true;
        return;
      }
      this.#chunks.add(chunk);
    }
  }
}

/** Effects that the bytes on the bus tell whole (requirement B3). */
const CARRIED: ReadonlySet<Effect> = new Set(['none', 'data', 'same', 'unmap', 'compareWrite', 'scattered', 'or']);
const carriages = new Map<string, Carriage>();
for (const { name, effect } of operations) carriages.set(name, CARRIED.has(effect) ? 'data' : 'readBack');

function carriageOf(operation: string): Carriage {
  return carriages.get(operation) ?? 'unknown';
}

function newCounts(): Directory<string, Counts> {
  return new Directory({ left: OPERATIONS_MAX }, () => ({ commands: 0, bytes: 0 }));
}
