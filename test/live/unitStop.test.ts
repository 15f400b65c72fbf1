import assert from 'node:assert/strict';
import type { Log } from '../../hw/log.ts';
import { loadLiveConfig } from '../../src/unit/config/config.ts';
import { startUnit } from '../../src/unit/live/live.ts';
import { TEE as BENCH_TEE, describeLive, IQN, lu, SECOND_LU, TEE_SOURCE, volume } from './kit/bench.ts';
import { Load } from './kit/load.ts';
import { JOURNEY, sitesOf } from './kit/sites.ts';
import { isCalm, type LogLine, writeConfig } from './kit/unit.ts';
import { until, when } from './kit/until.ts';

/** Of this process's own network: the unit runs in it, so that its stop can be given another time than the command's 30 s. */
const [FIRST, SECOND, TEE] = ['127.0.0.1:14720', '127.0.0.1:14721', '127.0.0.1:14722'];

const SILENT: Log = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {} };

describeLive('H1 a unit that is ended while a mirror does not take anything', ['tgt'], (bench) => {
  it('ends in time, says which mirror was left behind, and repairs it after the next start', async () => {
    const b = bench();
    await b.first({ space: undefined, portals: [FIRST] });
    const second = await b.second({ space: undefined, portals: [SECOND] });
    const { config } = writeConfig(b.folder, 'unit', {
      source: { tee: { listen: TEE, target: FIRST } },
      volumes: [{ lu: `${IQN}/1`, first: lu(FIRST), mirrors: [lu(SECOND, `${IQN}-second`)] }],
    });
    const settings = await loadLiveConfig(config, {});
    const unit = await startUnit(settings, { log: SILENT });
    const order = {
      url: lu(TEE),
      initiator: 'iqn.2024-01.lab.example:host',
      seed: 1,
      operations: ['w10', 'w16'] as const,
    };
    const load = await new Load(b.processes, undefined, order).ready();
    await load.further(100);
    second.signal('SIGSTOP');
    await load.further(100);
    const before = performance.now();
    await assert.rejects(unit.stop({ withinMs: 500 }), /live-second\/1 is \d+ bytes behind/);
    assert.ok(performance.now() - before < 8000, 'a target that is silent does not hold it for long');
    second.signal('SIGCONT');
    const again = await startUnit(settings, { log: SILENT });
    await load.stop();
    await until('it is equal', () => when(isCalm(again.status())), { ms: 30_000 });
    b.same('first.img', 'second.img');
    await again.stop({ withinMs: 10_000 });
  });
});

describeLive('H1 a unit that is ended when what it writes to has just gone', ['tgt'], (bench) => {
  /** Milliseconds from the first word of its end to the last, as it stamps them itself. */
  function ended({ all }: { all: readonly LogLine[] }): number {
    const at = (message: string): number =>
      Date.parse(all.find((line) => line.message === message)?.timestamp ?? 'never');
    return at('stopped') - at('stopping');
  }

  it('does not wait for a far unit', async () => {
    const b = bench();
    const sites = await sitesOf(b);
    const far = await sites.far();
    const near = await sites.near([JOURNEY]);
    await near.settled();
    const load = await b.load({ url: lu(BENCH_TEE), operations: ['w10', 'w16'], blocks: [64, 256], depth: 8 });
    await load.further(50);
    far.signal('SIGKILL');
    await load.further(20);
    await load.stop();
    await near.stop();
    assert.ok(ended(near.log) < 10_000, `it took ${ended(near.log)} ms`);
  });

  it('does not wait for a target, whose mirror is repaired after the next start', async () => {
    const b = bench();
    await b.first();
    const second = await b.second();
    const config = { source: TEE_SOURCE, volumes: [volume(SECOND_LU)] };
    const unit = await b.unit(config);
    await unit.settled();
    const load = await b.load({ url: lu(BENCH_TEE), operations: ['w10', 'w16'] });
    await load.further(50);
    await second.stop('SIGKILL');
    await load.further(20);
    await load.stop();
    await unit.stop();
    assert.ok(ended(unit.log) < 10_000, `it took ${ended(unit.log)} ms`);
    await second.start();
    const again = await b.unit(config);
    await again.settled();
    b.same('first.img', 'second.img');
    await again.stop();
  });
});
