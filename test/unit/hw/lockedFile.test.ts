import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readAt, readAtNow, writeAt, writeAtNow } from '../../../hw/fileBytes.ts';
import { isWhole, openLocked } from '../../../hw/lockedFile.ts';
import { Fault } from '../../../src/base/fault.ts';
import { faultOf } from './faults.ts';

const WORDS = { held: 'somebody has it', mend: 'wait' };

describe('H1 a file that one unit at a time keeps', () => {
  let folder: string;
  let path: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'locked-file-'));
    path = join(folder, 'a', 'a.table');
  });

  afterEach(() => rm(folder, { recursive: true }));

  it('is made with its folder for its user alone, and its lock ends with the handle', async () => {
    const handle = await openLocked(path, WORDS, async (opened) => opened);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.equal((await stat(join(folder, 'a'))).mode & 0o777, 0o700);
    assert.equal(await isWhole(handle), true);
    await assert.rejects(
      openLocked(path, WORDS, async () => assert.fail('it is locked')),
      faultOf(/^somebody has it$/, /^wait$/),
    );
    await handle.close();
    assert.equal(await isWhole(handle), false, 'nobody knows of a file that cannot be synced');
    const again = await openLocked(path, WORDS, async (opened) => opened);
    await again.close();
  });

  it('is closed and free again where its beginning is refused', async () => {
    const refused = openLocked(path, WORDS, () => Promise.reject(new Fault('local', 'not mine', 'look')));
    await assert.rejects(refused, faultOf(/^not mine$/, /^look$/));
    const broken = Object.assign(new Error('EIO'), { code: 'EIO' });
    const failed = openLocked(path, WORDS, () => Promise.reject(broken));
    await assert.rejects(failed, faultOf(/a\.table .*\(opening it: EIO\)/));
    await (await openLocked(path, WORDS, async (opened) => opened)).close();
  });

  it('is a regular file', async () => {
    await mkdir(path, { recursive: true });
    const never = async (): Promise<void> => assert.fail('nothing begins');
    await assert.rejects(openLocked(path, WORDS, never), faultOf(/\(opening it: EISDIR\)/));
    await assert.rejects(openLocked('/dev/null', WORDS, never), faultOf(/not a regular file/, /move it away/));
  });

  it('has all bytes written, and read up to its end', async () => {
    const handle = await openLocked(path, WORDS, async (opened) => opened);
    try {
      await writeAt(handle, path, Uint8Array.of(1, 2, 3), 2);
      writeAtNow(handle.fd, path, Uint8Array.of(9), 3);
      const some = new Uint8Array(4);
      assert.equal(await readAt(handle, some, 1), 4);
      assert.deepEqual([...some], [0, 1, 9, 3]);
      assert.equal(readAtNow(handle.fd, some, 4), 1);
      assert.equal(await readAt(handle, some, 99), 0);
      assert.deepEqual([...some], [3, 1, 9, 3]);
    } finally {
      await handle.close();
    }
    await assert.rejects(writeAt(handle, path, Uint8Array.of(1), 0), { code: 'EBADF' });
  });

  it('says so where a file stands in the place of its folder', async () => {
    await writeFile(join(folder, 'a'), '');
    await assert.rejects(
      openLocked(path, WORDS, async () => assert.fail('there is no folder')),
      faultOf(/a\.table/, /names a folder/),
    );
  });
});
