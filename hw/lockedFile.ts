import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Fault } from '../src/base/fault.ts';
import { type LockWords, lockFile } from './lock.ts';
import { makePrivateFolder } from './privateFolder.ts';
import { stateFault } from './stateFaults.ts';

/**
 * Opens a file that one unit at a time keeps, made (mode 0600, its folder 0700) where it is missing, and resolves with what
 * `begin` makes of it: its lock ends when the handle is closed. Rejects with a `Fault` that names path and mend; the file is
 * closed then.
 */
export async function openLocked<T>(
  path: string,
  words: LockWords,
  begin: (handle: FileHandle) => Promise<T>,
): Promise<T> {
  let handle: FileHandle | undefined;
  try {
    await makePrivateFolder(dirname(path));
    handle = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    if (!(await handle.stat()).isFile()) throw new Fault('local', `${path} is not a regular file`, 'move it away');
    await lockFile(handle.fd, path, words);
    return await begin(handle);
  } catch (error) {
    await handle?.close();
    throw stateFault(path, 'opening it', error);
  }
}

/**
 * Makes what is read from a file durable. False where some of it may be lost: Linux tells here, once, that it failed to bring
 * something to the medium since the file was last synced.
 */
export function isWhole(handle: FileHandle): Promise<boolean> {
  return handle.datasync().then(
    () => true,
    () => false,
  );
}
