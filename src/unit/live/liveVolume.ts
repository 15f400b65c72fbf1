import type { Barrier, Change, LuId } from '../../base/change.ts';
import { Extents } from '../../base/extents.ts';
import { Fault } from '../../base/fault.ts';
import { isOrdered, type NearSums } from '../../base/ordered.ts';
import type { WriteGuard } from '../../base/recall.ts';
import type { LuFacts } from '../../base/sink.ts';
import type { UnderWay } from '../../mirror/orderedHorizon.ts';
import { nearSums } from '../blockTable/blockTableNear.ts';
import type { CheckedReads } from '../compare/checkedReads.ts';
import { volumeReads } from '../compare/checkedReadsVolume.ts';
import type { VerifyOrder, VerifyReport } from '../compare/verifyTypes.ts';
import { type VolumeVerifyParts, verifyVolume, Watchers } from '../compare/verifyVolume.ts';
import type { LiveVolumeConfig } from '../config/configTypes.ts';
import type { LateVolume } from '../lu/lateVolume.ts';
import { refuseTwins } from '../lu/twins.ts';
import { CopyOutSlot } from '../mirror/copyOutSlot.ts';
import { Ages } from '../mirror/lag.ts';
import { VolumeUnit } from '../mirror/volumeUnit.ts';
import { type MapReport, mapOf } from '../watch/map.ts';
import type { Heat } from '../watch/mapHeat.ts';
import type { VolumeStatus } from '../watch/status.ts';
import { FirstWatch } from './firstWatch.ts';
import { armOptions, LiveArms } from './liveArms.ts';
import { closeMirrors } from './liveClose.ts';
import { sharedOrder } from './liveOptions.ts';
import { named, openRecord, refuseSmall } from './liveRecord.ts';
import { mirrorStatus } from './liveStatus.ts';
import type { Keeper, LiveParts, Medium, Opened } from './liveTypes.ts';
import { underWayOf } from './liveUnderWay.ts';

export type { Keeper, LiveParts, Medium } from './liveTypes.ts';

/** A bookmark on a quiet bus waits so long for a link to be consistent again. */
const MARK_PATIENCE_MS = 60_000;

/**
 * Small changes wait so long for others before they are written together. A mirror is that much later than it need be, and
 * the bus has the processor for itself meanwhile: with the thread that writes, a tee was measured to need 29 us of it for a
 * write of 4 KiB instead of 42.
 */
const GATHER_MS = 5;

/** One volume of a running unit: its mirrors, their records, and those who look after them. */
export class LiveVolume {
  readonly lu: LuId;
  readonly unit: VolumeUnit;
  readonly #config: LiveVolumeConfig;
  readonly #parts: LiveParts;
  readonly #first: Medium | undefined;
  readonly #watch: FirstWatch | undefined;
  readonly #arms: LiveArms;
  readonly #ages = new Ages();
  /** Media that were not there when the records were opened. */
  readonly #late: Set<LateVolume>;
  /** Those who compare mirrors meanwhile. */
  readonly #watchers = new Watchers();
  /** Compares what hosts read with a mirror's block table; undefined where nobody wants that. */
  readonly checkedReads: CheckedReads | undefined;
  readonly #closing = new AbortController();
  /** What the last process left marked, and until when (of `now`) writes that were under way then may land there. */
  #landing: { bytes: Extents; until: number } | undefined;

  private constructor(
    config: LiveVolumeConfig,
    parts: LiveParts,
    first: Medium | undefined,
    mirrors: readonly Opened[],
  ) {
    this.lu = config.lu;
    this.#config = config;
    this.#parts = parts;
    this.#first = first;
    const { room, now, wall, notice, bytesPerSecond } = parts;
    const pace = parts.pace ?? (bytesPerSecond === undefined ? undefined : { bytesPerSecond });
    this.unit = new VolumeUnit({
      lu: config.lu,
      room,
      mirrors: mirrors.map((one, i) => armOptions(one, config.mirrors[i], config, parts)),
      ...(first ? { first: { name: first.to, volume: first.volume } } : {}),
      now,
      notice,
      flushBarriers: true,
      compare: true,
      gatherMs: GATHER_MS,
      metered: pace !== undefined,
      underWay: () => this.#underWay(),
      settleMs: parts.copyAfterMs,
      wall,
      markPatienceMs: MARK_PATIENCE_MS,
      ...sharedOrder(parts.order?.(config.lu)),
      ...(parts.upstream ? { upstream: parts.upstream } : {}),
      near: () => this.#near(),
    });
    const media = [...(first ? [first] : []), ...mirrors].map(({ volume }) => volume);
    this.#late = new Set(media.filter(({ opened }) => !opened));
    this.#watch = first && new FirstWatch({ first, now, told: (change) => parts.told(config.lu, first.to, change) });
    const { signal: closing } = this.#closing;
    const underWay = (): UnderWay => this.#underWay();
    this.#arms = new LiveArms({ config, parts, first, unit: this.unit, underWay, pace, closing }, mirrors);
    this.checkedReads = this.#reads();
  }

  /**
   * Opens the records of mirrors whose media are open or will be. Rejects with a `Fault` when two media are one, or when
   * a mirror is smaller than the first volume.
   */
  static async open(
    config: LiveVolumeConfig,
    parts: LiveParts,
    first: Medium | undefined,
    mirrors: readonly Medium[],
  ): Promise<LiveVolume> {
    const opened: Opened[] = [];
    let volume: LiveVolume | undefined;
    const local = mirrors.find((one) => !isOrdered(one.volume))?.volume;
    const referred = parts.upstream ? first?.volume : local;
    const losses = (): number => (parts.upstream || !local ? 0 : (volume?.mirrors.losses(local) ?? 0));
    try {
      const firstVolume = first?.volume.opened;
      refuseTwins([...(first ? [named(first)] : []), ...mirrors.map(named)]);
      for (const medium of mirrors) {
        if (firstVolume && medium.volume.opened) refuseSmall(medium, firstVolume);
        const one: Opened = { ...medium, record: await openRecord(config, parts, first, medium) };
        opened.push(one);
        if (!isOrdered(medium.volume) || !parts.copyOut) continue;
        one.copyOut = new CopyOutSlot(referred && (await parts.copyOut(medium.to, referred, losses)));
      }
    } catch (error) {
      for (const { record, copyOut } of opened) {
        await record.stored.close(false);
        await copyOut?.close();
      }
      throw error;
    }
    volume = new LiveVolume(config, parts, first, opened);
    volume.#begin();
    return volume;
  }

  /** What the first volume's own target says of it, for the snoop. */
  get facts(): LuFacts {
    const { lu, blockSize = 0, blocks = 0 } = this.#config;
    const opened = this.#first?.volume.opened;
    return {
      lu,
      blockSize: blockSize || (opened?.blockSize ?? 0),
      blocks: blocks || (opened?.blocks ?? 0),
      designators: [],
    };
  }

  /**
   * A host is about to write there. Undefined: it may; else the promise resolves when it may, as its marks survive a power
   * loss, or are not kept any more. Never rejects.
   */
  intent(offset: number, length: number): Promise<void> | undefined {
    for (const { record } of this.keepers) record.mark(offset, length);
    return this.#parts.synced ? this.#settled(offset, length) : undefined;
  }

  #settled(offset: number, length: number): Promise<void> | undefined {
    let all: Promise<unknown> | undefined;
    for (const { record } of this.keepers) {
      const wait = record.settled(offset, length);
      if (wait !== undefined) all = all === undefined ? wait : Promise.all([all, wait]);
    }
    return all as Promise<void> | undefined;
  }

  /** What people call it, where it has a name. */
  get name(): string | undefined {
    return this.#config.name;
  }

  /** Whether there is a first volume to compare mirrors with. */
  get hasFirst(): boolean {
    return this.#first !== undefined;
  }

  /** Its mirrors, which may come and go. */
  get mirrors(): LiveArms {
    return this.#arms;
  }

  /** Those who look after the mirrors, in their order. */
  get keepers(): readonly Keeper[] {
    return this.#arms.keepers;
  }

  /** Those who have to be asked before the first volume itself is written, where links refer to its blocks (D3). */
  get guards(): readonly WriteGuard[] {
    return this.#arms.guards;
  }

  /** The first volume is another one than it was: the records learn that before anything else is pushed. */
  renewed(firstId: string): void {
    for (const { record } of this.keepers) record.meet({ firstId });
  }

  push(change: Change): void {
    if (this.#watchers.any) this.#watchers.saw(change);
    this.unit.push(change);
  }

  /** Compares mirrors with the first volume, or with the local mirror (D5). See `verifyVolume`. */
  async verify(order: VerifyOrder): Promise<VerifyReport> {
    const { pace } = this.#parts;
    const { bytesPerSecond } = pace ?? this.#parts;
    const parts = { ...this.#verifyParts(), ...(bytesPerSecond === undefined ? {} : { bytesPerSecond }) };
    const signal = AbortSignal.any([order.signal, this.#closing.signal]);
    try {
      return await verifyVolume(parts, this.#watchers, { ...order, signal });
    } catch (error) {
      if (!this.#closing.signal.aborted) throw error;
      throw new Fault('local', 'the unit was stopped before everything was compared', 'compare again', {
        cause: error,
      });
    }
  }

  #verifyParts(): VolumeVerifyParts {
    const { copyAfterMs: settleMs, now } = this.#parts;
    const first = this.#first && { name: this.#first.to, volume: this.#first.volume };
    return { unit: this.unit, first, underWay: () => this.#underWay(), settleMs, now };
  }

  #reads(): CheckedReads | undefined {
    const { reads: desk, notice } = this.#parts;
    const { checkReads } = this.#config;
    if (desk === undefined || checkReads === undefined) return undefined;
    const { bytesPerSecond } = checkReads;
    const { signal } = this.#closing;
    return volumeReads({ ...this.#verifyParts(), bytesPerSecond, desk, watchers: this.#watchers, notice, signal });
  }

  barrier(barrier: Barrier): void {
    this.unit.barrier(barrier);
  }

  /** A bookmark after everything seen so far (requirement C2). */
  mark(name: string, order?: number): void {
    this.unit.mark(name, order);
  }

  /** Everything up to this number of the shared order has been pushed (C5). */
  reach(order: number): void {
    this.unit.reach(order);
  }

  learn(facts: LuFacts): void {
    this.unit.facts(facts);
    const bytes = this.unit.blocks * this.unit.blockSize;
    if (bytes > 0) for (const { record } of this.keepers) record.resize(bytes);
  }

  /** Writes may be under way that were not seen: nothing is copied for so long. */
  holdCopies(ms: number): void {
    this.#arms.holdCopies(ms);
  }

  tick(): void {
    this.#look();
    this.#meetLate();
    this.#settle();
    this.#watch?.tick();
    this.checkedReads?.tick();
    for (const { caretaker, record } of this.keepers) {
      caretaker.tick();
      // Doubts that no command announced, as a cache that was lost, have made marks too.
      if (this.#parts.synced) void record.settled(0, Number.MAX_SAFE_INTEGER);
    }
  }

  status(): VolumeStatus {
    const { unit } = this;
    const now = this.#look();
    const { name } = this.#config;
    return {
      lu: this.lu,
      ...(name === undefined ? {} : { name }),
      blockSize: unit.blockSize || null,
      blocks: unit.blocks || null,
      first: this.#watch?.status ?? { url: '', state: 'none' },
      changes: unit.changes,
      barriers: unit.barriers,
      openWrites: this.#underWay().tasks,
      ...(this.checkedReads ? { checkedReads: this.checkedReads.status } : {}),
      mirrors: this.keepers.map((keeper, i) =>
        mirrorStatus(keeper, unit.arms[i], unit.limit, (position) => this.#ages.ageMs(position, now)),
      ),
    };
  }

  /** Undefined while its size is not known. */
  map(heat: Heat | undefined): MapReport | undefined {
    const { blockSize, blocks, arms } = this.unit;
    const bytes = blocks * blockSize;
    if (bytes === 0) return undefined;
    const mirrors = this.keepers.map(({ record }, i) => ({
      to: arms[i].to,
      dirty: record.stored.below(bytes),
      unresolved: record.below(bytes),
    }));
    return mapOf({ lu: this.lu, blockSize, bytes, ...(heat ? { heat } : {}), mirrors });
  }

  /** Writes what is buffered until `signal` ends that, makes the mirrors durable, and closes everything. */
  async close(signal: AbortSignal): Promise<void> {
    this.#closing.abort();
    this.#watch?.stop();
    await Promise.all([closeMirrors(this.unit, this.keepers, signal), this.#arms.gone()]);
    await this.#first?.volume.close();
  }

  /** Notes how far the bus has come. Returns `now`, in milliseconds. */
  #look(): number {
    const now = this.#parts.now() / 1e6;
    const [arm] = this.unit.arms;
    if (arm) this.#ages.look(arm.backlog.position + arm.backlog.length, now);
    return now;
  }

  #begin(): void {
    this.#first?.volume.onSizeChange(() => this.learn(this.facts));
    const left = new Extents();
    for (const { record } of this.keepers) {
      if (record.stored.reset !== undefined) record.addWhole('unseen');
      else {
        record.distrust(Number.MAX_SAFE_INTEGER);
        for (const [start, length] of record.below(Number.MAX_SAFE_INTEGER).toRanges()) left.add(start, start + length);
      }
    }
    const { now, settleMs } = this.#parts;
    // Nobody but this process writes a first volume that is a mirror.
    if (!left.isEmpty && !this.#parts.upstream) this.#landing = { bytes: left, until: now() + settleMs * 1e6 };
    this.learn(this.facts);
  }

  /** What was left marked is read back a second time once nothing of the last process can land there any more. */
  #settle(): void {
    if (!this.#landing || this.#parts.now() < this.#landing.until) return;
    const { bytes } = this.#landing;
    this.#landing = undefined;
    this.unit.doubt(bytes, 'aborted');
  }

  /** What the first local mirror's block table says of the volume. */
  #near(): NearSums | undefined {
    const local = this.unit.arms.find(({ ordered }) => !ordered);
    return local && nearSums(local);
  }

  #underWay(): UnderWay {
    return underWayOf(this.#parts.outstanding(this.lu), this.unit.blockSize, this.#landing?.bytes);
  }

  /** A first volume that came late may be another than the one that the records were kept for. */
  #meetLate(): void {
    for (const volume of this.#late) {
      if (!volume.opened) continue;
      this.#late.delete(volume);
      const { id } = volume.identity();
      if (volume !== this.#first?.volume) continue;
      let same = true;
      for (const { record } of this.keepers) if (!record.meet({ firstId: id })) same = false;
      if (!same) this.unit.doubt('wholeLu', 'unseen');
    }
  }
}
