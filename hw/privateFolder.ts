import { mkdir } from 'node:fs/promises';

const MODE = 0o700;

/** Makes a folder, and those above it, for this user alone; nothing happens where it exists. */
export async function makePrivateFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: MODE });
  } catch (error) {
    // Node says so for every failure of a recursive one, also on a read-only file system: a plain one tells the reason.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') await mkdir(folder, MODE);
    throw error;
  }
}
