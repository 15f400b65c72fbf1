import assert from 'node:assert/strict';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFileVolume } from '../../../../hw/files.ts';
import type { LuId } from '../../../../src/base/change.ts';
import { Fault } from '../../../../src/base/fault.ts';
import type { Volume } from '../../../../src/base/volume.ts';
import { Room } from '../../../../src/buffer/room.ts';
import { VolumeUnit } from '../../../../src/unit/mirror/volumeUnit.ts';
import { until } from '../../../kit/journey.ts';

const LU: LuId = 'iqn.2001-04.com.example:disk/0';
const BYTES = 1 << 20;

describe('B8 a copy that compares', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pump-'));
  });
  after(() => rm(folder, { recursive: true }));

  it('writes the pages that differ and no others', async () => {
    const [here, there] = [join(folder, 'first.img'), join(folder, 'second.img')];
    const bytes = new Uint8Array(BYTES).fill(7);
    await writeFile(there, bytes);
    bytes[5000] = 1;
    bytes.fill(2, 65_536, 65_536 + 8192);
    bytes[BYTES - 1] = 3;
    await writeFile(here, bytes);
    const first = await openFileVolume(here, { writable: false });
    const unit = new VolumeUnit({
      lu: LU,
      room: new Room({ bytes: 1 << 20 }),
      mirrors: [{ to: there, volume: await openFileVolume(there, { writable: true }) }],
      first: { name: here, volume: first },
      now: () => 0,
      notice: assert.fail,
      compare: true,
    });
    unit.facts({ lu: LU, blockSize: 512, blocks: BYTES / 512, designators: [] });
    unit.push({ seq: 1, at: 0n, lu: LU, pieces: 'wholeLu', fua: false, doubt: 'unseen' });
    await unit.finish();
    assert.deepEqual(new Uint8Array(await readFile(there)), bytes);
    const [{ pump, mirror }] = unit.arms;
    assert.equal(pump.comparedBytes, BYTES);
    assert.equal(pump.differingBytes, 4 * 4096);
    assert.equal(mirror.state, 'equal');
    await unit.close();
    await first.close();
  });

  it('writes everything to a medium whose flush has failed: what is read there may never have reached it', async () => {
    const [here, there] = [join(folder, 'first2.img'), join(folder, 'second2.img')];
    for (const path of [here, there]) await writeFile(path, new Uint8Array(BYTES).fill(7));
    const first = await openFileVolume(here, { writable: false });
    const volume = await openFileVolume(there, { writable: true });
    assert.equal(volume.unsure, false);
    const unit = new VolumeUnit({
      lu: LU,
      room: new Room({ bytes: 1 << 20 }),
      mirrors: [{ to: there, volume: Object.assign(volume, { unsure: true }) }],
      first: { name: here, volume: first },
      now: () => 0,
      notice: assert.fail,
      compare: true,
    });
    unit.facts({ lu: LU, blockSize: 512, blocks: BYTES / 512, designators: [] });
    unit.push({ seq: 1, at: 0n, lu: LU, pieces: 'wholeLu', fua: false, doubt: 'unseen' });
    await unit.finish();
    assert.equal(unit.arms[0].pump.differingBytes, BYTES);
    await unit.close();
    await first.close();
  });

  it('writes into no other file once its mirror was closed meanwhile', async () => {
    const [here, there, other] = ['first3.img', 'second3.img', 'other'].map((name) => join(folder, name));
    for (const path of [here, there]) await writeFile(path, new Uint8Array(BYTES).fill(7));
    await writeFile(other, new Uint8Array(BYTES).fill(9));
    const first = await openFileVolume(here, { writable: false });
    const volume = await openFileVolume(there, { writable: true });
    let answer = (): void => assert.fail('the first volume was not read');
    let ask = (): void => {};
    const asked = new Promise<void>((resolve) => {
      ask = resolve;
    });
    const read: Volume['read'] = () =>
      new Promise((resolve) => {
        answer = resolve;
        ask();
      });
    const written: Promise<void>[] = [];
    const writev = volume.writev.bind(volume);
    const watched: Volume['writev'] = (pieces, options) => {
      const one = writev(pieces, options);
      written.push(one);
      return one;
    };
    const unit = new VolumeUnit({
      lu: LU,
      room: new Room({ bytes: 1 << 20 }),
      mirrors: [{ to: there, volume: Object.assign(volume, { writev: watched }) }],
      first: { name: here, volume: Object.assign(first, { read }) },
      now: () => 0,
      notice: () => {},
    });
    unit.facts({ lu: LU, blockSize: 512, blocks: BYTES / 512, designators: [] });
    unit.push({ seq: 1, at: 0n, lu: LU, pieces: 'wholeLu', fua: false, doubt: 'unseen' });
    const [arm] = unit.arms;
    const finished = unit.finish();
    await asked;
    // As a mirror's leaving does: a copy is not waited for.
    arm.mirror.step({ kind: 'broken', fault: new Fault('local', 'it was removed') });
    await unit.whenStill(arm);
    await volume.close();
    // The system gives the lowest number that is free: one of these is that of the closed file.
    const others = await Promise.all(Array.from({ length: 8 }, () => open(other, 'r+')));
    try {
      answer();
      await until(() => written.length > 0, 'what was read is written');
      assert.equal(written.length, 1);
      await assert.rejects(written[0], /second3\.img is closed/);
    } finally {
      for (const one of others) await one.close();
    }
    assert.deepEqual(new Uint8Array(await readFile(other)), new Uint8Array(BYTES).fill(9));
    await finished;
    await first.close();
  });
});
