import { constants } from 'node:fs';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Fault } from '../src/base/fault.ts';
import { fileFault } from './fileFaults.ts';
import { makePrivateFolder } from './privateFolder.ts';
import { type SpillRun, SpillSpace } from './spillSpace.ts';
import { stateFault } from './stateFaults.ts';

/** A file that was longer is cut when nothing in it is needed: its blocks go back to the file system. */
const KEPT_BYTES = 16 * 1024 * 1024;

/** Bounded temporary storage. What stands in it does not outlive the process. */
export interface Spill {
  /** The bound, and what of it is lent (whole units of 4 KiB). */
  readonly bytesMax: number;
  readonly usedBytes: number;
  /** A place for `bytes` (more than 0), or for the first part of them; undefined when the bound is reached. */
  take(bytes: number): SpillRun | undefined;
  /** A place, or a part of it from a multiple of 4 KiB on, is free again. Not while it is being read or written. */
  give(place: number, bytes: number): void;
  /** The bytes are the caller's again once this settles. Rejects with a `Fault`, also where the disk is full. */
  write(place: number, bytes: Uint8Array): Promise<void>;
  read(place: number, into: Uint8Array): Promise<void>;
  /** For when no call is under way. */
  close(): Promise<void>;
}

/**
 * Opens temporary storage: a file (mode 0600) that is made at `path`, over what a killed process may have left there, and
 * has no name any more when this resolves. Rejects with a `Fault` that names the path and a mend.
 */
export async function openSpill(path: string, bytesMax: number): Promise<Spill> {
  let handle: FileHandle | undefined;
  try {
    await makePrivateFolder(dirname(path));
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    handle = await open(path, flags, 0o600);
    if (!(await handle.stat()).isFile()) throw new Fault('local', `${path} is not a regular file`, 'move it away');
    await unlink(path);
    await handle.truncate(0);
    return new FileSpill(path, handle, new SpillSpace(bytesMax));
  } catch (error) {
    await handle?.close();
    throw stateFault(path, 'opening temporary storage', error);
  }
}

class FileSpill implements Spill {
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #space: SpillSpace;
  /** The file is being cut: what is written meanwhile would be cut with it. */
  #cutting: Promise<void> | undefined;

  constructor(path: string, handle: FileHandle, space: SpillSpace) {
    this.#path = path;
    this.#handle = handle;
    this.#space = space;
  }

  get bytesMax(): number {
    return this.#space.bytesMax;
  }

  get usedBytes(): number {
    return this.#space.usedBytes;
  }

  take(bytes: number): SpillRun | undefined {
    return this.#space.take(bytes);
  }

  give(place: number, bytes: number): void {
    this.#space.give(place, bytes);
    if (this.#space.usedBytes > 0 || this.#space.highest <= KEPT_BYTES) return;
    this.#space.reset();
    const cut = (): Promise<void> => this.#handle.truncate(0).catch(() => undefined);
    // One that fails leaves a file that is only longer than it needs to be.
    const cutting = (this.#cutting ?? Promise.resolve()).then(cut).finally(() => {
      if (this.#cutting === cutting) this.#cutting = undefined;
    });
    this.#cutting = cutting;
  }

  async write(place: number, bytes: Uint8Array): Promise<void> {
    await this.#cutting;
    for (let done = 0; done < bytes.length; ) {
      const left = bytes.length - done;
      const doing = `writing ${left} bytes at ${place + done}`;
      const { bytesWritten } = await this.#handle.write(bytes, done, left, place + done).catch((error: unknown) => {
        throw this.#fault(doing, error);
      });
      if (bytesWritten === 0) throw new Fault('local', `${this.#path} takes no more bytes (${doing})`);
      done += bytesWritten;
    }
  }

  async read(place: number, into: Uint8Array): Promise<void> {
    for (let done = 0; done < into.length; ) {
      const left = into.length - done;
      const doing = `reading ${left} bytes at ${place + done}`;
      const { bytesRead } = await this.#handle.read(into, done, left, place + done).catch((error: unknown) => {
        throw this.#fault(doing, error);
      });
      if (bytesRead === 0) throw new Fault('local', `${this.#path} ends at ${place + done} (${doing})`);
      done += bytesRead;
    }
  }

  async close(): Promise<void> {
    await this.#cutting;
    await this.#handle.close();
  }

  #fault(doing: string, error: unknown): Fault {
    const system = error as NodeJS.ErrnoException;
    const { blame, message, mend } = fileFault(this.#path, doing, system);
    const full = system.code === 'ENOSPC' || system.code === 'EDQUOT';
    return new Fault(blame, message, full ? 'free some space there' : mend, { cause: error });
  }
}
