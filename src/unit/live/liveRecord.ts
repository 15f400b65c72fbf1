import { join } from 'node:path';
import { removeRecords } from '../../../hw/recordFolder.ts';
import { removeDurably } from '../../../hw/wholeFile.ts';
import type { LuId } from '../../base/change.ts';
import { Fault } from '../../base/fault.ts';
import { isOrdered } from '../../base/ordered.ts';
import type { Volume } from '../../base/volume.ts';
import { KeptRecord } from '../../record/kept.ts';
import type { LiveConfig, LiveMirrorConfig, LiveVolumeConfig } from '../config/configTypes.ts';
import type { LiveParts, Medium } from './liveVolume.ts';
import { openStoredRecord, recordFileName } from './storedRecord.ts';

/** Bytes of the hot set that the marks are brought back to; the rest is room to work in between two flushes. */
const HOT_SHARE = 0.5;

export function named({ to, volume }: Medium): { name: string; volume: Volume } {
  return { name: to, volume };
}

/** The bound of a link's own buffer, where it has one. */
export function bufferOf(one: LiveMirrorConfig | undefined): { buffer?: { bytes: number; threshold: number } } {
  return one?.kind === 'journey' && one.buffer ? { buffer: one.buffer } : {};
}

/**
 * Throws a `Fault` when the mirror holds less than the first volume does. What another site has is no reason not to begin here:
 * such a mirror grows, or waits in words until it can.
 */
export function refuseSmall({ to, volume }: Medium, first: Volume): void {
  if (isOrdered(volume)) return;
  const [needed, size] = [first.blocks * first.blockSize, volume.blocks * volume.blockSize];
  if (size >= needed) return;
  const what = `mirror ${to} is too small: it holds ${size} bytes, the first volume ${needed}`;
  throw new Fault('local', what, `give the mirror a medium of at least ${needed} bytes`);
}

/** The record of one mirror, as its last process left it. */
export async function openRecord(
  { lu, blockSize = 0, blocks = 0 }: LiveVolumeConfig,
  { folder, record, looking, synced, notice }: LiveParts,
  first: Medium | undefined,
  { to, volume }: Medium,
): Promise<KeptRecord> {
  const opened = first?.volume.opened;
  const stored = await openStoredRecord({
    folder,
    lu,
    mirror: to,
    mirrorId: volume.opened ? volume.identity().id : undefined,
    firstId: opened?.identity().id,
    bytes: opened ? opened.blocks * opened.blockSize : blocks * blockSize,
    chunkBytes: record.chunkBytes,
    hotBytes: record.hotBytes * HOT_SHARE,
    looking,
    synced,
  });
  const failed = (fault: Fault): void => notice(`the record of ${to} is not kept any more: ${fault.message}`);
  return new KeptRecord(stored, failed, () => notice(`the record of ${to} is kept again`));
}

/** What is kept of a mirror that its volume does not have any more: it would know nothing of what is written meanwhile. */
export async function forgetMirror(folder: string, lu: LuId, mirror: string): Promise<void> {
  await removeDurably(join(folder, recordFileName(lu, mirror)));
  await forgetTable(folder, lu, mirror);
}

/** Checksums of a medium that somebody else may have written since. */
export async function forgetTable(folder: string, lu: LuId, mirror: string): Promise<void> {
  await removeDurably(join(folder, recordFileName(lu, mirror, 'blocks')));
}

/**
 * Records of mirrors that the unit does not keep any more, or not of that volume: what was written without them is in none of
 * them, and they must not be believed when such a mirror comes back.
 */
export async function forgetFormerRecords(
  folder: string,
  { volumes, received }: Pick<LiveConfig, 'volumes' | 'received'>,
): Promise<void> {
  const kept = new Set([
    ...volumes.flatMap(({ lu, mirrors }) => mirrors.map(({ to }) => recordFileName(lu, to))),
    ...received.flatMap(({ name, further }) => further.map(({ to }) => recordFileName(name, to))),
  ]);
  await removeRecords(folder, kept);
}
