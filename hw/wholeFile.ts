import { open, readFile, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { stateFault } from './stateFaults.ts';

/** The text of a small file; undefined where there is none. Rejects with a `Fault` where it cannot be read. */
export async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw stateFault(path, 'reading it', error);
  }
}

/** The members of an object in JSON (RFC 8259); none where the text is something else. */
export function membersIn(text: string): Readonly<Record<string, unknown>> {
  try {
    return membersOf(JSON.parse(text));
  } catch {
    return {};
  }
}

/** The members of a value from JSON; none where it is no object. */
export function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/**
 * Gives a file (mode 0600) other contents: it has these or those it had, whole, whenever the process or the machine ends or
 * the disk is full, and these for good when it resolves. Rejects with a `Fault`. One call at a time for each path.
 */
export async function replaceDurably(path: string, contents: string | Uint8Array): Promise<void> {
  const draft = `${path}.new`;
  try {
    const file = await open(draft, 'w', 0o600);
    try {
      await file.writeFile(contents);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
    await syncFolder(dirname(path));
  } catch (error) {
    throw stateFault(path, 'writing it', error);
  }
}

/** Removes a file for good; nothing is to do where there is none. Rejects with a `Fault`. */
export async function removeDurably(path: string): Promise<void> {
  try {
    await unlink(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    await syncFolder(dirname(path));
  } catch (error) {
    throw stateFault(path, 'writing it', error);
  }
}

/** Makes names that came and went in a folder durable. Rejects with the system's error. */
export async function syncFolder(folder: string): Promise<void> {
  const entries = await open(folder, 'r');
  await entries.sync().finally(() => entries.close());
}
