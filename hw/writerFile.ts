import { Fault } from '../src/base/fault.ts';
import { membersIn, readText, replaceDurably } from './wholeFile.ts';

const VERSION = 1;

/** The unit that a file of `writeWriter` names; undefined where there is none. Rejects with a `Fault` where it cannot be read. */
export async function readWriter(path: string): Promise<string | undefined> {
  const text = await readText(path);
  if (text === undefined) return undefined;
  const { version, from } = membersIn(text);
  if (version === VERSION && typeof from === 'string') return from;
  throw new Fault('local', `${path} names no unit`, 'delete it: the next unit that sends the volume is taken');
}

/** Keeps a unit's name: whole or not at all, whenever the process or the machine ends, and durable when it resolves. */
export function writeWriter(path: string, unit: string): Promise<void> {
  return replaceDurably(path, `${JSON.stringify({ from: unit, version: VERSION })}\n`);
}
