import { ftruncateSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { Fault } from '../src/base/fault.ts';
import type { RecordStorage } from '../src/base/record.ts';
import { readAt, writeAtNow } from './fileBytes.ts';
import { isWhole, openLocked } from './lockedFile.ts';
import { keepFault, stateFault } from './stateFaults.ts';

/** The largest record has 4 MiB of bits; what is longer is another file. */
const RECORD_BYTES_MAX = 8 * 1024 * 1024;

/** A record's file, opened and locked. */
export interface RecordFile extends RecordStorage {
  /** What it held at opening, durable by then (nothing: it was created); undefined when the medium may have lost some of it. */
  readonly stored: Uint8Array | undefined;
  /** Waits for syncs under way. The lock ends with it. */
  close(): Promise<void>;
}

/**
 * Opens a record's file, creating it (mode 0600) and its folder (0700) where they are missing. Pages are overwritten in
 * place: once all of them were written, marking needs no room on the disk. Rejects with a `Fault` that names path and mend.
 */
export function openRecordFile(path: string): Promise<RecordFile> {
  const words = {
    held: `another unit keeps its record in ${path}`,
    mend: 'stop the other unit, or name another folder for `state` in the configuration',
  };
  return openLocked(path, words, async (handle) => new SystemRecordFile(path, handle, await storedIn(path, handle)));
}

async function storedIn(path: string, handle: FileHandle): Promise<Uint8Array | undefined> {
  if (!(await isWhole(handle))) return undefined;
  const { size } = await handle.stat();
  if (size > RECORD_BYTES_MAX) throw new Fault('local', `${path} is too long for a record`, 'move it away');
  const bytes = new Uint8Array(size);
  return bytes.subarray(0, await readAt(handle, bytes, 0));
}

class SystemRecordFile implements RecordFile {
  readonly stored: Uint8Array | undefined;
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #fd: number;
  #running: Promise<void> | undefined;
  #following: Promise<void> | undefined;

  constructor(path: string, handle: FileHandle, stored: Uint8Array | undefined) {
    this.stored = stored;
    this.#path = path;
    this.#handle = handle;
    this.#fd = handle.fd;
  }

  writePage(index: number, bytes: Uint8Array): void {
    try {
      writeAtNow(this.#fd, this.#path, bytes, index * bytes.length);
    } catch (error) {
      throw keepFault(this.#path, `writing page ${index}`, error);
    }
  }

  /** A call that comes while one runs waits for the next, as pages may have been written since that began. */
  sync(): Promise<void> {
    if (this.#running === undefined) return this.#start();
    this.#following ??= this.#running.then(
      () => this.#start(),
      () => this.#start(),
    );
    return this.#following;
  }

  empty(): void {
    try {
      // Shrinking needs no room on a disk that is full, and no page to be written.
      ftruncateSync(this.#fd, 0);
    } catch (error) {
      throw keepFault(this.#path, 'discarding what it holds', error);
    }
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#running, this.#following]);
    try {
      await this.#handle.close();
    } catch (error) {
      throw stateFault(this.#path, 'closing it', error);
    }
  }

  #start(): Promise<void> {
    this.#following = undefined;
    const running = this.#datasync().finally(() => {
      this.#running = undefined;
    });
    this.#running = running;
    return running;
  }

  async #datasync(): Promise<void> {
    try {
      await this.#handle.datasync();
    } catch (error) {
      throw keepFault(this.#path, 'making it durable', error);
    }
  }
}
