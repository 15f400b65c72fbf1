import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../src/base/fault.ts';
import { lockFile } from './lock.ts';
import { makePrivateFolder } from './privateFolder.ts';
import { stateFault } from './stateFaults.ts';
import { membersIn, readText, replaceDurably } from './wholeFile.ts';

/** Where a unit keeps what must outlive it. No other unit has it while this is open. */
export interface StateFolder {
  readonly folder: string;
  /** The unit's own UUID, made when the folder was. */
  readonly unit: string;
  close(): Promise<void>;
}

const VERSION = 1;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Opens a unit's state folder, made (mode 0700) where it is missing. Rejects with a `Fault` that names it and a mend. */
export async function openStateFolder(folder: string): Promise<StateFolder> {
  const lock = join(folder, 'lock');
  let handle: FileHandle | undefined;
  try {
    await makePrivateFolder(folder);
    handle = await open(lock, constants.O_RDWR | constants.O_CREAT, 0o600);
    await lockFile(handle.fd, lock, await heldWords(folder, lock));
    await handle.truncate();
    await handle.write(`${process.pid}\n`, 0);
    const unit = await unitOf(folder);
    const opened = handle;
    return { folder, unit, close: () => opened.close() };
  } catch (error) {
    await handle?.close();
    throw stateFault(folder, 'opening the state folder', error);
  }
}

async function heldWords(folder: string, lock: string): Promise<{ held: string; mend: string }> {
  const pid = (await readFile(lock, 'latin1')).trim();
  const who = /^\d+$/.test(pid) ? `another unit (process ${pid})` : 'another unit';
  return {
    held: `${who} runs with the state folder ${folder}`,
    mend: 'stop it, or give this unit a `state` folder of its own',
  };
}

async function unitOf(folder: string): Promise<string> {
  const path = join(folder, 'unit.json');
  const text = await readText(path);
  if (text === undefined) return newUnit(path);
  const told = membersIn(text);
  if (told.version === VERSION && typeof told.unit === 'string' && UUID.test(told.unit)) return told.unit;
  const newer = typeof told.version === 'number' && told.version > VERSION;
  const what = newer ? `is of version ${told.version}, which this program does not know` : 'does not name a unit';
  const mend = newer ? 'use a newer program' : 'restore it, or delete it: the unit is then another one';
  throw new Fault('local', `${path} ${what}`, mend);
}

/** Whole or not there at all, whenever the process or the machine ends. */
async function newUnit(path: string): Promise<string> {
  const unit = randomUUID();
  await replaceDurably(path, `${JSON.stringify({ unit, version: VERSION })}\n`);
  return unit;
}
