import fs from 'node:fs';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { basename, join } from 'node:path';

/** A write that no sync has followed. */
interface Unsynced {
  readonly path: string;
  readonly position: number;
  readonly length: number;
  /** What stood there before, as far as the file went. */
  readonly old: Uint8Array;
}

type Call = (...args: unknown[]) => void;
type Ended = (error: NodeJS.ErrnoException | null, bytes?: number) => void;

const { writev, fdatasync } = fs;
const patched = fs as unknown as { writev: Call; fdatasync: Call };

/**
 * What lies under the files of a queue: it can be full, fail a sync, write a part, and lose what was not synced. It stands
 * between this process and the system, so the code that writes is the real one.
 */
export class FaultyDisk {
  /** Asked before each call: true lets it fail. */
  fails: ((what: 'write' | 'sync', path: string) => boolean) | undefined;
  readonly #root: string;
  readonly #below: (n: number) => number;
  #unsynced: Unsynced[] = [];

  constructor(root: string, below: (n: number) => number) {
    this.#root = root;
    this.#below = below;
  }

  install(): void {
    patched.writev = (...args) => this.#writev(args[0] as number, args[1] as Uint8Array[], args[2], args[3] as Ended);
    patched.fdatasync = (...args) => this.#sync(args[0] as number, args[1] as Ended);
    syncBuiltinESMExports();
  }

  remove(): void {
    Object.assign(patched, { writev, fdatasync });
    syncBuiltinESMExports();
  }

  /** Files that were copied from `from` to `to` lose writes that no sync had followed: any of them, whole or in part. */
  async losePower(from: string, to: string): Promise<void> {
    const lost = new Map<string, Unsynced[]>();
    for (const write of this.#unsynced) {
      if (!write.path.startsWith(`${from}/`) || this.#below(2) === 0) continue;
      const path = join(to, basename(write.path));
      lost.set(path, [...(lost.get(path) ?? []), write]);
    }
    for (const [path, writes] of lost) {
      const bytes = await readFile(path).catch(() => undefined);
      if (!bytes) continue;
      for (const { position, length, old } of writes.toReversed()) {
        const kept = this.#below(3) === 0 ? this.#below(length) : 0;
        const start = Math.min(position + kept, bytes.length);
        bytes.fill(0, start, Math.min(position + length, bytes.length));
        bytes.set(old.subarray(kept, kept + bytes.length - start), start);
      }
      await writeFile(path, bytes);
      if (this.#below(2) > 0) continue;
      let end = bytes.length;
      while (end > 0 && bytes[end - 1] === 0) end--;
      const first = Math.min(...writes.map(({ position, old }) => position + old.length));
      await truncate(path, Math.max(end, Math.min(first, bytes.length)));
    }
    this.#unsynced = [];
  }

  #pathOf(fd: number): string {
    const path = fs.readlinkSync(`/proc/self/fd/${fd}`);
    return path.startsWith(this.#root) ? path : '';
  }

  #writev(fd: number, buffers: Uint8Array[], position: unknown, ended: Ended): void {
    const path = this.#pathOf(fd);
    if (path === '') {
      writev(fd, buffers, position as number, ended);
      return;
    }
    // As it is where it is one: what passes the system's cache by has to lie where pages begin.
    const whole = buffers.length === 1 ? buffers[0] : Buffer.concat(buffers);
    const at = position as number;
    if (!this.fails?.('write', path)) {
      this.#unsynced.push({ path, position: at, length: whole.length, old: standing(path, at, whole.length) });
      writev(fd, [whole], at, ended);
      return;
    }
    const part = whole.subarray(0, this.#below(whole.length + 1));
    const failed = (): void => ended(Object.assign(new Error('ENOSPC: no space left on device, writev'), FULL));
    if (part.length === 0) queueMicrotask(failed);
    else writev(fd, [part], at, failed);
  }

  #sync(fd: number, ended: Ended): void {
    const path = this.#pathOf(fd);
    if (path !== '' && this.fails?.('sync', path)) {
      queueMicrotask(() => ended(Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' })));
      return;
    }
    const before = new Set(this.#unsynced);
    fdatasync(fd, (error) => {
      if (!error) this.#unsynced = this.#unsynced.filter((one) => one.path !== path || !before.has(one));
      ended(error);
    });
  }
}

function standing(path: string, position: number, length: number): Uint8Array {
  const fd = fs.openSync(path, 'r');
  try {
    const bytes = new Uint8Array(length);
    return bytes.subarray(0, fs.readSync(fd, bytes, 0, length, position));
  } finally {
    fs.closeSync(fd);
  }
}

const FULL = { code: 'ENOSPC' };

/** Lets everything happen that needs no help: until no call of the file system is under way and no promise is due. */
export async function quiet(): Promise<void> {
  const end = performance.now() + 10_000;
  for (let still = 0; still < 2; ) {
    if (performance.now() > end) throw new Error(`never quiet: ${process.getActiveResourcesInfo()}`);
    await new Promise((resolve) => setImmediate(resolve));
    const busy = process.getActiveResourcesInfo().some((kind) => /FS|FileHandle|Process/.test(kind));
    still = busy ? 0 : still + 1;
  }
}
