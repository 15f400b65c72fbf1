import { constants, fdatasync, ftruncateSync, readSync, writeSync } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { readTableHeader, TABLE_HEADER_BYTES, type TableHeader, tableHeader } from '../parsers/formats/blockTable.ts';
import type { TableStorage } from '../src/base/blocks.ts';
import { Fault, isParseFault } from '../src/base/fault.ts';
import { lockFile } from './lock.ts';
import { makePrivateFolder } from './privateFolder.ts';
import { stateFault } from './stateFaults.ts';

/** A block table's file, opened and locked. */
export interface TableFile extends TableStorage {
  /** What stands in front; undefined: nothing of it can be believed. */
  readonly found: TableHeader | undefined;
  /** A killed process has lost nothing of it when it returns. Throws a `Fault`. */
  putHeader(header: TableHeader): void;
  /** The lock ends with it. */
  close(): Promise<void>;
}

/**
 * Opens a table's file, made (mode 0600, its folder 0700) where it is missing; it is sparse. Rejects with a `Fault` that names
 * path and mend.
 */
export async function openTableFile(path: string): Promise<TableFile> {
  let handle: FileHandle | undefined;
  try {
    await makePrivateFolder(dirname(path));
    handle = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    if (!(await handle.stat()).isFile()) throw new Fault('local', `${path} is not a regular file`, 'move it away');
    await lockFile(handle.fd, path, {
      held: `another unit keeps a block table in ${path}`,
      mend: 'stop the other unit, or name another folder for `state` in the configuration',
    });
    // Linux tells here, once, that it failed to bring something to the medium since the file was last synced.
    const whole = await handle.datasync().then(
      () => true,
      () => false,
    );
    const page = new Uint8Array(TABLE_HEADER_BYTES);
    const { bytesRead } = await handle.read(page, 0, page.length, 0);
    const header = readTableHeader(page.subarray(0, bytesRead));
    return new SystemTableFile(path, handle, whole && !isParseFault(header) ? header : undefined);
  } catch (error) {
    await handle?.close();
    throw stateFault(path, 'opening it', error);
  }
}

/** When a file's contents were last changed, in nanoseconds since 1970; 0 where that is not told (a block device). */
export async function changedAt(path: string): Promise<bigint> {
  const status = await stat(path, { bigint: true }).catch(() => undefined);
  return status?.isFile() ? status.mtimeNs : 0n;
}

class SystemTableFile implements TableFile {
  readonly found: TableHeader | undefined;
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #fd: number;

  constructor(path: string, handle: FileHandle, found: TableHeader | undefined) {
    this.found = found;
    this.#path = path;
    this.#handle = handle;
    this.#fd = handle.fd;
  }

  read(position: number, into: Uint8Array): void {
    try {
      let done = 0;
      while (done < into.length) {
        const bytes = readSync(this.#fd, into, done, into.length - done, position + done);
        if (bytes === 0) break;
        done += bytes;
      }
      into.fill(0, done);
    } catch (error) {
      throw stateFault(this.#path, `reading it at ${position}`, error);
    }
  }

  write(position: number, bytes: Uint8Array): void {
    try {
      for (let done = 0; done < bytes.length; ) {
        const written = writeSync(this.#fd, bytes, done, bytes.length - done, position + done);
        if (written === 0) throw new Fault('local', `${this.#path} takes no more bytes at ${position + done}`);
        done += written;
      }
    } catch (error) {
      throw stateFault(this.#path, `writing it at ${position}`, error);
    }
  }

  putHeader(header: TableHeader): void {
    this.write(0, tableHeader(header));
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(this.#fd, (error) => {
        if (error) reject(stateFault(this.#path, 'making it durable', error));
        else resolve();
      });
    });
  }

  /** Shrinking needs no room on a disk that is full. */
  discard(): void {
    try {
      ftruncateSync(this.#fd, 0);
    } catch (error) {
      throw stateFault(this.#path, 'discarding it', error);
    }
  }

  async close(): Promise<void> {
    try {
      await this.#handle.close();
    } catch (error) {
      throw stateFault(this.#path, 'closing it', error);
    }
  }
}
