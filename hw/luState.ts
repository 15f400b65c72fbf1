import { randomUUID } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import {
  LU_STATE_BYTES_MAX,
  type LuState,
  type LuStateName,
  luStateBytes,
  readLuState,
} from '../parsers/formats/luState.ts';
import { copyOf } from '../src/base/bytes.ts';
import { Fault, isParseFault } from '../src/base/fault.ts';
import { stateFault } from './stateFaults.ts';
import { replaceDurably } from './wholeFile.ts';

/** What a logical unit keeps over restarts, in a small file of its own. */
export interface LuStateFile {
  readonly state: LuState;
  /** Resolves when it is durable. Calls keep their order. */
  keep(name: LuStateName, bytes: Uint8Array): Promise<void>;
}

/**
 * Opens it, made with a new id where it is missing. A file that is not whole is refused: nobody takes a logical unit without
 * its reservations for the one that had them. Rejects with a `Fault` that names path and mend.
 */
export async function openLuState(path: string): Promise<LuStateFile> {
  const found = await bytesOf(path);
  if (found !== undefined) {
    const state = readLuState(found);
    if (!isParseFault(state)) return new Kept(path, state);
    const mend =
      'restore it, or delete it: reservations and saved modes are forgotten then, and the serial number changes';
    throw new Fault('local', `${path} cannot be believed: ${state.reason} (at byte ${state.offset})`, mend);
  }
  const fresh = new Kept(path, { id: randomUUID() });
  await fresh.write();
  return fresh;
}

async function bytesOf(path: string): Promise<Uint8Array | undefined> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, 'r');
    const bytes = new Uint8Array(LU_STATE_BYTES_MAX);
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
    return bytes.subarray(0, bytesRead);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw stateFault(path, 'reading it', error);
  } finally {
    await handle?.close();
  }
}

class Kept implements LuStateFile {
  state: LuState;
  readonly #path: string;
  #last: Promise<void> = Promise.resolve();

  constructor(path: string, state: LuState) {
    this.#path = path;
    this.state = state;
  }

  keep(name: LuStateName, bytes: Uint8Array): Promise<void> {
    const copy = copyOf(bytes);
    const done = this.#last.then(async () => {
      const before = this.state;
      this.state = { ...before, [name]: copy };
      try {
        await this.write();
      } catch (error) {
        this.state = before;
        throw error;
      }
    });
    this.#last = done.catch(() => undefined);
    return done;
  }

  /** Whole or as before, whenever the process or the machine ends. */
  write(): Promise<void> {
    return replaceDurably(this.#path, luStateBytes(this.state));
  }
}
