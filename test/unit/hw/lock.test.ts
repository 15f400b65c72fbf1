import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type FileHandle, mkdtemp, open, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openFileVolume } from '../../../hw/files.ts';
import { lockFile } from '../../../hw/lock.ts';
import { faultOf } from './faults.ts';

describe('H5 locks on files', () => {
  let folder: string;
  let path: string;
  let handles: FileHandle[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lock-'));
    path = join(folder, 'mirror.img');
    handles = [];
    await writeFile(path, new Uint8Array(4096));
  });

  afterEach(async () => {
    for (const handle of handles) await handle.close();
    await rm(folder, { recursive: true });
  });

  const opened = async (flags = 'r+'): Promise<FileHandle> => {
    const handle = await open(path, flags);
    handles.push(handle);
    return handle;
  };

  it('lets one open file have it, until that is closed', async () => {
    const first = await opened();
    const second = await opened('r');
    await lockFile(first.fd, path);
    await lockFile(first.fd, path);
    await assert.rejects(
      lockFile(second.fd, path),
      faultOf(/another unit mirrors into .*mirror\.img/, /stop the other unit/),
    );
    await first.close();
    handles.shift();
    await lockFile(second.fd, path);
  });

  it('ends with the process that holds it, however that ends', async () => {
    const child = spawn(process.execPath, [fileURLToPath(new URL('lockHolder.js', import.meta.url)), path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'exit');
    await Promise.race([once(child.stdout, 'data'), ended]);
    await assert.rejects(openFileVolume(path, { writable: true, lock: true }), faultOf(/another unit mirrors into/));
    child.kill('SIGKILL');
    await ended;
    const volume = await openFileVolume(path, { writable: true, lock: true });
    await assert.rejects(openFileVolume(path, { writable: true, lock: true }), faultOf(/or it is named twice/));
    const reader = await openFileVolume(path, { writable: false });
    await reader.close();
    await volume.close();
    await (await openFileVolume(path, { writable: true, lock: true })).close();
  });

  it('is no lock on a file that was replaced under its name', async () => {
    const handle = await opened();
    await writeFile(join(folder, 'new'), '');
    await rename(join(folder, 'new'), path);
    await assert.rejects(lockFile(handle.fd, path), faultOf(/was replaced while it was being opened/));
  });

  const withPath = async (wanted: string, work: () => Promise<void>): Promise<void> => {
    const { PATH } = process.env;
    process.env.PATH = wanted;
    await work().finally(() => {
      process.env.PATH = PATH;
    });
  };

  it('says what is missing when there is no flock', async () => {
    const { fd } = await opened();
    await withPath(folder, () =>
      assert.rejects(lockFile(fd, path), faultOf(/flock is not installed/, /install util-linux/)),
    );
  });

  it('repeats what flock itself says', async () => {
    const { fd } = await opened();
    const program = '#!/bin/sh\necho "flock: 3: No locks available" >&2\nexit 71\n';
    await writeFile(join(folder, 'flock'), program, { mode: 0o755 });
    await withPath(folder, () => assert.rejects(lockFile(fd, path), faultOf(/cannot be locked: flock: 3: No locks/)));
  });
});
