import assert from 'node:assert/strict';
import { closeSync, openSync, writeSync } from 'node:fs';
import { askControl } from '../../hw/controlClient.ts';
import { readJobs } from '../../hw/jobsFile.ts';
import type { VerifyReport } from '../../src/unit/compare/verifyTypes.ts';
import type { JobStatus } from '../../src/unit/steer/jobs.ts';
import { describeLive, IQN, lu, SECOND, TARGET, TEE, TEE_SOURCE, volume } from './kit/bench.ts';
import { outcome, run } from './kit/processes.ts';
import { MAIN, type Unit } from './kit/unit.ts';
import { until } from './kit/until.ts';

/** `tapmirror verify` as an operator runs it. */
async function verify(
  unit: Unit,
  ...options: string[]
): Promise<{ code: number | string | null; report: VerifyReport }> {
  const command = [process.execPath, MAIN, 'verify', '--json', '--control', unit.control, ...options];
  const { code, out, err } = await outcome(undefined, command, 120_000);
  assert.match(out, /^\{/, err);
  return { code, report: JSON.parse(out) as VerifyReport };
}

/** Somebody writes to a mirror behind the unit's back. */
function spoil(path: string, ...places: number[]): void {
  const fd = openSync(path, 'r+');
  for (const place of places) writeSync(fd, Buffer.from('not what the hosts wrote'), 0, 24, place);
  closeSync(fd);
}

/** Bytes that a comparison which is kept in this state folder need not compare again. */
async function keptOf(folder: string): Promise<number> {
  const [{ place } = {}] = await readJobs(folder);
  return place ? place.bytes - place.rest.reduce((sum, [, length]) => sum + length, 0) : 0;
}

describeLive('H1 a comparison in the background', ['tgt'], (bench) => {
  it('goes on when the unit is killed and started again, and tells what it found', async () => {
    const b = bench();
    await b.first();
    const mirror = b.image('m.img');
    const config = { source: TEE_SOURCE, volumes: [volume('file:m.img')], resync: { bytesPerSecond: '4MiB' } };
    let unit = await b.unit({ ...config, resync: {} });
    await unit.settled();
    await unit.stop();
    spoil(mirror, 2 ** 20, 30 * 2 ** 20);
    unit = await b.unit(config);
    await unit.settled();
    const ask = [process.execPath, MAIN, 'verify', '--background', '--json', '--control', unit.control];
    const { id } = JSON.parse(await run(undefined, ask)) as { id: string };
    const jobs = async (): Promise<JobStatus[]> =>
      ((await askControl(unit.control, { do: 'jobs' })) as { jobs: JobStatus[] }).jobs.filter((one) => one.id === id);
    // Every five seconds, at four mebibytes a second.
    const far = async (): Promise<number | undefined> => {
      const bytes = await keptOf(b.path('unit.state'));
      return bytes >= 3 * 2 ** 20 ? bytes : undefined;
    };
    const kept = await until('its place is kept', far, { ms: 30_000, everyMs: 100 });
    await unit.kill();
    unit = await b.unit(config);
    const begun = async (): Promise<JobStatus | undefined> => (await jobs()).find((one) => one.done > 0);
    const again = await until('it goes on', begun, { ms: 30_000 });
    assert.ok(again.done >= kept, `it goes on from ${again.done}, ${kept} were kept`);
    assert.deepEqual([again.kind, again.state, again.total], ['verify', 'running', 32 * 2 ** 20]);
    assert.ok(again.secondsLeft === null || again.secondsLeft >= 0);
    const done = async (): Promise<JobStatus | undefined> => (await jobs()).find(({ state }) => state === 'done');
    const { found } = await until('it is through', done, { ms: 30_000, everyMs: 100 });
    assert.equal(found, '8192 bytes differ');
    const told = await unit.told('it is told', ({ message }) => message === 'verified');
    assert.equal(told.level, 'warn');
    await unit.stop();
  });
});

describeLive('D5 verify on a live bus', ['tgt'], (bench) => {
  it('finds under load what somebody did to the mirrors, and only that, and has it mended', async () => {
    const b = bench();
    const first = b.image('first.img', { seed: 1 });
    await b.tgt({ luns: [{ lun: 1, image: first }] });
    const second = b.image('second.img');
    await b.tgt({ portals: [SECOND], target: `${IQN}-second`, luns: [{ lun: 1, image: second }] });
    const third = b.image('third.img');
    const to = lu(SECOND, `${IQN}-second`);
    const volumes = [
      { lu: `${IQN}/1`, name: 'disk', first: lu(TARGET), mirrors: [to, 'file:third.img'], blockTable: true },
    ];
    const unit = await b.unit({ source: TEE_SOURCE, volumes });
    await unit.settled();
    // Hosts write to the first half all the while.
    const load = await b.load({ url: lu(TEE), depth: 4, pauseMs: 10, span: 16 * 2048 });
    const equal = await verify(unit, 'disk');
    assert.equal(equal.code, 0, JSON.stringify(equal.report));
    assert.equal(equal.report.mirrors.length, 2);
    spoil(third, 17 * 2 ** 20 + 100, 30 * 2 ** 20);
    spoil(second, 20 * 2 ** 20);
    const other = await verify(unit);
    assert.equal(other.code, 3);
    assert.deepEqual(
      other.report.mirrors.map(({ differing }) => differing),
      [
        [[20 * 2 ** 20, 4096]],
        [
          [17 * 2 ** 20, 4096],
          [30 * 2 ** 20, 4096],
        ],
      ],
    );
    const mended = await verify(unit, '--mirror', 'file:third.img', '--repair');
    assert.equal(mended.code, 3);
    assert.equal(mended.report.mirrors[0].repairing, true);
    await verify(unit, '--repair');
    await load.stop();
    await unit.settled();
    assert.equal((await verify(unit)).code, 0);
    b.same('first.img', 'second.img', 'third.img');
    const { blockTable, verified } = (await unit.mirrors())[1];
    assert.equal(blockTable?.bytes, 32 * 2 ** 20);
    assert.deepEqual([verified?.comparedBytes, verified?.differingBytes], [32 * 2 ** 20, 0]);
    await unit.stop();
  });
});
