import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readPaused, writePaused } from '../../../hw/pausedFile.ts';
import { readPromoted, writePromoted } from '../../../hw/promoted.ts';
import { faultOf } from './faults.ts';

describe('H1 mirrors that were paused or promoted', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mirrors-file-'));
  });

  afterEach(() => rm(folder, { recursive: true }));

  const PAUSED = { volume: 'a', mirror: 'file:///m.img', by: 'root', at: '2026-11-21T21:00:00Z' };

  it('are listed in files of their own, which are gone with the last of them', async () => {
    assert.deepEqual([await readPaused(folder), await readPromoted(folder)], [[], []]);
    await writePaused(folder, [PAUSED]);
    await writePromoted(folder, ['file:///m.img', 'file:///n.img']);
    assert.deepEqual((await readdir(folder)).sort(), ['paused.json', 'promoted.json']);
    assert.deepEqual(await readPaused(folder), [PAUSED]);
    assert.deepEqual(await readPromoted(folder), ['file:///m.img', 'file:///n.img']);
    assert.deepEqual(JSON.parse(await readFile(join(folder, 'paused.json'), 'utf8')), {
      version: 1,
      mirrors: [PAUSED],
    });
    await writePaused(folder, []);
    await writePromoted(folder, []);
    assert.deepEqual(await readdir(folder), []);
  });

  it('are never taken for none where their file cannot be believed', async () => {
    const wrong = ['', '{"version":1,"mirrors":[', 'null', '[]', '{"version":2,"mirrors":[]}', '{"version":1}'];
    for (const text of [...wrong, '{"version":1,"mirrors":[7]}', '{"version":1,"mirrors":[null]}']) {
      await writeFile(join(folder, 'paused.json'), text);
      await writeFile(join(folder, 'promoted.json'), text);
      await assert.rejects(
        readPaused(folder),
        faultOf(/paused\.json does not name the mirrors that are paused$/, /delete it: .* then go on$/),
      );
      await assert.rejects(
        readPromoted(folder),
        faultOf(/promoted\.json does not name the mirrors that were promoted$/, /delete it: .* first volumes$/),
      );
    }
  });
});
