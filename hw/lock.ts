import { spawn } from 'node:child_process';
import { fstat } from 'node:fs';
import { stat } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Fault } from '../src/base/fault.ts';

/** `flock -n` ends with this, saying nothing, when somebody else holds the lock. */
const HELD = 1;
/** A device manager that looks at a block device, or a unit that is just ending, lets go within moments. */
const TRIES = 3;
const AGAIN_MS = 100;

export interface LockWords {
  /** What another holder makes of the file, for example `another unit mirrors into /m.img`. */
  held: string;
  mend: string;
}

/**
 * Takes an exclusive lock on an open file for as long as it stays open: it ends with the descriptor or the process, however
 * that ends. Rejects with a `Fault` when somebody else holds it.
 *
 * Node has no flock(2). Its locks belong to the open file description, so a short-lived `flock` (util-linux) that inherits
 * the descriptor takes it for us; other descriptors that this process opens are not inherited (O_CLOEXEC).
 */
export async function lockFile(fd: number, path: string, words: LockWords = mirrorWords(path)): Promise<void> {
  for (let tries = 1; ; tries++) {
    if (await flock(fd, path)) break;
    if (tries === TRIES) throw new Fault('local', words.held, words.mend);
    await pause(AGAIN_MS);
  }
  // A lock on a file that has been replaced under its name keeps nobody away.
  const [held, named] = await Promise.all([promisify(fstat)(fd), stat(path).catch(() => undefined)]);
  if (named === undefined || held.ino !== named.ino || held.dev !== named.dev) {
    throw new Fault('local', `${path} was replaced while it was being opened`, 'start again');
  }
}

function mirrorWords(path: string): LockWords {
  return {
    held: `another unit mirrors into ${path}, or it is named twice`,
    mend: 'stop the other unit, or give each mirror a medium of its own',
  };
}

/** False when the lock is held by another open file description. */
function flock(fd: number, path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const child = spawn('flock', ['-n', '-x', '3'], { stdio: ['ignore', 'ignore', 'pipe', fd] });
    let said = '';
    child.stderr?.on('data', (bytes: Buffer) => {
      if (said.length < 1000) said += bytes.toString('utf8');
    });
    child.on('error', (cause: NodeJS.ErrnoException) => {
      const missing = cause.code === 'ENOENT';
      const why = missing ? 'the program flock is not installed' : `flock cannot be started: ${cause.message}`;
      const mend = missing ? 'install util-linux' : 'free some memory or processes, then start again';
      reject(new Fault('local', `${path} cannot be locked: ${why}`, mend, { cause }));
    });
    child.on('close', (code, signal) => {
      if (code === 0 || (code === HELD && said === '')) resolve(code === 0);
      else {
        const why = said.trim() || `flock ended with ${signal ?? code}`;
        reject(new Fault('local', `${path} cannot be locked: ${why}`, 'use a file system that knows flock(2)'));
      }
    });
  });
}
