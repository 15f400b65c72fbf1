import { constants } from 'node:fs';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { Fault } from '../src/base/fault.ts';
import { readAt, writeAt } from './fileBytes.ts';
import { fileFault } from './fileFaults.ts';

const CLEAR_BYTES = 1024 * 1024;

/** A file of holes that takes writes and does not outlive the process. Rejects with a `Fault` everywhere. */
export interface ScratchFile {
  read(offset: number, into: Uint8Array): Promise<void>;
  /** The bytes are the caller's again once this settles. */
  write(offset: number, bytes: Uint8Array): Promise<void>;
  zero(offset: number, length: number): Promise<void>;
  /** For when no call is under way: its room goes back to the file system. */
  close(): Promise<void>;
}

/**
 * Makes a file (mode 0600) of `bytes` at `path`, where nothing may be. It has no name any more when this resolves, so that
 * nothing is left behind however the process ends.
 */
export async function openScratchFile(path: string, bytes: number): Promise<ScratchFile> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
    await unlink(path);
    await handle.truncate(bytes);
    return new SparseFile(path, handle);
  } catch (error) {
    await handle?.close();
    throw scratchFault(path, 'making a file for changes', error);
  }
}

class SparseFile implements ScratchFile {
  readonly #path: string;
  readonly #handle: FileHandle;

  constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    try {
      const done = await readAt(this.#handle, into, offset);
      if (done < into.length) throw new Fault('local', `${this.#path} ends at ${offset + done}`);
    } catch (error) {
      throw scratchFault(this.#path, 'reading', error);
    }
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    try {
      await writeAt(this.#handle, this.#path, bytes, offset);
    } catch (error) {
      throw scratchFault(this.#path, 'writing', error);
    }
  }

  async zero(offset: number, length: number): Promise<void> {
    const zeros = new Uint8Array(Math.min(length, CLEAR_BYTES));
    for (let done = 0; done < length; done += zeros.length) {
      await this.write(offset + done, zeros.subarray(0, Math.min(zeros.length, length - done)));
    }
  }

  async close(): Promise<void> {
    try {
      await this.#handle.close();
    } catch (error) {
      throw scratchFault(this.#path, 'closing it', error);
    }
  }
}

function scratchFault(path: string, doing: string, error: unknown): Fault {
  if (error instanceof Fault) return error;
  const system = error as NodeJS.ErrnoException;
  if (system.code !== 'EEXIST') return fileFault(path, doing, system);
  return new Fault('local', `${path} is there already`, 'name a file that is not', { cause: error });
}
