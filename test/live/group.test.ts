import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { askControl } from '../../hw/controlClient.ts';
import type { GroupReport } from '../../src/unit/received/groupReceived.ts';
import type { HistoryReport } from '../../src/unit/received/receivedVolume.ts';
import { type Bench, describeLive, IQN, lu, TARGET, TEE, TEE_SOURCE } from './kit/bench.ts';
import { LEDGER_BLOCKS, Ledger, lastStep } from './kit/ledger.ts';
import { outcome, run } from './kit/processes.ts';
import { FAR, LINK_PORT, Sites } from './kit/sites.ts';
import { MAIN, type Unit } from './kit/unit.ts';
import { until, when } from './kit/until.ts';

const VOLUMES = ['data', 'log'];
const GROUPS = [{ name: 'books', volumes: VOLUMES }];
const HISTORY = { window: '1h', bytes: '1GiB' };

/** Two LUs of one target behind a tee, and a unit at another site that keeps both. */
class Books {
  readonly #bench: Bench;
  readonly sites: Sites;

  private constructor(bench: Bench, sites: Sites) {
    this.#bench = bench;
    this.sites = sites;
  }

  static async open(bench: Bench): Promise<Books> {
    const luns = VOLUMES.map((name, i) => ({ lun: i + 1, image: bench.image(`${name}.img`) }));
    await bench.tgt({ luns });
    for (const name of VOLUMES) bench.image(`far-${name}.img`);
    mkdirSync(bench.path('out'));
    return new Books(bench, await new Sites(bench).open());
  }

  near(): Promise<Unit> {
    const volumes = VOLUMES.map((name, i) => ({
      lu: `${IQN}/${i + 1}`,
      name,
      first: lu(TARGET, IQN, i + 1),
      mirrors: [`journey://${FAR}:${LINK_PORT}/${name}`],
      ...(i === 0 ? { markers: [{ lbn: LEDGER_BLOCKS }] } : {}),
    }));
    return this.#bench.unit(
      { source: TEE_SOURCE, tls: this.sites.tls('near'), volumes, groups: GROUPS },
      { name: 'near' },
    );
  }

  far(): Promise<Unit> {
    const volumes = VOLUMES.map((name) => ({ name, mirrors: [`file:far-${name}.img`], history: HISTORY }));
    const receive = { listen: `${FAR}:${LINK_PORT}` };
    const config = { receive, tls: this.sites.tls('far'), volumes, groups: GROUPS };
    return this.#bench.unit(config, { name: 'far', space: this.sites.space });
  }

  ledger(from = 1): Ledger {
    const { processes, host } = this.#bench;
    const urls = VOLUMES.map((_, i) => lu(TEE, IQN, i + 1));
    return new Ledger(processes, host, { urls, initiator: 'iqn.2024-01.lab.example:books', from });
  }

  async report(far: Unit): Promise<GroupReport> {
    return (await askControl(far.control, { do: 'history', group: 'books' })) as GroupReport;
  }

  /** The last step of a moment, whose images are written by the command line program. */
  async step(far: Unit, to: string): Promise<number> {
    const out = this.#bench.path(`out/${randomUUID()}`);
    const words = ['rewind', '--group', 'books', '--to', to, '--out', out, '--control', far.control];
    await run(undefined, [process.execPath, MAIN, ...words]);
    return lastStep(VOLUMES.map((name) => `${out}/${name}.img`));
  }
}

describeLive('C5 two LUs of one target, and a host whose writes to both depend on each other', ['tgt'], (bench) => {
  it('have one order: every moment of the group holds exactly the writes up to one, whoever is killed', async () => {
    const b = bench();
    const books = await Books.open(b);
    let far = await books.far();
    let near = await books.near();
    await near.settled(60_000);
    let ledger = books.ledger();
    await ledger.further(200);
    await run(undefined, [process.execPath, MAIN, 'mark', 'by hand', '--group', 'books', '--control', near.control]);
    const byHost = await ledger.mark('by the host');
    await ledger.further(100);
    await far.kill();
    await ledger.further(100);
    far = await books.far();
    await ledger.further(100);
    const first = await ledger.stop();
    await near.settled(60_000);
    await until('all of it is known', async () => when((await books.step(far, 'time:now')) === first));
    await near.kill();
    near = await books.near();
    await near.settled(60_000);
    ledger = books.ledger(first + 1);
    await ledger.further(200);
    const last = await ledger.stop();
    await near.settled(60_000);
    await far.settled();
    const { spans, newest, bookmarks } = await books.report(far);
    assert.deepEqual(
      bookmarks.map(({ name, consistent }) => [name, consistent]),
      [
        ['by hand', true],
        ['by the host', true],
      ],
    );
    assert.ok(spans.filter(({ consistent }) => consistent).length >= 2, 'before and after the kill of the sender');
    assert.equal(await books.step(far, 'by the host'), byHost);
    const hand = await books.step(far, 'by hand');
    assert.ok(hand >= 200 && hand <= byHost);
    let looked = 0;
    for (const { from, to, consistent } of spans) {
      if (!consistent) continue;
      let before = 0;
      for (let n = 0; n <= 6; n++) {
        const number = from.sequence + Math.floor(((to.sequence - from.sequence) * n) / 6);
        const step = await books.step(far, `seq:${number}`);
        assert.ok(step >= before, 'later moments hold more');
        before = step;
        looked++;
      }
    }
    assert.ok(looked >= 14);
    assert.equal(newest.consistent, true);
    assert.equal(await books.step(far, `seq:${newest.sequence}`), last);
    await near.stop();
    await far.stop();
  }).timeout(300_000);

  it('C2 a volume goes back in place: its sender compares it and brings it up to date again', async () => {
    const b = bench();
    const books = await Books.open(b);
    const far = await books.far();
    let near = await books.near();
    await near.settled(60_000);
    const ledger = books.ledger();
    await ledger.further(50);
    const marked = await ledger.mark('good');
    await ledger.further(50);
    const last = await ledger.stop();
    await near.settled(60_000);
    await near.stop();
    const rewind = (...words: string[]): ReturnType<typeof outcome> =>
      outcome(undefined, [process.execPath, MAIN, 'rewind', 'data', '--in-place', ...words, '--control', far.control]);
    const asked = await rewind('--to', 'good');
    assert.equal(asked.code, 1);
    assert.match(asked.err, /nothing was done: \d+ entries up to .* would be dropped; give --yes/);
    assert.match((await rewind('--to', 'good', '--yes')).out, /^data: rolled back to .*; \d+ newer entries dropped/);
    const { newest, bookmarks } = (await askControl(far.control, { do: 'history', volume: 'data' })) as HistoryReport;
    assert.deepEqual([newest.sequence, newest.consistent], [bookmarks.at(-1)?.sequence, true]);
    // The other volume is as it was: the newest moment that both have is the bookmark's.
    assert.equal(await books.step(far, 'good'), marked);
    near = await books.near();
    await near.settled(60_000);
    await far.settled();
    assert.equal(await books.step(far, `seq:${(await books.report(far)).newest.sequence}`), last);
    await near.stop();
    await far.stop();
  });
});
