import assert from 'node:assert/strict';
import { askControl } from '../../hw/controlClient.ts';
import type { ExplainReport } from '../../src/unit/watch/explain.ts';
import { describeLive, lu, TEE } from './kit/bench.ts';
import { outcome } from './kit/processes.ts';
import { JOURNEY, Sites } from './kit/sites.ts';
import { MAIN, type Unit } from './kit/unit.ts';
import { until } from './kit/until.ts';

const AT = 2048;

async function explain(unit: Unit, lbn: number, more: object = {}): Promise<ExplainReport> {
  return (await askControl(unit.control, { do: 'explain', lbn, ...more })) as ExplainReport;
}

/** A block that this host wrote last. */
async function blockOf(unit: Unit, host: string): Promise<ExplainReport> {
  const blocks = await Promise.all(Array.from({ length: 8 }, (_, i) => explain(unit, AT + i)));
  const found = blocks.find(({ changes }) => changes[0]?.host === host);
  assert.ok(found, `${host} wrote a block`);
  return found;
}

describeLive('H4 explain', ['tgt'], (bench) => {
  it('tells who wrote a block, where its copies are at both sites, and what is in doubt while a mirror is away', async () => {
    const b = bench();
    const sites = await new Sites(b).open();
    await b.first();
    b.image('m.img');
    b.image('far.img');
    const far = await sites.far();
    const near = await sites.near(['file:m.img', JOURNEY]);
    await near.settled();
    const writes = {
      url: lu(TEE),
      from: AT,
      span: 8,
      blocks: [8, 8] as [number, number],
      operations: ['w10' as const],
    };
    await (await b.load({ ...writes, count: 8 })).whole();
    await near.settled();
    const report = await blockOf(near, 'iqn.2024-01.lab.example:host-1');
    const { lbn } = report;
    const [last] = report.changes;
    assert.deepEqual([last.host, last.operation, last.doubt], ['iqn.2024-01.lab.example:host-1', 'WRITE(10)', null]);
    assert.ok(last.lbn <= lbn && lbn < last.lbn + (last.blocks ?? 0));
    assert.deepEqual(
      report.mirrors.map(({ to, copy, reasons }) => [to, copy, reasons]),
      [
        ['file:m.img', 'has', []],
        [JOURNEY, 'has', []],
      ],
    );
    assert.deepEqual((await explain(near, AT + 9)).changes, []);
    const past = (await explain(far, lbn, { volume: 'vol1' })).mirrors[0].entries ?? [];
    assert.ok(past.length >= 1, `${past.length} entries hold the block`);
    assert.deepEqual((await explain(far, AT + 9)).mirrors[0].entries, []);
    await assert.rejects(explain(near, 1e9), /has no block 1000000000, its last block is 65535/);
    await assert.rejects(explain(near, -1), /has no block -1/);

    await sites.cut();
    const more = await b.load({ ...writes, count: 8 });
    await more.whole();
    const away = await until('the mirror here has it', async () => {
      const report = await blockOf(near, 'iqn.2024-01.lab.example:host-2');
      return report.mirrors[0].copy === 'has' ? report : undefined;
    });
    assert.notEqual(away.mirrors[1].copy, 'has');
    const words = [process.execPath, MAIN, 'explain', String(away.lbn), '--control', near.control];
    const shown = await outcome(undefined, words);
    assert.equal(shown.code, 3, shown.err);
    assert.match(shown.out, /WRITE\(10\) +20\d\d\+\d +iqn\.2024-01\.lab\.example:host-2/);
    assert.match(shown.out, /^journey:\/\/.*: (on its way|in doubt)/m);
    await sites.join();
    await near.settled();
    assert.equal((await explain(near, away.lbn)).mirrors[1].copy, 'has');
    await near.stop();
    await far.stop();
  });
});
