import { Fault } from '../../base/fault.ts';
import { isOrdered } from '../../base/ordered.ts';
import type { WriteGuard } from '../../base/recall.ts';
import type { Volume } from '../../base/volume.ts';
import type { UnderWay } from '../../mirror/orderedHorizon.ts';
import type { LiveMirrorConfig, LiveVolumeConfig } from '../config/configTypes.ts';
import type { Arm, ArmOptions } from '../mirror/arm.ts';
import { CopyOutSlot } from '../mirror/copyOutSlot.ts';
import type { Pace } from '../mirror/pace.ts';
import type { VolumeUnit } from '../mirror/volumeUnit.ts';
import { Caretaker } from './caretaker.ts';
import { atRest, closeArm, drained, type LeaveOrder, type Left } from './liveLeave.ts';
import { faultOf, heldOf } from './liveOptions.ts';
import { bufferOf, forgetMirror, openRecord, refuseSmall } from './liveRecord.ts';
import type { Keeper, LiveParts, Medium, Opened } from './liveTypes.ts';
import { withLoose } from './liveUnderWay.ts';

export interface LiveArmsParts {
  config: LiveVolumeConfig;
  parts: LiveParts;
  first: Medium | undefined;
  unit: VolumeUnit;
  underWay: () => UnderWay;
  pace: Pace | undefined;
  /** The volume is being closed: who is leaving is given up. */
  closing: AbortSignal;
}

export interface JoinOrder {
  /** The number of the shared order that was given last (C5), where the volume is in a group. */
  order?: number | undefined;
  /** The mirror is known to be compared whole after a restart: durable when it resolves that there is this mirror. */
  commit: () => Promise<void>;
}

/** The mirrors of one volume of a running unit with those who look after them. */
export class LiveArms {
  readonly #keepers: Keeper[];
  readonly #options: LiveArmsParts;
  /** Copies do not start before this time (of `now`). */
  #copyFrom: number;
  /** Media that were not there when the records were opened. */
  readonly #cameLate: ReadonlySet<Volume>;
  readonly #leaving = new Set<Promise<unknown>>();

  /** The mirrors that were opened are those of the unit, in its order. */
  constructor(options: LiveArmsParts, mirrors: readonly Opened[]) {
    const { unit, parts } = options;
    this.#options = options;
    this.#copyFrom = parts.now() + parts.copyAfterMs * 1e6;
    this.#cameLate = new Set(mirrors.map(({ volume }) => volume).filter(({ opened }) => !opened));
    this.#keepers = mirrors.map((one, i) => this.#keeper(one, unit.arms[i]));
  }

  /** Those who look after the mirrors, in the order of the unit's. */
  get keepers(): readonly Keeper[] {
    return this.#keepers;
  }

  /** Those who have to be asked before the first volume itself is written, where links refer to its blocks (D3). */
  get guards(): readonly WriteGuard[] {
    return this.#keepers.flatMap(({ copyOut }) => copyOut ?? []);
  }

  /** How often the mirror on this medium may have lost what it was given since its last flush. */
  losses(volume: Volume): number {
    const at = this.#options.unit.arms.findIndex((arm) => arm.volume === volume);
    return at < 0 ? 0 : this.#keepers[at].caretaker.losses;
  }

  /** Writes may be under way that were not seen: nothing is copied for so long. */
  holdCopies(ms: number): void {
    this.#copyFrom = Math.max(this.#copyFrom, this.#options.parts.now() + ms * 1e6);
    for (const { caretaker } of this.#keepers) caretaker.holdCopies(ms);
  }

  /**
   * One more mirror, which is compared whole with the first volume. Its medium is open, and is the volume's from the moment
   * that `commit` resolves. Rejects with a `Fault`, and nothing has changed then.
   */
  async join(medium: Medium, mirror: LiveMirrorConfig, { order, commit }: JoinOrder): Promise<Keeper> {
    const { config, parts, first, unit, closing } = this.#options;
    if (first?.volume.opened) refuseSmall(medium, first.volume.opened);
    const record = await openRecord(config, parts, first, medium);
    const one: Opened = { ...medium, record };
    try {
      // Nothing that was ever written down of it counts.
      record.addWhole('unseen');
      await record.sync();
      const copyOut = await this.#copyOut(medium);
      if (copyOut) one.copyOut = copyOut;
      await commit();
      if (closing.aborted)
        throw new Fault('local', 'the unit is being stopped', 'it begins with the mirror when it starts');
    } catch (error) {
      await record.stored.close(false);
      await one.copyOut?.close();
      throw error;
    }
    const arm = unit.join(armOptions(one, mirror, config, parts), order);
    const keeper = this.#keeper(one, arm);
    this.#keepers.push(keeper);
    const bytes = unit.blocks * unit.blockSize;
    if (bytes > 0) record.resize(bytes);
    if (one.copyOut) this.#local?.guards.push(one.copyOut);
    if (arm === this.#local) await this.#lean();
    keeper.caretaker.tick();
    return keeper;
  }

  /**
   * The mirror gets what is pushed until a moment soon after `commit` has resolved, and nothing after that, and is closed; a
   * record of it is believed by nobody. Rejects with a `Fault` where it came to nothing: the mirror goes on, and is compared
   * whole after a restart.
   */
  async leave(arm: Arm, order: LeaveOrder & { commit: () => Promise<void> }): Promise<Left> {
    const { unit, closing } = this.#options;
    const { record } = this.#keepers[unit.arms.indexOf(arm)];
    // Nothing is marked any more while it is being emptied: everything is before.
    record.mark(0, Number.MAX_SAFE_INTEGER);
    await record.forget();
    await order.commit();
    const leaving = this.#leave(arm, { ...order, hurry: AbortSignal.any([order.hurry, closing]) });
    this.#leaving.add(leaving);
    return leaving.finally(() => this.#leaving.delete(leaving));
  }

  async #leave(arm: Arm, order: LeaveOrder): Promise<Left> {
    const { config, parts, unit } = this.#options;
    await atRest(arm, unit.limit || Number.MAX_SAFE_INTEGER, order.hurry);
    const wasLocal = arm === this.#local;
    const [keeper] = this.#keepers.splice(unit.arms.indexOf(arm), 1);
    arm.guards.length = 0;
    unit.leave(arm);
    void keeper.caretaker.stop();
    if (wasLocal) await this.#lean();
    const left = await drained(unit, arm, order);
    await closeArm(unit, arm, keeper);
    // What the record said is gone since before.
    await forgetMirror(parts.folder, config.lu, arm.to).catch(() => {});
    const { state } = keeper.caretaker;
    return left.state === 'broken' ? { ...left, state } : left;
  }

  /** Those that are leaving have gone. */
  async gone(): Promise<void> {
    await Promise.allSettled(this.#leaving);
  }

  get #local(): Arm | undefined {
    const { unit, parts } = this.#options;
    return parts.upstream ? undefined : unit.arms.find(({ ordered }) => !ordered);
  }

  /** What links refer to are the blocks of another local mirror, or of none any more. */
  async #lean(): Promise<void> {
    const { parts, unit } = this.#options;
    const local = this.#local;
    for (const [at, { copyOut }] of [...this.#keepers.entries()]) {
      if (copyOut === undefined) continue;
      const closed = copyOut.over(undefined);
      const { to } = unit.arms[at];
      if (local && parts.copyOut) {
        const next = await parts.copyOut(to, local.volume, () => this.losses(local.volume));
        void copyOut.over(next);
        local.guards.push(copyOut);
      }
      await closed;
    }
  }

  async #copyOut({ to, volume }: Medium): Promise<CopyOutSlot | undefined> {
    const { parts, first } = this.#options;
    if (!isOrdered(volume) || !parts.copyOut) return undefined;
    const referred = parts.upstream ? first?.volume : this.#local?.volume;
    if (!referred) return new CopyOutSlot();
    return new CopyOutSlot(await parts.copyOut(to, referred, () => (parts.upstream ? 0 : this.losses(referred))));
  }

  #keeper({ to, record, copyOut }: Opened, arm: Arm): Keeper {
    const { config, parts, first, unit, underWay, pace } = this.#options;
    const { now, wall } = parts;
    const caretaker = new Caretaker({
      arm,
      record,
      limit: () => unit.limit,
      underWay: () => withLoose(underWay(), parts.upstream?.loose()),
      meet: () => this.#meet(arm, record),
      firstUp: () => first !== undefined && !first.volume.down,
      now,
      wall,
      ...(pace ? { pace } : {}),
      copyFrom: this.#copyFrom,
      ...heldOf(parts.held?.(config.lu, to)),
      told: (change) => parts.told(config.lu, to, change),
    });
    return { record, copyOut, caretaker };
  }

  /** Before anything is written to a mirror that came late, or came back, its record learns whether it is another medium. */
  #meet({ ordered, volume }: Arm, record: Keeper['record']): void {
    if (ordered || this.#cameLate.has(volume)) record.meet({ mirrorId: volume.identity().id });
  }
}

/** The mirror as the volume's unit takes it. */
export function armOptions(
  { to, volume, record, copyOut }: Opened,
  mirror: LiveMirrorConfig | undefined,
  { lu }: LiveVolumeConfig,
  { held }: LiveParts,
): ArmOptions {
  return {
    to,
    volume,
    record,
    ...bufferOf(mirror),
    ...(copyOut ? { copyOut } : {}),
    ...faultOf(volume, held?.(lu, to)),
  };
}
