import type { Extents } from '../../base/extents.ts';
import type { NearSums } from '../../base/ordered.ts';
import { LateVolume } from '../lu/lateVolume.ts';
import { SuspendableVolume } from '../lu/suspendable.ts';
import type { Arm } from '../mirror/arm.ts';
import { TabledVolume } from './blockTableVolume.ts';

/** The block table of a mirror's medium, where it keeps one. */
export function tabledOf({ volume }: Pick<Arm, 'volume'>): TabledVolume | undefined {
  const opened = volume instanceof LateVolume ? volume.opened : volume;
  const medium = opened instanceof SuspendableVolume ? opened.inner : opened;
  return medium instanceof TabledVolume ? medium : undefined;
}

/**
 * What a local mirror's block table says of the volume that is mirrored; undefined while the mirror keeps none or is broken.
 *
 * Of blocks that the mirror has right by its record, and for which nothing waits or is on its way, it holds what the volume
 * held after everything pushed so far, or, where it was read from the first volume meanwhile, something newer that has
 * not been told: as a read of the first volume at this moment would.
 */
export function nearSums(arm: Arm): NearSums | undefined {
  const tabled = tabledOf(arm);
  if (tabled === undefined || tabled.table.over || isLost(arm)) return undefined;
  const { table } = tabled;
  return {
    blockBytes: table.blockBytes,
    bytes: table.bytes,
    sum: (level, index) => table.sum(level, index),
    put: (level, index, into, at) => table.put(level, index, into, at),
    busy: () => (isLost(arm) || table.over ? undefined : busyAt(arm)),
  };
}

function isLost({ mirror, volume }: Arm): boolean {
  return mirror.fault !== undefined || volume.down || volume.unsure === true;
}

function busyAt({ mirror, record }: Arm): Extents {
  const busy = record.below(Number.MAX_SAFE_INTEGER);
  mirror.forEachWaiting((start, end) => busy.add(start, end));
  return busy;
}
