import type { FileHandle } from 'node:fs/promises';
import { readStateSlot, STATE_SLOT_BYTES, type StoreState, stateSlot } from '../parsers/formats/queueState.ts';
import { isParseFault } from '../src/base/fault.ts';
import { readAt, writeAt } from './fileBytes.ts';
import { openLocked } from './lockedFile.ts';
import { stateFault } from './stateFaults.ts';

/** The two slots lie in pages of their own. */
const SLOT_STEP = 4096;
const FILE_BYTES = 2 * SLOT_STEP;

/** A store's state as its holder gives it; the slots' generations are counted here. */
export type KeptState = Omit<StoreState, 'generation'>;

/** The small file beside a store's contents, opened and locked. */
export interface StateFile {
  /** What it held at opening, durable by then; undefined when there was none, or none that can be believed. */
  readonly found: StoreState | undefined;
  /**
   * Why something in it is not believed: nothing that was found, or a slot beside the one that was. (A slot lies in one
   * sector, so that no end of the machine leaves it half written.)
   */
  readonly damage: string | undefined;
  /** Writes a state: when it resolves, a killed process has lost nothing of it (a power loss may). Calls keep their order. */
  put(state: KeptState): Promise<void>;
  /** The same, and it survives a power loss when it resolves. */
  commit(state: KeptState): Promise<void>;
  /** Waits for what is under way. The lock ends with it. */
  close(): Promise<void>;
}

/**
 * Opens a store's state file, made (mode 0600, its folder 0700) where it is missing. Two slots in turn: the one that holds
 * the last state that was made durable is never written to, so whatever ends in the middle leaves one that is whole.
 * Rejects with a `Fault` that names path and mend.
 */
export function openStoreState(path: string): Promise<StateFile> {
  const words = {
    held: `another unit keeps its store in ${path}, or one volume is named twice`,
    mend: 'stop the other unit, or give each volume a folder of its own',
  };
  return openLocked(path, words, async (handle) => {
    // What is read next may still be in memory alone.
    await handle.datasync();
    return new SlotFile(path, handle, await slotsIn(handle));
  });
}

interface Slots {
  found: StoreState | undefined;
  slot: 0 | 1;
  damage: string | undefined;
}

async function slotsIn(handle: FileHandle): Promise<Slots> {
  const { size } = await handle.stat();
  const bytes = new Uint8Array(FILE_BYTES);
  await readAt(handle, bytes, 0);
  const slots = [0, SLOT_STEP].map((at) => bytes.subarray(at, at + STATE_SLOT_BYTES));
  const [first, second] = slots.map(readStateSlot).map((slot) => (isParseFault(slot) ? undefined : slot));
  const damage = slots.map(damageOf).find((reason) => reason !== undefined);
  if (second && (!first || second.generation > first.generation)) return { found: second, slot: 1, damage };
  if (first) return { found: first, slot: 0, damage };
  return { found: undefined, slot: 1, damage: size > FILE_BYTES ? 'it is too long' : damage };
}

/** Why a slot that was written once is not believed. */
function damageOf(slot: Uint8Array): string | undefined {
  const read = readStateSlot(slot);
  return isParseFault(read) && slot.some((byte) => byte !== 0) ? read.reason : undefined;
}

class SlotFile implements StateFile {
  readonly found: StoreState | undefined;
  readonly damage: string | undefined;
  readonly #path: string;
  readonly #handle: FileHandle;
  /** The slot that is written next. */
  #slot: 0 | 1;
  #generation: number;
  #last: Promise<void> = Promise.resolve();

  constructor(path: string, handle: FileHandle, { found, slot, damage }: Slots) {
    this.#path = path;
    this.#handle = handle;
    this.found = found;
    this.damage = damage;
    this.#generation = found?.generation ?? 0;
    this.#slot = slot === 0 ? 1 : 0;
  }

  put(state: KeptState): Promise<void> {
    return this.#after(() => this.#write(state));
  }

  commit(state: KeptState): Promise<void> {
    return this.#after(async () => {
      await this.#write(state);
      await this.#handle.datasync();
      this.#slot = this.#slot === 0 ? 1 : 0;
    });
  }

  async close(): Promise<void> {
    await this.#last;
    try {
      await this.#handle.close();
    } catch (error) {
      throw stateFault(this.#path, 'closing it', error);
    }
  }

  #after(work: () => Promise<void>): Promise<void> {
    const done = this.#last.then(work).catch((error: unknown) => {
      throw stateFault(this.#path, 'writing it', error);
    });
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #write(state: KeptState): Promise<void> {
    const slot = stateSlot({ ...state, generation: ++this.#generation });
    // Both slots take up room from the beginning: a full disk meets no state.
    const first = this.#generation === 1 && this.found === undefined;
    const bytes = first ? new Uint8Array(FILE_BYTES) : slot;
    if (first) bytes.set(slot, this.#slot * SLOT_STEP);
    await writeAt(this.#handle, this.#path, bytes, first ? 0 : this.#slot * SLOT_STEP);
  }
}
