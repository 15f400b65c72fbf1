import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { headerPage, readHeaderPage } from '../../../../parsers/formats/recordHeader.ts';
import { Extents } from '../../../../src/base/extents.ts';
import { openStoredRecord, recordFileName, type StoredRecordOptions } from '../../../../src/unit/live/storedRecord.ts';
import { faultOf } from '../../hw/faults.ts';

const MIB = 1 << 20;

describe('B8 a stored record', () => {
  let folder: string;
  let options: StoredRecordOptions;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stored-'));
    options = {
      folder: join(folder, 'state'),
      lu: 'iqn.2024-01.example:disk/1',
      mirror: 'iscsi://10.0.0.9:3260/iqn.2024-01.example:copy/1',
      mirrorId: 'naa.1',
      firstId: 'naa.2',
      bytes: 96 * MIB,
      chunkBytes: 65_536,
      hotBytes: MIB,
      looking: true,
    };
  });

  afterEach(() => rm(folder, { recursive: true }));

  const file = async (): Promise<string> => join(options.folder, (await readdir(options.folder))[0]);
  const none = new Extents();

  it('keeps its marks in a file of fixed size from opening to opening', async () => {
    const record = await openStoredRecord(options);
    assert.equal(record.reset, 'new');
    assert.equal((await stat(await file())).size, 2 * 4096);
    record.clear(record.candidates(none, true), none);
    record.mark(5 * MIB, 1);
    await assert.rejects(openStoredRecord(options), faultOf(/another unit keeps its record in/));
    await record.close(false);
    assert.equal((await stat(await file())).size, 2 * 4096);
    const again = await openStoredRecord(options);
    assert.equal(again.reset, undefined, 'the same boot: the process might have been killed');
    assert.deepEqual(again.below(96 * MIB).toRanges(), [[5 * MIB, 65_536]]);
    await again.close(true);
    const tap = await openStoredRecord({ ...options, looking: false });
    assert.equal(tap.reset, 'not-looking');
    assert.equal(tap.marked, 96 * 16);
    await tap.close(true);
  });

  it('does not believe a record of another boot, unless it was closed clean', async () => {
    const opened = async (): Promise<string> => {
      const record = await openStoredRecord(options);
      await record.close(true);
      return record.reset ?? 'believed';
    };
    assert.deepEqual([await opened(), await opened()], ['new', 'believed']);
    const record = await openStoredRecord(options);
    const bytes = await readFile(await file());
    await record.close(false);
    // Another boot: its id stands in the header, whose checksum has to be right.
    const header = readHeaderPage(bytes.subarray(0, 4096));
    assert.ok(!('fault' in header));
    bytes.set(headerPage({ ...header, bootId: new Uint8Array(16).fill(1) }));
    await writeFile(await file(), bytes);
    assert.equal(await opened(), 'power-loss');
  });

  it('gives the lock back when opening fails', async () => {
    await assert.rejects(openStoredRecord({ ...options, chunkBytes: 1000 }), faultOf(/chunk of 1000 bytes/));
    await (await openStoredRecord(options)).close(true);
  });

  it('takes identities of any length', async () => {
    const long = { ...options, mirrorId: `${'ü'.repeat(4000)}1` };
    await (await openStoredRecord(long)).close(true);
    const again = await openStoredRecord(long);
    assert.equal(again.reset, undefined);
    await again.close(true);
    const other = await openStoredRecord({ ...options, mirrorId: `${'ü'.repeat(4000)}2` });
    assert.equal(other.reset, 'other-volume');
    await other.close(true);
  });

  it('has a file name that is stable, readable, and free of secrets', () => {
    const name = recordFileName('iqn.2024-01.example:disk/1', 'iscsi://bob%pa@ss@10.0.0.9:3260/iqn.x:copy/1');
    assert.match(name, /^iqn\.2024-01\.example:disk_1--iscsi:_10\.0\.0\.9:3260_iqn\.x:copy_1-[0-9a-f]{12}\.record$/);
    assert.equal(recordFileName('iqn.2024-01.example:disk/1', 'iscsi://10.0.0.9:3260/iqn.x:copy/1'), name);
    assert.notEqual(recordFileName('a/1', 'file:/b'), recordFileName('a_1', 'file:/b'));
    for (const hostile of ['../../etc/passwd', '\0\n', '.', 'x'.repeat(5000), '']) {
      assert.match(recordFileName(hostile, `file:${hostile}`), /^[A-Za-z0-9:-][A-Za-z0-9._:-]{1,220}$/);
    }
  });
});
