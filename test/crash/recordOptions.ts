import { RECORD_PAGE_BITS } from '../../parsers/formats/recordPage.ts';
import type { StoredRecordOptions } from '../../src/unit/live/storedRecord.ts';

/** Three pages of the file, the last one in part. */
export const CHUNKS: number = 2 * RECORD_PAGE_BITS + 5000;
const CHUNK_BYTES = 65_536;

export function crashOptions(folder: string): StoredRecordOptions {
  return {
    folder,
    lu: 'iqn.2024-01.example:crash/1',
    mirror: 'file:/mirror.img',
    mirrorId: 'mirror',
    firstId: 'first',
    bytes: CHUNKS * CHUNK_BYTES,
    chunkBytes: CHUNK_BYTES,
    hotBytes: 16 * CHUNK_BYTES,
    looking: true,
  };
}

/** The record of a process whose disk fails at times. */
export const KEPT_FILE = 'kept.record';
