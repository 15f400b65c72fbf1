import { join } from 'node:path';
import { Fault } from '../src/base/fault.ts';
import { membersIn, readText, removeDurably, replaceDurably } from './wholeFile.ts';

const VERSION = 1;

/** A small file in a unit's state folder that lists mirrors that something was done to; there is none while none is listed. */
export interface MirrorsFile<T> {
  name: string;
  /** What they are or were: `are paused`. */
  done: string;
  /** What happens to those mirrors where the file is deleted. */
  without: string;
  isMirror: (one: unknown) => one is T;
}

/** Rejects with a `Fault` where the file cannot be read or believed. */
export async function readMirrors<T>(folder: string, { name, done, without, isMirror }: MirrorsFile<T>): Promise<T[]> {
  const path = join(folder, name);
  const text = await readText(path);
  if (text === undefined) return [];
  const { version, mirrors } = membersIn(text);
  if (version === VERSION && Array.isArray(mirrors) && mirrors.every(isMirror)) return mirrors;
  const mend = `restore it, or delete it: ${without}`;
  throw new Fault('local', `${path} does not name the mirrors that ${done}`, mend);
}

/** Durable when it resolves, as it was before whenever it does not come to that. */
export async function writeMirrors<T>(folder: string, { name }: MirrorsFile<T>, mirrors: readonly T[]): Promise<void> {
  const path = join(folder, name);
  if (mirrors.length === 0) await removeDurably(path);
  else await replaceDurably(path, `${JSON.stringify({ version: VERSION, mirrors })}\n`);
}
