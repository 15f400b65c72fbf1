import type { Change } from '../../base/change.ts';
import { Extents } from '../../base/extents.ts';
import { Fault } from '../../base/fault.ts';
import type { UnderWay } from '../../mirror/orderedHorizon.ts';
import type { NamedVolume } from '../lu/twins.ts';
import type { Arm } from '../mirror/arm.ts';
import type { VolumeUnit } from '../mirror/volumeUnit.ts';
import { MirrorVerify } from './verify.ts';
import { restOf } from './verifyPlace.ts';
import type { MirrorVerdict, VerifyOrder, VerifyReport } from './verifyTypes.ts';

export interface VolumeVerifyParts {
  unit: VolumeUnit;
  first: NamedVolume | undefined;
  underWay: () => UnderWay;
  settleMs: number;
  bytesPerSecond?: number;
  againMs?: number;
  now: () => number;
}

const BYTES_PER_SECOND = 64 * 1024 * 1024;
const RANGES_MAX = 65_536;

/** Changes as they are pushed, for whoever compares at that time; nothing where nobody does. */
export class Watchers {
  readonly #sets = new Set<Extents>();

  get any(): boolean {
    return this.#sets.size > 0;
  }

  watch(touched: Extents): () => void {
    this.#sets.add(touched);
    return () => void this.#sets.delete(touched);
  }

  saw({ pieces }: Change): void {
    for (const set of this.#sets) {
      if (pieces === 'wholeLu') set.add(0, Number.MAX_SAFE_INTEGER);
      else for (const { offset, length } of pieces) set.add(offset, offset + length);
    }
  }
}

/** Compares mirrors of a volume, one after the other. Rejects with a `Fault` where one cannot be compared. */
export async function verifyVolume(
  parts: VolumeVerifyParts,
  watchers: Watchers,
  order: VerifyOrder,
): Promise<VerifyReport> {
  const { unit } = parts;
  const { source, local } = sourceOf(parts);
  const arms = armsOf(unit, order.mirror, local);
  const { limit } = unit;
  if (limit === 0) throw new Fault('local', `the length of ${unit.lu} is not known yet`, 'wait until the bus tells it');
  const { place, follow } = order;
  const mirrors: MirrorVerdict[] = place?.ended.filter(({ to }) => arms.some((arm) => arm.to === to)) ?? [];
  let done = mirrors.length * limit;
  for (const arm of arms.filter(({ to }) => !mirrors.some((one) => one.to === to))) {
    const rest = restOf(place, arm.to, limit);
    done += rest ? limit - rest.total : 0;
    const verify = new MirrorVerify({
      arm,
      source: source.volume,
      limit,
      ...(rest ? { only: rest, comparedBytes: limit - rest.total } : {}),
      busy: () => busyAt(parts, local ? [arm, local] : [arm]),
      watch: (touched) => watchers.watch(touched),
      settleMs: parts.settleMs,
      bytesPerSecond: parts.bytesPerSecond ?? BYTES_PER_SECOND,
      ...(parts.againMs === undefined ? {} : { againMs: parts.againMs }),
      now: parts.now,
      progress: (bytes) => {
        done += bytes;
        order.progress(done, limit * arms.length);
      },
      signal: order.signal,
    });
    follow?.(() => ({ to: arm.to, bytes: limit, rest: verify.rest.toRanges(), ended: [...mirrors] }));
    const { verdict, differing } = await verify.run();
    const repairing = order.repair && !differing.isEmpty && local === undefined;
    if (repairing) unit.doubt(differing, 'unseen');
    mirrors.push({ ...verdict, repairing });
    const { comparedBytes, differingBytes, uncomparedBytes } = verdict;
    arm.verified = { at: new Date().toISOString(), comparedBytes, differingBytes, uncomparedBytes };
  }
  const equal = mirrors.every(({ differingBytes, uncomparedBytes }) => differingBytes + uncomparedBytes === 0);
  return { volume: unit.lu, source: source.name, equal, mirrors };
}

function sourceOf({ unit, first }: VolumeVerifyParts): { source: NamedVolume; local: Arm | undefined } {
  if (first) return { source: first, local: undefined };
  const local = unit.arms.find(({ ordered }) => !ordered);
  if (local) return { source: { name: local.to, volume: local.volume }, local };
  throw new Fault('peer', `${unit.lu} has no first volume to compare with`, 'name it in "first"');
}

function armsOf(unit: VolumeUnit, mirror: string | undefined, local: Arm | undefined): Arm[] {
  const arms = unit.arms.filter((arm) => arm !== local && (mirror === undefined || arm.to === mirror));
  if (arms.length > 0) return arms;
  const known = unit.arms.map(({ to }) => to).join(', ');
  throw new Fault('peer', `no mirror to be compared is called ${mirror ?? unit.lu}`, `name one of: ${known}`);
}

/** What may be changing at the moment, or is not known to be right; undefined: anything. */
export function busyAt({ underWay }: Pick<VolumeVerifyParts, 'underWay'>, arms: readonly Arm[]): Extents | undefined {
  const { tasks, bytes } = underWay();
  if (tasks > 0 && !bytes) return undefined;
  const busy = new Extents(RANGES_MAX);
  bytes?.forEachIn(0, Number.MAX_SAFE_INTEGER, (start, end) => busy.add(start, end));
  for (const { record, mirror } of arms) {
    record.below(Number.MAX_SAFE_INTEGER).forEachIn(0, Number.MAX_SAFE_INTEGER, (start, end) => busy.add(start, end));
    mirror.forEachWaiting((start, end) => busy.add(start, end));
  }
  return busy;
}
