import { openFileVolume } from '../../hw/files.ts';
import type { Piece } from '../../src/base/change.ts';
import type { BlockTable } from '../../src/blocks/blockTable.ts';
import { tabledStore, tabledVolume } from '../../src/unit/blockTable/blockTableOpen.ts';
import type { Scrub } from '../../src/unit/blockTable/blockTableScrub.ts';
import { TabledVolume } from '../../src/unit/blockTable/blockTableVolume.ts';
import { openPlainStore } from '../../src/unit/history/plainStore.ts';
import { EPOCH, openCrashQueue, VOLUME_BYTES } from './queueOptions.ts';

export type Keeper = 'medium' | 'store' | 'history';
export const KEEPERS: readonly Keeper[] = ['medium', 'store', 'history'];

/** Something with a block table that is written to. */
export interface Tabled {
  table: BlockTable;
  scrub: Scrub;
  write: (pieces: readonly Piece[]) => Promise<void>;
  read: (into: Uint8Array) => Promise<void>;
  close: () => Promise<void>;
}

export { VOLUME_BYTES };

/** As a unit opens it; `folder` has a file `base.img`. */
export async function openTabled(keeper: Keeper, folder: string): Promise<Tabled> {
  const fail = (text: string): never => {
    throw new Error(text);
  };
  const place = { path: `${folder}/table`, medium: `${folder}/base.img`, notice: fail, background: false };
  if (keeper === 'medium') {
    const volume = await tabledVolume(await openFileVolume(place.medium, { writable: true }), place);
    if (!(volume instanceof TabledVolume)) return fail('no table');
    return {
      table: volume.table,
      scrub: volume.scrub,
      write: (pieces) => volume.writev(pieces, { fua: false }),
      read: (into) => volume.read(0, into),
      close: () => volume.close(),
    };
  }
  const store =
    keeper === 'history'
      ? await openCrashQueue(folder)
      : await openPlainStore({
          statePath: `${folder}/place`,
          volume: await openFileVolume(place.medium, { writable: true }),
          notice: () => undefined,
        });
  const tabled = await tabledStore(store, place);
  if (!tabled) return fail('no table');
  let number = store.durable?.number ?? 0;
  return {
    table: tabled.table,
    scrub: tabled.scrub,
    write: async (pieces) => {
      number++;
      await tabled.append({ epoch: EPOCH, number }, { kind: 'change', at: BigInt(number), pieces, consistent: true });
      if (number % 16 === 0) await tabled.sync();
    },
    read: (into) => tabled.read(0, into),
    close: () => tabled.close(),
  };
}
