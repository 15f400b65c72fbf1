import assert from 'node:assert/strict';
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canFree, openPunch, type Punch } from '../../../hw/punch.ts';

const MIB = 1 << 20;

describe('A5 holes in files', () => {
  let folder: string;
  let file: FileHandle;
  let punch: Punch;

  before(async function () {
    const found = await openPunch();
    if (found === undefined) return this.skip();
    punch = found;
  });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'punch-'));
    file = await open(join(folder, 'a.img'), 'w+');
  });

  afterEach(async () => {
    await file.close();
    await rm(folder, { recursive: true });
  });

  const room = async (): Promise<number> => (await file.stat()).blocks * 512;

  it('frees what lies wholly in a run, makes the rest zeros and keeps the length', async () => {
    await file.write(new Uint8Array(MIB).fill(7));
    assert.equal(await canFree(punch, file.fd), true);
    assert.equal(await room(), MIB);
    assert.equal(await punch.free(file.fd, 64 * 1024 - 100, 128 * 1024 + 200), true);
    assert.equal(await room(), MIB - 128 * 1024);
    assert.equal((await file.stat()).size, MIB);
    const { buffer } = await file.read(new Uint8Array(MIB), 0, MIB, 0);
    const zeros = (from: number, to: number) => buffer.subarray(from, to).every((byte) => byte === 0);
    assert.equal(buffer[64 * 1024 - 101], 7);
    assert.ok(zeros(64 * 1024 - 100, 192 * 1024 + 100));
    assert.equal(buffer[192 * 1024 + 100], 7);
  });

  it('tells what takes room, in order and no more than asked for', async () => {
    await file.truncate(4 * MIB);
    for (const at of [0, MIB, 2 * MIB]) await file.write(new Uint8Array(64 * 1024).fill(1), 0, 64 * 1024, at);
    const run = (at: number, length = 64 * 1024) => [at, length];
    assert.deepEqual(punch.mapped(file.fd, 0, 4 * MIB, 9), [run(0), run(MIB), run(2 * MIB)]);
    assert.deepEqual(punch.mapped(file.fd, 0, 4 * MIB, 2), [run(0), run(MIB)]);
    assert.deepEqual(punch.mapped(file.fd, MIB + 4096, 4096, 9), [run(MIB + 4096, 4096)]);
    assert.deepEqual(punch.mapped(file.fd, 3 * MIB, MIB, 9), []);
  });

  it('rejects with what the system said', async () => {
    const reader = await open(join(folder, 'a.img'), 'r');
    await assert.rejects(punch.free(reader.fd, 0, 4096), { code: 'EBADF', syscall: 'fallocate' });
    assert.equal(await canFree(punch, reader.fd), false);
    await reader.close();
  });
});
