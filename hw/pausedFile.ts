import { open, readFile, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../src/base/fault.ts';
import { stateFault } from './stateFaults.ts';

const NAME = 'paused.json';
const VERSION = 1;

/** A mirror that somebody paused. */
export interface PausedMirror {
  /** The LU or name of the volume, and the mirror's URL, as in the configuration. */
  volume: string;
  mirror: string;
  /** Who, as they call themselves, and when (ISO 8601). */
  by: string;
  at: string;
}

/** The mirrors of a unit that are paused, whenever it starts again. */
export async function readPaused(folder: string): Promise<PausedMirror[]> {
  const path = join(folder, NAME);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw stateFault(path, 'reading it', error);
  }
  const mirrors = mirrorsIn(text);
  if (mirrors !== undefined) return mirrors;
  const mend = 'restore it, or delete it: the mirrors that were paused then go on';
  throw new Fault('local', `${path} does not name the mirrors that are paused`, mend);
}

/** Durable when it resolves, as it was before whenever it does not come to that. */
export async function writePaused(folder: string, mirrors: readonly PausedMirror[]): Promise<void> {
  const path = join(folder, NAME);
  try {
    if (mirrors.length === 0) await gone(path);
    else await replaced(path, `${JSON.stringify({ version: VERSION, mirrors })}\n`);
    const entries = await open(folder, 'r');
    await entries.sync().finally(() => entries.close());
  } catch (error) {
    throw stateFault(path, 'writing it', error);
  }
}

async function gone(path: string): Promise<void> {
  await unlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}

async function replaced(path: string, text: string): Promise<void> {
  const draft = `${path}.new`;
  const file = await open(draft, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
}

function mirrorsIn(text: string): PausedMirror[] | undefined {
  try {
    const { version, mirrors } = JSON.parse(text) as { version?: unknown; mirrors?: unknown };
    if (version !== VERSION || !Array.isArray(mirrors)) return undefined;
    return mirrors.every(isPaused) ? mirrors : undefined;
  } catch {
    return undefined;
  }
}

function isPaused(one: unknown): one is PausedMirror {
  const { volume, mirror, by, at } = (one ?? {}) as Record<string, unknown>;
  return [volume, mirror, by, at].every((word) => typeof word === 'string');
}
