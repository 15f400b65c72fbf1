import type { Barrier, Change, Doubt, LuId, Piece } from '../../base/change.ts';
import { Extents } from '../../base/extents.ts';
import type { NearSums } from '../../base/ordered.ts';
import type { LuFacts } from '../../base/sink.ts';
import { Ring } from '../../buffer/ring.ts';
import type { Room } from '../../buffer/room.ts';
import type { UnderWay } from '../../mirror/orderedHorizon.ts';
import type { Upstream } from '../../mirror/orderedWriter.ts';
import { type NamedVolume, refuseTwins } from '../lu/twins.ts';
import type { Arm, ArmOptions } from './arm.ts';
import { type ArmSetting, makeArm, makeArms } from './armMaker.ts';
import { Kick } from './kick.ts';
import { type VolumeReport, volumeReport } from './volumeReport.ts';

export interface VolumeUnitOptions {
  lu: LuId;
  /** Shared by all volumes. */
  room: Room;
  mirrors: readonly ArmOptions[];
  /** Where LBN-only changes are read back from; it is only read. */
  first?: NamedVolume;
  /** Monotonic time in nanoseconds. */
  now: () => number;
  notice: (text: string) => void;
  /** Honour every barrier and FUA; a replay flushes once, in `finish`. Default false. */
  flushBarriers?: boolean;
  /** Bounds of the ring and of each mirror's requests, where the defaults do not fit. */
  entriesMax?: number;
  inFlightMax?: number;
  batchBytes?: number;
  copyBytes?: number;
  /** Small changes wait so long for others to be written with them (see `Kick`); 0, the default, is not at all. */
  gatherMs?: number;
  /** Copies read the mirror too and write only what differs; they wait for `credit` where they are metered. */
  compare?: boolean;
  metered?: boolean;
  /** Called whenever something has happened at a mirror. */
  moved?: () => void;
  /** For mirrors that keep the order: what writes on their way at the LU may change, and how late that is known (a tap). */
  underWay?: () => UnderWay;
  settleMs?: number;
  /** The wall clock in milliseconds; absent: the machine's. */
  wall?: () => number;
  /** A bookmark behind which nothing stands waits so long for such a mirror to be consistent. Default: not at all. */
  markPatienceMs?: number;
  /** What is mirrored is a mirror itself (requirement D3), and changes and barriers tell whether it is consistent. */
  upstream?: Upstream;
  /** The number before the first of the order that the volume shares with others (C5), as changes and marks have it. */
  order?: number;
  /** What is known of the volume by block tables at present, for mirrors that keep the order; undefined: nothing. */
  near?: () => NearSums | undefined;
}

/** Runs of bytes that a doubt tells apart, as each counts in the ring. */
const DOUBT_PIECES = 1024;
/** Writing starts in the midst of a batch of frames when so much has come; what comes meanwhile makes longer writes. */
const EAGER_BYTES = 1024 * 1024;
/** Of a small room no more than this share waits to be started. */
const EAGER_SHARE = 1 / 16;
/** What a piece counts for besides its data: the ring bounds their number too. */
const PIECE_BYTES = 512;

/**
 * One configured volume: its ring, its mirrors, and the pumps that run their requests.
 *
 * `push` and `barrier` are synchronous; requests start before the event loop turns (or after `gatherMs`), all changes of
 * one batch together.
 */
export class VolumeUnit {
  readonly lu: LuId;
  readonly #options: VolumeUnitOptions;
  readonly #room: Room;
  readonly #ring: Ring;
  readonly #arms: Arm[];
  readonly #kick: Kick;
  #blockSize = 0;
  #blocks = 0;
  #changes = 0;
  #lastSeq = 0;
  #doubtful = 0;
  #barriers = 0;
  #watchers: (() => void)[] = [];

  /** Throws a `Fault` when two of the volumes are one medium. */
  constructor(options: VolumeUnitOptions) {
    refuseTwins([
      ...(options.first ? [options.first] : []),
      ...options.mirrors.map(({ to, volume }) => ({ name: to, volume })),
    ]);
    this.lu = options.lu;
    this.#options = options;
    this.#room = options.room;
    this.#ring = new Ring(options.room, options.entriesMax);
    this.#room.register(this.#ring);
    this.#kick = new Kick({
      start: () => this.#start(),
      gatherMs: options.gatherMs ?? 0,
      eagerBytes: Math.min(options.batchBytes ?? EAGER_BYTES, EAGER_BYTES, options.room.bytes * EAGER_SHARE),
    });
    this.#arms = makeArms(options.mirrors, this.#setting());
  }

  /** The mirrors that get what is pushed. */
  get arms(): readonly Arm[] {
    return this.#arms;
  }

  /**
   * One more mirror, which gets what is pushed from here on. `order`: the number of the shared order that was given last (C5).
   * Throws a `Fault` when its medium is one of the others.
   */
  join(mirror: ArmOptions, order?: number): Arm {
    const { first } = this.#options;
    const others = this.#arms.map(({ to, volume }) => ({ name: to, volume }));
    refuseTwins([...(first ? [first] : []), ...others, { name: mirror.to, volume: mirror.volume }]);
    const arm = makeArm(mirror, { ...this.#setting(), ...(order === undefined ? {} : { order }) });
    this.#arms.push(arm);
    const capacity = this.#blocks * this.#blockSize;
    arm.mirror.step({ kind: 'facts', blockSize: this.#blockSize, capacity });
    arm.pump.run();
    return arm;
  }

  /** The mirror is none of the volume's any more, and gets nothing but what was pushed so far: see `whenDone`. */
  leave(arm: Arm): void {
    const at = this.#arms.indexOf(arm);
    if (at < 0) return;
    this.#arms.splice(at, 1);
    this.#ring.leave(arm.backlog);
    arm.mirror.step({ kind: 'stop' });
    arm.pump.stopCopies();
    arm.mirror.step({ kind: 'hurry' });
    arm.pump.run();
  }

  /** Resolves when nothing is under way to this mirror and nothing waits for it, or it is broken. */
  whenDone({ mirror }: Arm): Promise<void> {
    return this.#until(() => mirror.idle || mirror.fault !== undefined);
  }

  /** The change, and its lease, belong to the unit from here on. */
  push(change: Change): void {
    this.#changes++;
    this.#lastSeq = change.seq;
    if (change.doubt !== undefined) this.#doubtful++;
    this.#ring.push(change);
    const pieces = change.pieces === 'wholeLu' ? 1 : change.pieces.length;
    this.#kick.change((change.lease?.bytes ?? 0) + pieces * PIECE_BYTES);
  }

  barrier(barrier: Barrier): void {
    this.#barriers++;
    this.#ring.pushBarrier(barrier);
    this.#kick.soon();
  }

  /**
   * Blocks of the LU came to be unknown by something that no command told. It stands in the ring as a change does, since
   * what was pushed before settles nothing of it. `ranges` in bytes.
   */
  doubt(ranges: Extents | 'wholeLu', doubt: Doubt): void {
    const pieces: Piece[] = [];
    if (ranges !== 'wholeLu') {
      const few = new Extents(DOUBT_PIECES);
      for (const [start, length] of ranges.toRanges()) few.add(start, start + length);
      for (const [offset, length] of few.toRanges()) pieces.push({ offset, length, payload: 'lbnOnly' });
    }
    const at = this.#wall();
    const seq = this.#lastSeq;
    const change = { seq, at, lu: this.lu, pieces: ranges === 'wholeLu' ? ranges : pieces, fua: false, doubt };
    this.#ring.push({ ...change, late: true });
    this.#kick.soon();
  }

  /** A bookmark after everything that was pushed so far (requirement C2), for the mirrors that keep the order. */
  mark(name: string, order?: number): void {
    const barrier = { seq: this.#lastSeq, at: this.#wall(), lu: this.lu, name };
    this.#ring.pushBarrier(order === undefined ? barrier : { ...barrier, order });
    this.#kick.soon();
  }

  /** Everything up to this number of the shared order has been pushed (C5). */
  reach(order: number): void {
    for (const { mirror, pump, ordered } of this.arms) {
      if (!ordered) continue;
      mirror.step({ kind: 'reach', order });
      pump.run();
    }
  }

  /** Block size and capacity as the bus told them or the operator configured them. */
  facts(facts: LuFacts): void {
    if (facts.blockSize === this.#blockSize && facts.blocks === this.#blocks) return;
    if (facts.blockSize > 0) this.#blockSize = facts.blockSize;
    if (facts.blocks > 0) this.#blocks = facts.blocks;
    const capacity = this.#blocks * this.#blockSize;
    for (const { mirror, pump } of this.arms) {
      mirror.step({ kind: 'facts', blockSize: this.#blockSize, capacity });
      pump.run();
    }
  }

  get changes(): number {
    return this.#changes;
  }

  get barriers(): number {
    return this.#barriers;
  }

  /** Bytes per block, 0 while unknown. */
  get blockSize(): number {
    return this.#blockSize;
  }

  /** Capacity in blocks, 0 while unknown. */
  get blocks(): number {
    return this.#blocks;
  }

  /** Resolves as soon as the room (shared by all volumes) lets a source that can wait go on. */
  whenRoom(): Promise<void> {
    return new Promise((resolve) => this.#room.onRoom(resolve));
  }

  /** Resolves when every mirror has caught up and nothing is under way. */
  whenIdle(): Promise<void> {
    this.#kick.now();
    return this.#until(() => this.arms.every(({ mirror }) => mirror.idle));
  }

  /** Resolves when nothing is on its way to this mirror, which was paused or broken. */
  whenStill({ mirror }: Arm): Promise<void> {
    return this.#until(() => {
      let still = true;
      mirror.forEachWaiting(() => {
        still = false;
      });
      return still || mirror.fault === undefined;
    });
  }

  /**
   * Catches up, reads back from the first volume what is in doubt, and makes every mirror durable. An aborted signal
   * ends the reading back; what is left then stays unresolved. `progress` is told bytes read back of bytes to read.
   */
  async finish(
    options: { signal?: AbortSignal; progress?: (done: number, total: number) => void } = {},
  ): Promise<void> {
    const { signal, progress } = options;
    await this.whenIdle();
    if (this.#options.first && !signal?.aborted) await this.#resolve(signal, progress);
    for (const { mirror, pump } of this.arms) {
      mirror.step({ kind: 'flush' });
      pump.run();
    }
    await this.whenIdle();
  }

  report(): VolumeReport {
    const { lu, arms, blockSize, blocks, limit, changes, barriers } = this;
    return volumeReport({ lu, arms, blockSize, blocks, limit, changes, doubtfulChanges: this.#doubtful, barriers });
  }

  /** Waits for what is under way, then closes the mirrors' volumes. The first volume belongs to the caller. */
  async close(): Promise<void> {
    for (const { mirror, pump } of this.arms) {
      mirror.step({ kind: 'stop' });
      mirror.step({ kind: 'hurry' });
      pump.stopCopies();
    }
    await this.whenIdle();
    this.#room.unregister(this.#ring);
    await Promise.all(this.arms.map(({ volume }) => volume.close()));
  }

  /** Nanoseconds since 1970. */
  #wall(): bigint {
    return BigInt((this.#options.wall ?? Date.now)()) * 1_000_000n;
  }

  #setting(): ArmSetting {
    const { room, first, now, notice, flushBarriers = false, compare = false, metered = false } = this.#options;
    const { moved: _, mirrors: __, ...rest } = this.#options;
    return {
      ...rest,
      ring: this.#ring,
      room,
      first: first?.volume,
      now,
      notice,
      moved: () => this.#moved(),
      flushBarriers,
      compare,
      metered,
      clock: () => this.#wall(),
    };
  }

  async #resolve(signal?: AbortSignal, progress?: (done: number, total: number) => void): Promise<void> {
    const { first } = this.#options;
    if (!first) return;
    const stop = (): void => {
      for (const { mirror, pump } of this.arms) {
        mirror.step({ kind: 'stop' });
        pump.stopCopies();
      }
      this.#moved();
    };
    const tell = (): void => {
      let done = 0;
      let total = 0;
      for (const { mirror } of this.arms) {
        done += mirror.progress.done;
        total += mirror.progress.total;
      }
      if (total > 0) progress?.(done, total);
    };
    signal?.addEventListener('abort', stop, { once: true });
    try {
      for (const { mirror, pump } of this.arms) {
        mirror.step({ kind: 'resolve', limit: this.limit });
        pump.run();
      }
      await this.#until(() => {
        tell();
        return this.arms.every(({ mirror }) => mirror.idle);
      });
    } finally {
      signal?.removeEventListener('abort', stop);
    }
  }

  /**
   * Bytes of the LU: its capacity, else what the first volume holds (it is that LU), else what the largest mirror
   * holds, as a mirror is never smaller than what was written to it.
   */
  get limit(): number {
    const capacity = this.#blocks * this.#blockSize;
    if (capacity > 0) return capacity;
    const first = this.#options.first?.volume;
    if (first) return first.blocks * first.blockSize;
    return Math.max(0, ...this.arms.map(({ mirror }) => mirror.size));
  }

  #start(): void {
    for (const { mirror, pump } of this.arms) {
      mirror.step({ kind: 'more' });
      pump.run();
    }
    this.#moved();
  }

  /** Something has happened: whoever waits looks again. */
  #moved(): void {
    this.#options.moved?.();
    if (this.#watchers.length === 0) return;
    const watchers = this.#watchers;
    this.#watchers = [];
    for (const watcher of watchers) watcher();
  }

  #until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (holds()) resolve();
        else this.#watchers.push(look);
      };
      look();
    });
  }
}
