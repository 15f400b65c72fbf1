import { isOrdered, type NearSums, type OrderedVolume } from '../../base/ordered.ts';
import type { WriteGuard } from '../../base/recall.ts';
import type { Volume } from '../../base/volume.ts';
import type { Ring } from '../../buffer/ring.ts';
import type { Room } from '../../buffer/room.ts';
import { Mirror } from '../../mirror/mirror.ts';
import { OrderedMirror } from '../../mirror/ordered.ts';
import type { UnderWay } from '../../mirror/orderedHorizon.ts';
import type { Upstream } from '../../mirror/orderedWriter.ts';
import { Unresolved } from '../../record/unresolved.ts';
import type { Arm, ArmOptions } from './arm.ts';
import { OrderedPump } from './orderedPump.ts';
import { Pump } from './pump.ts';

/** What the mirrors of one volume have in common. */
export interface ArmSetting {
  ring: Ring;
  room: Room;
  first: Volume | undefined;
  now: () => number;
  notice: (text: string) => void;
  moved: () => void;
  flushBarriers: boolean;
  inFlightMax?: number;
  batchBytes?: number;
  copyBytes?: number;
  compare: boolean;
  metered: boolean;
  /** See `OrderedMirrorOptions` and `OrderedPumpOptions`. */
  underWay?: () => UnderWay;
  settleMs?: number;
  /** Nanoseconds since 1970. */
  clock: () => bigint;
  markPatienceMs?: number;
  /** What a local mirror's block table says of the volume at present (see `OrderedPumpOptions`). */
  near?: () => NearSums | undefined;
  /** What is mirrored is a mirror itself (D3): what is referred to are its own blocks, and its owner calls the guards. */
  upstream?: Upstream;
  order?: number;
}

/** The part of the room that a mirror which keeps the order may have waiting, unless it is told otherwise. */
const ORDERED_SHARE = 0.5;

/** The mirrors of a volume, in the order given. What the ordered ones refer to are the blocks of the first that is none. */
export function makeArms(mirrors: readonly ArmOptions[], setting: ArmSetting): Arm[] {
  const arms = mirrors.map((options) => makeArm(options, setting));
  const local = arms.find(({ ordered }) => !ordered);
  if (local && !setting.upstream) local.guards.push(...mirrors.flatMap(({ copyOut }) => copyOut ?? []));
  return arms;
}

/** One mirror that gets what is pushed from here on. Nobody refers to its blocks yet. */
export function makeArm(options: ArmOptions, setting: ArmSetting): Arm {
  const { volume } = options;
  return isOrdered(volume) ? orderedArm(options, volume, setting) : plainArm(options, setting);
}

function plainArm({ to, volume, record = new Unresolved(), fault }: ArmOptions, setting: ArmSetting): Arm {
  const guards: WriteGuard[] = [];
  const { ring, first, now, notice, moved, compare, metered, flushBarriers } = setting;
  const { inFlightMax, batchBytes, copyBytes } = setting;
  const backlog = ring.join((change) => mirror.step({ kind: 'missed', change }));
  const mirror: Mirror = new Mirror({
    name: { to, medium: volume.identity().kind },
    backlog,
    record,
    metered,
    ...(fault === undefined ? {} : { fault }),
    size: volume.blocks * volume.blockSize,
    flushBarriers,
    guarded: () => guards.length > 0,
    ...(inFlightMax === undefined ? {} : { inFlightMax }),
    ...(batchBytes === undefined ? {} : { batchBytes }),
    ...(copyBytes === undefined ? {} : { copyBytes }),
  });
  const pump = new Pump({ mirror, volume, first, now, notice, moved, compare, guards });
  return { to, mirror, volume, record, backlog, pump, ordered: false, guards };
}

function orderedArm(
  { to, record = new Unresolved(), fault, buffer, copyOut }: ArmOptions,
  volume: OrderedVolume,
  setting: ArmSetting,
): Arm {
  const { ring, first, now, notice, moved, metered, copyBytes, underWay, settleMs = 0, clock } = setting;
  const { upstream, near } = setting;
  const bytes = buffer ? buffer.bytes * (1 - (buffer.threshold ?? 0)) : defaultBytes(setting.room);
  const backlog = ring.join((change) => mirror.step({ kind: 'missed', change }), {
    bytes,
    ...(copyOut ? { lost: (change) => copyOut.refer(change) } : {}),
    missedMark: (barrier) => mirror.step({ kind: 'missedMark', barrier }),
  });
  const mirror: OrderedMirror = new OrderedMirror({
    name: { to, medium: volume.identity().kind },
    backlog,
    record,
    metered,
    clock,
    settles: settleMs > 0,
    ...(fault === undefined ? {} : { fault }),
    size: volume.blocks * volume.blockSize,
    ...(underWay ? { underWay } : {}),
    ...(upstream ? { upstream } : {}),
    ...(setting.order === undefined ? {} : { order: setting.order }),
    ...(near ? { surveys: () => near() !== undefined } : {}),
    ...(copyBytes === undefined ? {} : { copyBytes }),
    markPatienceNs: BigInt(setting.markPatienceMs ?? 0) * 1_000_000n,
  });
  const helpers = { ...(copyOut ? { recaller: copyOut } : {}), ...(near ? { near } : {}) };
  const pump = new OrderedPump({ mirror, volume, first, ...helpers, settleMs, now, notice, moved });
  return { to, mirror, volume, record, backlog, pump, ordered: true, guards: [] };
}

/** A source that can wait does so before any mirror has to lose something. */
function defaultBytes(room: Room): number {
  const { bytes, whenFull } = room.report();
  return whenFull === 'wait' ? Number.POSITIVE_INFINITY : bytes * ORDERED_SHARE;
}
