import { fstatSync } from 'node:fs';
import type { PunchCalls } from './punchCalls.ts';

/** A run of bytes in a file: offset and length. */
export type Run = readonly [offset: number, length: number];

/** What a file system lets a program do about the room that a file takes (fallocate(2), lseek(2)). */
export interface Punch {
  /**
   * Frees what lies wholly in the run and makes the rest of it zeros; the file's length stays. False where the file system
   * cannot, then nothing was done. Rejects with the system's error.
   */
  free(fd: number, offset: number, length: number): Promise<boolean>;
  /** Runs of the file that take room, in order, at most `max` of them, within `[offset, offset + length)`. */
  mapped(fd: number, offset: number, length: number, max: number): Run[];
}

/** linux/falloc.h, unistd.h and errno.h; the same on every processor that Linux knows but for errno on a few. */
const KEEP_SIZE = 1;
const PUNCH_HOLE = 2;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const ENXIO = 6;
const EOPNOTSUPP = 95;
const ENOSYS = 38;

const CODES: Readonly<Record<number, string>> = { 5: 'EIO', 9: 'EBADF', 22: 'EINVAL', 28: 'ENOSPC', 30: 'EROFS' };

let known: Promise<PunchCalls | undefined> | undefined;

/**
 * The system's calls for holes in files, which Node does not have; undefined where the package that reaches them is not
 * installed or has no binary for this platform. Loaded once.
 */
export async function openPunch(): Promise<Punch | undefined> {
  known ??= process.platform === 'linux' ? load() : Promise.resolve(undefined);
  const calls = await known;
  return calls && { free: (fd, offset, length) => free(calls, fd, offset, length), mapped: mappedBy(calls) };
}

/** Whether the file system under an open, writable file gives room back: asked behind its end, where nothing lies. */
export async function canFree(punch: Punch, fd: number): Promise<boolean> {
  const { size } = fstatSync(fd);
  return punch.free(fd, Math.ceil(size / 4096) * 4096 + 4096, 4096).catch(() => false);
}

async function load(): Promise<PunchCalls | undefined> {
  try {
    return (await import('./punchCalls.ts')).punchCalls();
  } catch {
    return undefined;
  }
}

function free({ fallocate, errno }: PunchCalls, fd: number, offset: number, length: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    fallocate.async(fd, KEEP_SIZE | PUNCH_HOLE, offset, length, (error, result) => {
      if (error) return reject(error);
      if (result === 0) return resolve(true);
      const code = errno();
      if (code === EOPNOTSUPP || code === ENOSYS) resolve(false);
      else reject(systemError(code, 'fallocate'));
    });
  });
}

function mappedBy(calls: PunchCalls): Punch['mapped'] {
  return (fd, offset, length, max) => {
    const end = offset + length;
    const runs: Run[] = [];
    let at = offset;
    while (runs.length < max && at < end) {
      const start = seek(calls, fd, at, SEEK_DATA);
      if (start === undefined || start >= end) break;
      const hole = Math.min(end, seek(calls, fd, start, SEEK_HOLE) ?? end);
      runs.push([start, hole - start]);
      at = hole;
    }
    return runs;
  };
}

/** Undefined where nothing follows. */
function seek({ lseek, errno }: PunchCalls, fd: number, offset: number, whence: number): number | undefined {
  const at = lseek(fd, offset, whence);
  if (at >= 0) return at;
  const code = errno();
  if (code === ENXIO) return undefined;
  throw systemError(code, 'lseek');
}

function systemError(errno: number, syscall: string): NodeJS.ErrnoException {
  const code = CODES[errno] ?? `errno ${errno}`;
  return Object.assign(new Error(`${code}, ${syscall}`), { errno: -errno, code, syscall });
}
