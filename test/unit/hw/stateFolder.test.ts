import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStateFolder } from '../../../hw/stateFolder.ts';
import { faultOf } from './faults.ts';

describe('H1 the state folder', () => {
  let above: string;
  let folder: string;

  beforeEach(async () => {
    above = await mkdtemp(join(tmpdir(), 'state-'));
    folder = join(above, 'a', 'state');
  });

  afterEach(() => rm(above, { recursive: true }));

  it('is made for its user alone and gives the unit one identity for good', async () => {
    const state = await openStateFolder(folder);
    assert.equal(state.folder, folder);
    assert.match(state.unit, /^[0-9a-f]{8}-[0-9a-f-]{27}$/);
    assert.equal((await stat(folder)).mode & 0o777, 0o700);
    assert.equal((await stat(join(folder, 'unit.json'))).mode & 0o777, 0o600);
    assert.deepEqual(JSON.parse(await readFile(join(folder, 'unit.json'), 'utf8')), { unit: state.unit, version: 1 });
    await state.close();
    const again = await openStateFolder(folder);
    assert.equal(again.unit, state.unit);
    await again.close();
  });

  it('belongs to one unit at a time, and tells which', async () => {
    const state = await openStateFolder(folder);
    const held = new RegExp(`another unit \\(process ${process.pid}\\) runs with the state folder .*state$`);
    await assert.rejects(openStateFolder(folder), faultOf(held, /`state` folder of its own/));
    await state.close();
    await (await openStateFolder(folder)).close();
  });

  it('never makes up another identity for a unit whose own cannot be read', async () => {
    await (await openStateFolder(folder)).close();
    const path = join(folder, 'unit.json');
    for (const text of ['', '{"unit":', 'null', '{"unit":"x","version":1}', '{"unit":7,"version":1}']) {
      await writeFile(path, text);
      await assert.rejects(
        openStateFolder(folder),
        faultOf(/unit\.json does not name a unit/, /restore it, or delete it/),
      );
      assert.equal(await readFile(path, 'utf8'), text);
    }
    await writeFile(path, '{"unit":"b0b41fd2-0000-4000-8000-000000000000","version":2}');
    await assert.rejects(openStateFolder(folder), faultOf(/of version 2/, /newer program/));
    await rm(path);
    await (await openStateFolder(folder)).close();
  });

  it('says so when a file stands in its place', async () => {
    await writeFile(join(above, 'a'), '');
    await assert.rejects(openStateFolder(folder), faultOf(/state/, /names a folder/));
  });
});
