import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readBootId } from '../../../hw/bootId.ts';
import { openRecordFile, type RecordFile } from '../../../hw/recordFile.ts';
import { stateFault } from '../../../hw/stateFaults.ts';
import { faultOf } from './faults.ts';

const page = (byte: number): Uint8Array => new Uint8Array(4096).fill(byte);

describe('B8 a record file', () => {
  let folder: string;
  let path: string;
  let file: RecordFile | undefined;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'record-'));
    path = join(folder, 'state', 'a.record');
    file = undefined;
  });

  afterEach(async () => {
    await file?.close();
    await rm(folder, { recursive: true });
  });

  it('is made for its user alone, with its folder, and holds pages where they belong', async () => {
    file = await openRecordFile(path);
    assert.deepEqual(file.stored, new Uint8Array(0));
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.equal((await stat(join(folder, 'state'))).mode & 0o777, 0o700);
    file.writePage(2, page(2));
    file.writePage(0, page(9));
    file.writePage(1, page(1));
    const expected = Buffer.concat([page(9), page(1), page(2)]);
    assert.equal(Buffer.compare(await readFile(path), expected), 0, 'a killed process has lost nothing');
    await file.sync();
    await file.close();
    file = await openRecordFile(path);
    assert.equal(Buffer.compare(file.stored ?? page(0), expected), 0);
  });

  it('takes up real room, so that a full disk meets no mark', async () => {
    file = await openRecordFile(path);
    for (let i = 0; i < 16; i++) file.writePage(i, page(0));
    await file.sync();
    assert.ok((await stat(path)).blocks * 512 >= 16 * 4096);
  });

  it('shares a sync among calls of one time, and gives later calls the next', async () => {
    file = await openRecordFile(path);
    file.writePage(0, page(1));
    const ended: number[] = [];
    const first = file.sync();
    void first.then(() => ended.push(1));
    file.writePage(1, page(2));
    const second = file.sync();
    const third = file.sync();
    assert.notEqual(second, first, 'page 1 was written after the first began');
    assert.equal(second, third);
    void second.then(() => ended.push(2));
    await Promise.all([first, second]);
    const after = file.sync();
    assert.notEqual(after, second);
    await after;
    assert.deepEqual(ended, [1, 2]);
  });

  it('is as new for a killed process once it was emptied, and after syncs under way for a power loss', async () => {
    file = await openRecordFile(path);
    file.writePage(0, page(1));
    const sync = file.sync();
    file.empty();
    assert.equal((await readFile(path)).length, 0);
    await Promise.all([sync, file.sync()]);
    file.writePage(2, page(2));
    assert.deepEqual((await readFile(path)).subarray(0, 4096), Buffer.alloc(4096), 'it has no header');
    file.empty();
    await file.close();
    file = await openRecordFile(path);
    assert.equal(file.stored?.length, 0);
  });

  it('waits for its syncs before it closes', async () => {
    file = await openRecordFile(path);
    const syncs = [file.sync(), file.sync()];
    await file.close();
    file = undefined;
    await Promise.all(syncs);
  });

  it('belongs to one unit at a time', async () => {
    file = await openRecordFile(path);
    await assert.rejects(
      openRecordFile(path),
      faultOf(/another unit keeps its record in .*a\.record/, /stop the other/),
    );
  });

  it('names what is wrong with the path, and the mend', async () => {
    await writeFile(join(folder, 'file'), '');
    await assert.rejects(openRecordFile(join(folder, 'file', 'a.record')), faultOf(/file/, /names a folder/));
    await mkdir(path, { recursive: true });
    await assert.rejects(openRecordFile(path), faultOf(/a\.record is a directory/));
    const device = join(folder, 'device');
    await symlink('/dev/null', device);
    await assert.rejects(openRecordFile(device), faultOf(/not a regular file/));
    await writeFile(join(folder, 'long'), new Uint8Array(8 * 1024 * 1024 + 1));
    await assert.rejects(openRecordFile(join(folder, 'long')), faultOf(/too long for a record/));
  });

  it('says so when this user may not write there', async function () {
    if (process.getuid?.() === 0) this.skip();
    await mkdir(join(folder, 'state'));
    await chmod(join(folder, 'state'), 0o500);
    await assert.rejects(openRecordFile(path), faultOf(/may not be opened by this user/));
  });

  it('turns a failed write into a Fault with the page, and a full disk into its mend', async () => {
    const closed = await openRecordFile(path);
    await closed.close();
    assert.throws(() => closed.writePage(3, page(1)), faultOf(/a\.record .*\(writing page 3: EBADF\)/));
    await assert.rejects(closed.sync(), faultOf(/making it durable/));
    const full = stateFault(path, 'writing page 1', Object.assign(new Error('x'), { code: 'ENOSPC' }));
    assert.match(full.message, /no space left/);
    assert.equal(full.mend, 'free some space there, then start again');
  });

  it('is told apart by the boot of the machine, where the kernel tells that', async function () {
    const told = await readFile('/proc/sys/kernel/random/boot_id', 'latin1').catch(() => undefined);
    if (told === undefined) return this.skip();
    const id = await readBootId();
    assert.equal(Buffer.from(id ?? []).toString('hex'), told.trim().replaceAll('-', ''));
  });
});
