import { open, readFile, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../src/base/fault.ts';
import { stateFault } from './stateFaults.ts';

const NAME = 'promoted.json';
const VERSION = 1;

/** The mirrors of a unit that were promoted, by their URLs: nobody mirrors into them, whenever the unit starts again. */
export async function readPromoted(folder: string): Promise<string[]> {
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
  const mend =
    'restore it, or delete it: mirrors that were promoted are then brought up to date from their first volumes';
  throw new Fault('local', `${path} does not name the mirrors that were promoted`, mend);
}

/** Durable when it resolves, as it was before whenever it does not come to that. */
export async function writePromoted(folder: string, mirrors: readonly string[]): Promise<void> {
  const path = join(folder, NAME);
  const draft = `${path}.new`;
  try {
    if (mirrors.length === 0) {
      await unlink(path).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      });
    } else {
      const file = await open(draft, 'w', 0o600);
      try {
        await file.writeFile(`${JSON.stringify({ version: VERSION, mirrors })}\n`);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(draft, path);
    }
    const entries = await open(folder, 'r');
    await entries.sync().finally(() => entries.close());
  } catch (error) {
    throw stateFault(path, 'writing it', error);
  }
}

function mirrorsIn(text: string): string[] | undefined {
  try {
    const { version, mirrors } = JSON.parse(text) as { version?: unknown; mirrors?: unknown };
    if (version !== VERSION || !Array.isArray(mirrors)) return undefined;
    return mirrors.every((one) => typeof one === 'string') ? mirrors : undefined;
  } catch {
    return undefined;
  }
}
