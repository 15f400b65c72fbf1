import { readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { stateFault } from './stateFaults.ts';
import { syncFolder } from './wholeFile.ts';

/**
 * Removes the records in a folder that are not among `kept`, durably: nobody believes them later. Resolves with their names;
 * rejects with a `Fault`.
 */
export async function removeRecords(folder: string, kept: ReadonlySet<string>): Promise<string[]> {
  try {
    const all = await readdir(folder);
    const left = all.filter((name) => name.endsWith('.record') && !kept.has(name));
    for (const name of left) await unlink(join(folder, name));
    if (left.length > 0) await syncFolder(folder);
    return left;
  } catch (error) {
    throw stateFault(folder, 'removing records that are out of date', error);
  }
}
