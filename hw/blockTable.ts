import { fdatasync, ftruncateSync } from 'node:fs';
import { type FileHandle, stat } from 'node:fs/promises';
import { readTableHeader, TABLE_HEADER_BYTES, type TableHeader, tableHeader } from '../parsers/formats/blockTable.ts';
import type { TableStorage } from '../src/base/blocks.ts';
import { Fault, isParseFault } from '../src/base/fault.ts';
import { readAt, readAtNow, writeAtNow } from './fileBytes.ts';
import { isWhole, openLocked } from './lockedFile.ts';
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
export function openTableFile(path: string): Promise<TableFile> {
  const words = {
    held: `another unit keeps a block table in ${path}`,
    mend: 'stop the other unit, or name another folder for `state` in the configuration',
  };
  return openLocked(path, words, async (handle) => {
    const whole = await isWhole(handle);
    const page = new Uint8Array(TABLE_HEADER_BYTES);
    const header = readTableHeader(page.subarray(0, await readAt(handle, page, 0)));
    return new SystemTableFile(path, handle, whole && !isParseFault(header) ? header : undefined);
  });
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

  constructor(path: string, handle: FileHandle, found: TableHeader | undefined) {
    this.found = found;
    this.#path = path;
    this.#handle = handle;
  }

  /** Throws once it is closed: the system may have given the number to another file. */
  get #fd(): number {
    const { fd } = this.#handle;
    if (fd < 0) throw new Fault('local', `${this.#path} is closed`);
    return fd;
  }

  read(position: number, into: Uint8Array): void {
    try {
      into.fill(0, readAtNow(this.#fd, into, position));
    } catch (error) {
      throw stateFault(this.#path, `reading it at ${position}`, error);
    }
  }

  write(position: number, bytes: Uint8Array): void {
    try {
      writeAtNow(this.#fd, this.#path, bytes, position);
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
