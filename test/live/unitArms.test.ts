import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { askControl } from '../../hw/controlClient.ts';
import type { AddedReport, RemovedReport } from '../../src/unit/steer/mirrorChangesTypes.ts';
import { describeLive, IQN, lu, SECOND_LU, SIZE, TEE, TEE_SOURCE, volume } from './kit/bench.ts';
import type { Unit } from './kit/unit.ts';

const THIRD = '127.0.0.1:14711';

async function add(unit: Unit, as: string): Promise<AddedReport> {
  const request = { do: 'addMirror', volume: `${IQN}/1`, as, by: 'root' };
  return (await askControl(unit.control, request, 30_000)) as AddedReport;
}

async function remove(unit: Unit, mirror: string, now = false): Promise<RemovedReport> {
  const request = { do: 'removeMirror', volume: `${IQN}/1`, mirror, by: 'root', now };
  return (await askControl(unit.control, request, 30_000)) as RemovedReport;
}

describeLive('H3 a tee under load', ['tgt'], (bench) => {
  it('gets mirrors in files and at a target and loses them, and is killed amid that; hosts notice nothing', async () => {
    const b = bench();
    await b.first();
    await b.second();
    const image = b.image('third.img');
    await b.tgt({ portals: [THIRD], target: `${IQN}-third`, luns: [{ lun: 1, image }] });
    const far = lu(THIRD, `${IQN}-third`);
    b.image('fourth.img', { seed: 4 });
    const file = `file:${b.path('fourth.img')}`;
    const config = { source: TEE_SOURCE, volumes: [volume(SECOND_LU)] };
    let unit = await b.unit(config);
    await unit.settled();
    const load = await b.load({ url: lu(TEE), depth: 8, pauseMs: 2 });
    await load.further(50);

    // A target and a file, copied while hosts write; what the one has the other does not wait for.
    assert.equal((await add(unit, far)).state, 'copying');
    await load.further(50);
    await add(unit, file);
    await load.further(50);
    // In the middle of the copies.
    await unit.kill();
    unit = await b.unit(config);
    assert.deepEqual((await unit.mirrors()).map(({ to }) => to).slice(1), [far, file]);
    await load.further(100);

    // It holds one moment from then on, while hosts go on.
    await unit.until('the file has everything but the newest', ({ volumes }) => {
      const { state, unresolvedBytes } = volumes[0].mirrors[2];
      return /^(equal|behind)$/.test(state) && unresolvedBytes === 0;
    });
    const gone = await remove(unit, file);
    const held = readFileSync(b.path('fourth.img'));
    await load.further(100);
    assert.ok(readFileSync(b.path('fourth.img')).equals(held), 'nothing is written to it any more');
    // Somebody else has it meanwhile.
    writeFileSync(b.path('fourth.img'), Buffer.alloc(SIZE, 7));
    await add(unit, file);
    await pause(50);
    await remove(unit, far, true);
    await load.further(50);
    await add(unit, far);
    await load.further(50);
    const { sessions } = await load.stop();
    assert.ok(sessions <= 2, `the host logged in ${sessions} times: once more after the kill`);
    await unit.settled();
    b.same('first.img', 'second.img', 'third.img', 'fourth.img');
    assert.deepEqual([gone.state, gone.droppedBytes], ['equal', 0]);
    await unit.stop();
  });
});
