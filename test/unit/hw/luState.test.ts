import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLuState } from '../../../hw/luState.ts';
import { faultOf } from './faults.ts';

describe('A5 the file of a logical unit', () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lu-state-'));
    path = join(folder, 'disk.lu');
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('has the same id every time, and what was kept last', async () => {
    const first = await openLuState(path);
    assert.equal(first.state.reservations, undefined);
    const kept = [1, 2, 3].map((n) => first.keep('reservations', Uint8Array.of(n)));
    await Promise.all([...kept, first.keep('modes', Uint8Array.of(9))]);
    const again = await openLuState(path);
    assert.deepEqual(again.state, { id: first.state.id, reservations: Uint8Array.of(3), modes: Uint8Array.of(9) });
  });

  it('refuses what is not whole, with a mend, and keeps it', async () => {
    await openLuState(path);
    const bytes = await readFile(path);
    bytes[20] ^= 1;
    await writeFile(path, bytes);
    await assert.rejects(openLuState(path), faultOf(/disk\.lu cannot be believed: the checksum is wrong/, /delete it/));
    assert.deepEqual(await readFile(path), bytes);
  });
});
