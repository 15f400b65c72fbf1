import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { access, constants, readdir, readFile, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Of `linux/capability.h`. */
const CHOWN = 0n;
const NET_RAW = 13n;
const NET_BIND_SERVICE = 10n;
const TOOL_MS = 3000;

/** What this process may do beyond what files allow; null where the system does not say. */
export function capabilities(): { chown: boolean; netRaw: boolean; bindService: boolean } | null {
  try {
    const told = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'));
    if (told === null) return null;
    const set = BigInt(`0x${told[1]}`);
    const has = (bit: bigint): boolean => ((set >> bit) & 1n) === 1n;
    return { chown: has(CHOWN), netRaw: has(NET_RAW), bindService: has(NET_BIND_SERVICE) };
  } catch {
    return null;
  }
}

/** A folder, or the nearest one above it that is there. */
export interface FolderView {
  exists: boolean;
  /** What is there: the folder itself or one above it. */
  nearest: string;
  isFolder: boolean;
  writable: boolean;
  /** Of the file system that it lies on. */
  device: string;
  freeBytes: number;
}

export async function viewFolder(path: string): Promise<FolderView> {
  for (let at = path; ; at = dirname(at)) {
    const status = await stat(at).catch(() => undefined);
    if (status === undefined && at !== dirname(at)) continue;
    const writable = await access(at, constants.W_OK | constants.X_OK).then(
      () => true,
      () => false,
    );
    const free = await statfs(at).catch(() => undefined);
    const freeBytes = free === undefined ? 0 : free.bavail * free.bsize;
    const isFolder = status?.isDirectory() === true;
    return { exists: at === path, nearest: at, isFolder, writable, device: String(status?.dev ?? ''), freeBytes };
  }
}

/** Whether this user may read and write what lies there. */
export async function mayWrite(path: string): Promise<boolean> {
  return access(path, constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
}

/** Bytes that the files of a folder take, without those of folders in it; 0 where it is not there. */
export async function folderBytes(path: string): Promise<number> {
  const names = await readdir(path).catch(() => []);
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(path, name)).then(
        (one) => (one.isFile() ? one.blocks * 512 : 0),
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}

/** The process that a state folder's lock names, if it lives. */
export async function lockHolder(folder: string): Promise<number | undefined> {
  const text = await readFile(join(folder, 'lock'), 'latin1').catch(() => '');
  const pid = Number(text.trim());
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  const alive = await stat(`/proc/${pid}`).catch(() => undefined);
  return alive && pid;
}

/** Whether the machine's clock is kept right by others' clocks; undefined where nothing here tells. */
export async function clockSynchronised(): Promise<boolean | undefined> {
  const told = (await tool('timedatectl', ['show', '-p', 'NTPSynchronized', '--value']))?.trim();
  if (told === 'yes') return true;
  const chrony = await tool('chronyc', ['-n', 'tracking']);
  if (chrony !== undefined) return /^Leap status\s*:\s*(Normal|Insert|Delete)/m.test(chrony);
  const ntp = await tool('ntpq', ['-c', 'rv']);
  if (ntp !== undefined) return !/leap_alarm|sync_unspec/.test(ntp);
  return told === 'no' ? false : undefined;
}

/** What a program says; undefined where it is not there, fails, or takes too long. */
export function tool(program: string, words: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const env = { ...process.env, LC_ALL: 'C' };
    execFile(program, [...words], { timeout: TOOL_MS, env }, (error, said) => resolve(error ? undefined : said));
  });
}
