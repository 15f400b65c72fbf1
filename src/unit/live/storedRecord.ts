import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { readBootId } from '../../../hw/bootId.ts';
import { openRecordFile } from '../../../hw/recordFile.ts';
import { RECORD_NAME_MAX } from '../../../parsers/formats/recordHeader.ts';
import type { LuId } from '../../base/change.ts';
import { Marks } from '../../record/marks.ts';

export interface StoredRecordOptions {
  /** The unit's state folder; made where it is missing. */
  folder: string;
  lu: LuId;
  /** The mirror's name as the configuration has it. A secret in a URL is left out of everything here. */
  mirror: string;
  /** Identities of the media; undefined while they do not answer (see `identify`). */
  mirrorId: string | undefined;
  firstId: string | undefined;
  /** Length of the volume; 0 while unknown: `resize` tells it later. */
  bytes: number;
  /** Bytes per mark, a power of two; a volume of more than 2^25 of them gets larger ones. */
  chunkBytes: number;
  /** Bytes of the volume that stay marked because they were written last. */
  hotBytes: number;
  /** True for a tee: nothing is written while the unit is away. False for a tap: then everything is marked. */
  looking: boolean;
  /** True when no write is handed on to its target before its mark is durable: then marks are believed even after a power loss. */
  synced?: boolean;
}

/**
 * Opens the record of one mirror, kept in a file of its own under a lock.
 *
 * Its marks are believed when the file was kept by a tee for the same LU and media, and either in this boot of the machine
 * (the process was killed: the system still has all of it), or closed clean, or `synced`.
 * Otherwise `reset` says why everything is marked. The ordering rules stand at `Marks`.
 */
export async function openStoredRecord(options: StoredRecordOptions): Promise<Marks> {
  const path = join(options.folder, recordFileName(options.lu, options.mirror));
  const bootId = await readBootId();
  const file = await openRecordFile(path);
  try {
    const { lu, mirrorId, firstId, synced = false } = options;
    const keeping = {
      ...options,
      lu: fitting(lu),
      mirrorId: mirrorId && fitting(mirrorId),
      firstId: firstId && fitting(firstId),
      synced,
      bootId,
    };
    return await Marks.open(file, file.stored, keeping, () => file.close());
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** `LU--MIRROR-HASH.record` (or another ending): the same for the same names, different for different ones, readable as far as it fits. */
export function recordFileName(lu: LuId, mirror: string, ending = 'record'): string {
  const shown = mirror.replace(/\/\/[^/]*@/, '//');
  const readable = (name: string, length: number): string =>
    name
      .replace(/[^A-Za-z0-9.:-]+/g, '_')
      .replace(/^[_.]+/, '')
      .slice(-length);
  const hash = createHash('sha256').update(`${lu}\n${shown}`).digest('hex').slice(0, 12);
  return `${readable(lu, 80)}--${readable(shown, 100)}-${hash}.${ending}`;
}

/** The name itself, or, where it is too long for the header, its beginning and what tells it from others. */
function fitting(name: string): string {
  if (Buffer.byteLength(name) <= RECORD_NAME_MAX) return name;
  const begin = name.slice(0, 200).replace(/[^ -~]/g, '?');
  return `${begin}... sha256:${createHash('sha256').update(name).digest('hex')}`;
}
