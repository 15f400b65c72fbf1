import { open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Fault } from '../src/base/fault.ts';
import { stateFault } from './stateFaults.ts';

const VERSION = 1;

/** The unit that a file of `writeWriter` names; undefined where there is none. Rejects with a `Fault` where it cannot be read. */
export async function readWriter(path: string): Promise<string | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw stateFault(path, 'reading it', error);
  }
  const told = parsed(text);
  if (told?.version === VERSION && typeof told.from === 'string') return told.from;
  throw new Fault('local', `${path} names no unit`, 'delete it: the next unit that sends the volume is taken');
}

/** Keeps a unit's name: whole or not at all, whenever the process or the machine ends, and durable when it resolves. */
export async function writeWriter(path: string, unit: string): Promise<void> {
  const draft = `${path}.new`;
  try {
    const file = await open(draft, 'w', 0o600);
    try {
      await file.writeFile(`${JSON.stringify({ from: unit, version: VERSION })}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
    const folder = await open(dirname(path), 'r');
    await folder.sync().finally(() => folder.close());
  } catch (error) {
    throw stateFault(path, 'writing it', error);
  }
}

function parsed(text: string): { from?: unknown; version?: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
