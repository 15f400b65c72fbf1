import { Extents } from '../../base/extents.ts';
import { nearSums, tabledOf } from '../blockTable/blockTableNear.ts';
import type { Arm } from '../mirror/arm.ts';
import { CheckedReads, type Confirmation } from './checkedReads.ts';
import type { ReadDesk } from './checkedReadsDesk.ts';
import { MirrorVerify } from './verify.ts';
import { busyAt, type VolumeVerifyParts, type Watchers } from './verifyVolume.ts';

export interface VolumeReadsParts extends VolumeVerifyParts {
  bytesPerSecond: number;
  desk: ReadDesk;
  watchers: Watchers;
  notice: (text: string) => void;
  /** Ends what is under way. */
  signal: AbortSignal;
}

/** With more changes than that to come a mirror's blocks are not asked for: each would have to be compared with all of them. */
const WAITING_MAX = 1024;
/** What both sides are read with when something was seen. */
const CONFIRM_BYTES_PER_SECOND = 64 * 1024 * 1024;
/** Places that a notice names. */
const PLACES = 4;

/** Compares what hosts read of a volume with its first mirror that keeps a block table; undefined: it has no first volume. */
export function volumeReads(parts: VolumeReadsParts): CheckedReads | undefined {
  const { unit, first, bytesPerSecond, desk, now, notice } = parts;
  if (first === undefined) return undefined;
  const armOf = (): Arm | undefined => unit.arms.find((arm) => !arm.ordered && tabledOf(arm) !== undefined);
  return new CheckedReads({
    bytesPerSecond,
    desk,
    now,
    sums: () => {
      const arm = armOf();
      return arm && nearSums(arm);
    },
    moving: (start, end) => {
      const arm = armOf();
      return arm && movingAt(parts, arm, start, end);
    },
    confirm: (suspects) => confirm(parts, armOf(), suspects),
    told: (differing) => notice(`${unit.lu}: ${words(differing, armOf()?.to ?? 'the mirror', first.name)}`),
    doubtful: (start, end) => {
      const arm = armOf();
      const table = arm && tabledOf(arm)?.table;
      try {
        table?.begin(start, end - start);
        table?.end(start, end - start);
      } catch {
        // The table is over, and has said so.
      }
    },
  });
}

function movingAt(
  { underWay }: VolumeReadsParts,
  { mirror, backlog, record }: Arm,
  start: number,
  end: number,
): Extents | undefined {
  const { tasks, bytes } = underWay();
  if ((tasks > 0 && bytes === undefined) || backlog.length > WAITING_MAX) return undefined;
  const moving = new Extents();
  const add = (from: number, to: number): void => {
    const [s, e] = [Math.max(start, from), Math.min(end, to)];
    if (s < e) moving.add(s, e);
  };
  bytes?.forEachIn(start, end, add);
  mirror.forEachWaiting(add);
  if (record.intersects(start, end)) record.forEachBelow(end, (_reason, from, to) => add(from, to));
  return moving;
}

/** Both sides of the suspects, as they are read while nothing of them moves. */
async function confirm(parts: VolumeReadsParts, arm: Arm | undefined, suspects: Extents): Promise<Confirmation> {
  const { unit, first, watchers, settleMs, againMs, now, signal } = parts;
  if (arm === undefined || first === undefined) return { differing: new Extents(), whole: false };
  const { verdict, differing } = await new MirrorVerify({
    arm,
    source: first.volume,
    limit: unit.limit,
    only: suspects,
    busy: () => busyAt(parts, [arm]),
    watch: (touched) => watchers.watch(touched),
    settleMs,
    bytesPerSecond: CONFIRM_BYTES_PER_SECOND,
    ...(againMs === undefined ? {} : { againMs }),
    now,
    progress: () => {},
    signal,
  }).run();
  return { differing, whole: verdict.uncomparedBytes === 0 };
}

function words(differing: Extents, mirror: string, first: string): string {
  const ranges = differing.toRanges();
  const places = ranges.slice(0, PLACES).map(([offset, length]) => `${length} at ${offset}`);
  const more = ranges.length > PLACES ? ` and ${ranges.length - PLACES} more` : '';
  const which = `${differing.total} bytes (${places.join(', ')}${more})`;
  const mend = `"tapmirror verify --repair" makes the mirror equal to the first volume, where that is the one that is right`;
  return `what a host read is not what ${mirror} holds: ${which} differ from ${first}, which was read again; ${mend}`;
}
