import type { LeaseRoom, LuId } from '../../base/change.ts';
import type { Burst, BusFacts, SampleSink } from '../../base/samples.ts';
import type { LuFacts, SnoopSink } from '../../base/sink.ts';
import type { Bus } from '../bus.ts';
import { claimedLu, doubtAll, learn } from '../lu/claimed.ts';
import { type LuClaim, LuDirectory } from '../lu/directory.ts';
import { Journal } from '../lu/journal.ts';
import type { Outstanding } from '../lu/outstanding.ts';
import { Notices } from '../notices.ts';
import { Nexuses } from './nexuses.ts';
import { Phases } from './phases.ts';
import type { PhaseView } from './phaseView.ts';
import { Processes } from './processes.ts';
import { Settle } from './settle.ts';
import { type BusWord, busWord } from './word.ts';

export type { PhaseView };

export interface ParallelOptions {
  sink: SnoopSink;
  /** Where write data is kept; without it (decode, stat) payloads are only counted. */
  room?: LeaseRoom;
  /** The configured volumes; those named `scsi:ID/LUN` are of this bus. */
  volumes?: readonly LuClaim[];
  settleMs?: number;
  /** Every phase of the bus, in order. */
  phase?: (view: PhaseView) => void;
}

/** Pulses shorter than this are none, where nothing faster than Fast-10 was agreed on (SPI-5 section 9.1). */
const SETTLE_NS = 28;

/** Samples of a parallel SCSI bus in, findings out: what `Snoop` is for frames. Synchronous, without I/O or a clock. */
export class ParallelSnoop implements SampleSink {
  /** Samples and bursts so far: what a command's row calls its frame. */
  samples = 0;
  /** Holes, as the source marked them. */
  holes = 0;
  firstTime = 0;
  lastTime = 0;
  private readonly bus: Bus;
  private readonly journal: Journal;
  private readonly processes: Processes;
  private readonly nexuses: Nexuses;
  private readonly phases: Phases;
  private readonly settle: Settle;
  private timed = false;
  private begun = false;
  private lastTick = 0;

  constructor(options: ParallelOptions) {
    const { sink, room, volumes = [], settleMs = 30_000 } = options;
    const notices = new Notices(sink);
    this.bus = {
      sink,
      room,
      directory: new LuDirectory(volumes),
      now: 0,
      origin: 0n,
      seq: 0,
      reorderNs: -1,
      settleNs: settleMs * 1e6,
      own: new Set(),
      began: undefined,
      notice: (key, text) => notices.tell(key, text),
    };
    this.journal = new Journal(this.bus);
    this.processes = new Processes(this.bus, this.journal);
    this.nexuses = new Nexuses(this.bus, this.processes);
    this.nexuses.tell(options.phase);
    this.phases = new Phases(this.nexuses);
    this.settle = new Settle((time, word) => this.lines(time, word));
  }

  begin(facts: BusFacts): void {
    // A second trace: what lies between the two nobody saw.
    if (this.begun) this.lost(this.lastTime, Number.POSITIVE_INFINITY);
    this.begun = true;
    this.timed = facts.timed;
    this.nexuses.timed = facts.timed;
    this.nexuses.departures.timed = facts.timed;
    this.nexuses.agreements.narrow = facts.width === 8;
    this.phases.timed = facts.timed;
    this.phases.parity = facts.parity;
  }

  sample(time: number, control: number, data: number, parity: number): void {
    this.seen(time);
    const word = busWord(control, data, parity);
    if (this.timed) this.settle.push(time, word);
    else this.lines(time, word);
  }

  burst(burst: Burst): void {
    this.settle.flush();
    this.seen(burst.from);
    this.processes.moment.frame = this.samples;
    this.phases.burst(burst);
    if (burst.to > this.lastTime) this.lastTime = burst.to;
  }

  hole(from: number, to: number, _why: string): void {
    this.holes++;
    this.lost(from, to);
    this.seen(to);
    this.bus.sink.hole?.({ stream: 0, toTarget: true, bytes: 0, at: BigInt(Math.trunc(from)) });
  }

  notice(text: string): void {
    this.bus.notice(text, text);
  }

  /** Nanoseconds since 1970 of the source's moment 0. Never less than before: what was told keeps its order. */
  countFrom(origin: bigint): void {
    if (origin > this.bus.origin) this.bus.origin = origin;
  }

  /** What writes on their way to a configured LU may still change (requirement B6). */
  outstanding(id: LuId): Outstanding | undefined {
    const lu = claimedLu(this.bus, id);
    return lu === undefined ? undefined : this.journal.outstanding(lu);
  }

  /** What is known of a configured LU from elsewhere, its first volume for example; 0 for what is not. */
  learn(facts: LuFacts): void {
    learn(this.bus, this.journal, facts);
  }

  /** Nobody knows what passes on the bus: every configured LU is in doubt whole. */
  lose(): void {
    doubtAll(this.bus, this.journal);
  }

  /** Time has passed: settled writes are let go. */
  tick(): void {
    this.processes.tick();
    this.journal.tick();
  }

  /** The source has ended: what is open is in doubt. */
  finish(): void {
    this.settle.flush();
    this.phases.finish(this.lastTime);
    this.nexuses.finish(this.lastTime);
    this.processes.close();
    this.journal.finish();
  }

  private lost(from: number, to: number): void {
    this.settle.restart();
    this.processes.moment.frame = this.samples;
    this.phases.forget(from);
    this.nexuses.lost(from, to);
  }

  private seen(time: number): void {
    if (this.samples++ === 0) this.firstTime = time;
    if (time > this.lastTime) this.lastTime = time;
  }

  private lines(time: number, word: BusWord): void {
    this.processes.moment.frame = this.samples;
    if (time > this.bus.now) this.bus.now = time;
    this.phases.lines(time, word);
    if (this.timed) {
      const { periodNs } = this.nexuses;
      this.settle.ns = periodNs > 0 && periodNs < 100 ? periodNs / 4 : SETTLE_NS;
    }
    if (this.bus.now - this.lastTick < 10e6) return;
    this.lastTick = this.bus.now;
    this.tick();
  }
}
