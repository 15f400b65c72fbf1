import type { FarStore } from '../../base/ordered.ts';
import type { Volume } from '../../base/volume.ts';
import { openKeptTable } from './blockTable.ts';
import { TabledStore } from './blockTableStore.ts';
import { TabledVolume } from './blockTableVolume.ts';

export interface TablePlace {
  /** The table's file. */
  path: string;
  /** Path of the medium. */
  medium: string;
  notice: (text: string) => void;
  /** False: what is not known is read only when it is asked for. */
  background?: boolean;
}

/**
 * The store with a block table of its newest moment beside it. Undefined: it cannot be opened, which is told, and the store
 * does without one: then a resync reads what it compares.
 */
export async function tabledStore(store: FarStore, place: TablePlace): Promise<TabledStore | undefined> {
  const { blockSize, bytes, incarnation: identity } = store;
  try {
    return new TabledStore(store, await openKeptTable({ ...place, identity, blockSize, bytes }), place.background);
  } catch (error) {
    tell(place, error);
    return undefined;
  }
}

/** The same for a medium of this unit; itself where there is no table. */
export async function tabledVolume(volume: Volume, place: TablePlace): Promise<Volume> {
  const { kind, id } = volume.identity();
  const bytes = volume.blocks * volume.blockSize;
  const { blockSize } = volume;
  try {
    const identity = `${kind} ${id}`;
    return new TabledVolume(volume, await openKeptTable({ ...place, identity, blockSize, bytes }), place.background);
  } catch (error) {
    tell(place, error);
    return volume;
  }
}

function tell({ notice }: TablePlace, error: unknown): void {
  notice(`no block table is kept: ${error instanceof Error ? error.message : String(error)}`);
}
