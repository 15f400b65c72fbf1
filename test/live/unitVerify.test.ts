import assert from 'node:assert/strict';
import { closeSync, openSync, writeSync } from 'node:fs';
import type { VerifyReport } from '../../src/unit/verifyTypes.ts';
import { describeLive, IQN, lu, SECOND, TARGET, TEE, TEE_SOURCE } from './kit/bench.ts';
import { outcome } from './kit/processes.ts';
import { MAIN, type Unit } from './kit/unit.ts';

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
