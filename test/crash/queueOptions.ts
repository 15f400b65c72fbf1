import { openFileVolume } from '../../hw/files.ts';
import type { Piece } from '../../src/base/change.ts';
import type { OrderedEntry } from '../../src/base/ordered.ts';
import { openHistoryStore } from '../../src/unit/history/historyStore.ts';
import type { HistoryStore } from '../../src/unit/history/historyTypes.ts';
import { Random } from '../fuzz/random.ts';

export const EPOCH = '01234567-89ab-cdef-0123-456789abcdef';
export const VOLUME_BYTES = 512 * 1024;

/** A window so short that it folds all the time, in segments so small that they come and go. */
export async function openCrashQueue(
  folder: string,
  notices: string[] = [],
  bytes: number = 256 * 1024,
): Promise<HistoryStore> {
  const base = await openFileVolume(`${folder}/base.img`, { writable: true, lock: true });
  return openHistoryStore({
    folder: `${folder}/queue`,
    base,
    windowNs: 10n ** 18n,
    bytes,
    segmentBytes: 32 * 1024,
    directFrom: 8 * 1024,
    notice: (text) => void notices.push(text),
  });
}

/** The entry of this number: always the same one. */
export function entryOf(seed: number, number: number): OrderedEntry {
  const random = new Random(seed, number);
  const at = BigInt(number);
  const consistent = !random.chance(8);
  if (random.chance(20)) return { kind: 'mark', at, name: `m${random.below(10)}`, consistent };
  const pieces: Piece[] = [];
  for (let offset = 512 * random.below(300); offset < VOLUME_BYTES && pieces.length < 2; ) {
    const length = Math.min(512 * random.between(1, 24), VOLUME_BYTES - offset);
    const byte = random.below(256);
    const payload = random.pick([
      [new Uint8Array(length).fill(byte)],
      [new Uint8Array(length).fill(byte)],
      { fill: Uint8Array.of(byte, number) },
      'zeros',
    ] as const);
    pieces.push({ offset, length, payload });
    offset += length + 512 * random.below(400);
  }
  return { kind: 'change', at, pieces, consistent };
}
