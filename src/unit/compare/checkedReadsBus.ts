import type { LuId } from '../../base/change.ts';
import type { ReadWatch } from '../../base/reads.ts';
import type { LiveVolumeConfig } from '../config/configTypes.ts';
import type { CheckedReads } from './checkedReads.ts';

/** Hands what the decoder says of reads to the volumes that want it; nothing where none does, so that it costs nothing. */
export function readWatch(
  configs: readonly LiveVolumeConfig[],
  volumes: ReadonlyMap<LuId, { readonly checkedReads: CheckedReads | undefined }>,
): { reads?: ReadWatch } {
  if (configs.every(({ checkReads }) => checkReads === undefined)) return {};
  const of = (lu: LuId): CheckedReads | undefined => volumes.get(lu)?.checkedReads;
  return {
    reads: {
      take: (lu, offset, length) => of(lu)?.take(offset, length),
      read: (lu, offset, bytes, unsure) => of(lu)?.read(offset, bytes, unsure),
      give: (lu, bytes) => of(lu)?.give(bytes),
    },
  };
}
