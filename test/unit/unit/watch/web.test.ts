import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fault } from '../../../../src/base/fault.ts';
import { loadLiveConfig } from '../../../../src/unit/config/config.ts';
import { ConfigFault } from '../../../../src/unit/config/configFault.ts';
import type { HistoryReport } from '../../../../src/unit/received/receivedVolume.ts';
import { UnitWeb } from '../../../../src/unit/watch/web.ts';
import { shortHistory } from '../../../../src/unit/watch/webHistory.ts';
import { pageOrders } from '../../../../src/unit/watch/webOrders.ts';
import { JOBS, MadeUpUnit } from '../../../page/kit/madeUp.ts';

const TOKEN = 'a-token-of-some-length';
const LU = 'iqn.2026-01.example:a/0';

describe('H4 what a unit serves to browsers', () => {
  let web: UnitWeb;
  let unit: MadeUpUnit;
  let ms = 0;

  beforeEach(async () => {
    ms = 0;
    unit = new MadeUpUnit(6);
    web = await UnitWeb.open(
      { listen: '127.0.0.1:0', names: [], token: TOKEN },
      unit.parts(() => ms * 1e6),
    );
  });
  afterEach(() => web.close());

  const get = (path: string): Promise<Response> => fetch(new URL(path, web.url));

  it('is one document whose script and style alone may run', async () => {
    const answer = await get('/');
    const [html, policy] = [await answer.text(), answer.headers.get('content-security-policy') ?? ''];
    assert.match(html, /^<!doctype html>\s*<html data-orders="yes" lang="en">/i);
    assert.doesNotMatch(html, /\b(src|href)="(?!#|data:)|@import|url\(/, 'it needs nothing else');
    for (const [tag, name] of [
      ['script', 'script-src'],
      ['style', 'style-src'],
    ]) {
      const inside = new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`).exec(html)?.[1] ?? '';
      assert.ok(inside.length > 1000);
      const digest = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(inside))).toString('base64');
      assert.ok(policy.includes(`${name} 'sha256-${digest}';`), policy);
    }
    assert.doesNotMatch(html, new RegExp(TOKEN));
  });

  it('tells how volumes went, their blocks and their past, and says so where there is none', async () => {
    for (ms = 1000; ms <= 20_000; ms += 1000) web.tick();
    const trend = (await (await get(`/trend.json?volume=${encodeURIComponent(LU)}`)).json()) as {
      writes: unknown[];
      mirrors: { to: string }[];
    };
    assert.equal(trend.writes.length, 600);
    assert.ok(Number(trend.writes.at(-1)) > 0);
    assert.deepEqual(
      trend.mirrors.map(({ to }) => to),
      unit.volumes[0].mirrors.map(({ to }) => to),
    );
    const day = (await (await get(`/trend.json?volume=${encodeURIComponent(LU)}&span=day`)).json()) as {
      writes: unknown[];
    };
    assert.equal(day.writes.length, 1440);
    const overview = (await (await get('/trend.json')).json()) as { volumes: unknown[] };
    assert.equal(overview.volumes.length, 6);
    assert.equal((await get(`/map.json?volume=${encodeURIComponent(LU)}`)).status, 200);
    assert.equal((await get('/history.json?volume=received%2Fdisk')).status, 200);
    for (const none of [
      '/map.json',
      '/map.json?volume=%00',
      '/trend.json?volume=none',
      '/trend.json?volume=',
      '/history.json?volume=none',
      '/page.html',
      '/..%2fpackage.json',
    ]) {
      assert.equal((await get(none)).status, 404, none);
    }
  });

  it('looks once for those who look at the same time', async () => {
    await Promise.all([get('/status.json'), get('/metrics'), get('/status.json')]);
    assert.equal(unit.looks, 1);
    ms += 1000;
    await get('/status.json');
    assert.equal(unit.looks, 2);
  });

  it('looks once a second for all who look, whatever they ask for, and anew after an order', async () => {
    for (ms = 1000; ms <= 3000; ms += 1000) {
      web.tick();
      for (const path of ['/status.json', '/metrics', '/trend.json', '/status.json']) await get(path);
    }
    assert.equal(unit.looks, 3);
    const headers = { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/json' };
    const order = { method: 'POST', headers, body: '{"do":"pause"}' };
    assert.equal((await fetch(new URL('/order', web.url), order)).status, 200);
    await get('/status.json');
    assert.equal(unit.looks, 4, 'what was ordered is seen at once');
  });

  it('tells of long jobs beside the status', async () => {
    unit.jobs = JOBS;
    const { jobs, volumes } = (await (await get('/status.json')).json()) as { jobs: unknown; volumes: unknown[] };
    assert.deepEqual(jobs, JOBS);
    assert.equal(volumes.length, 6);
  });

  it('passes on the orders of a page, and no others', async () => {
    const given: unknown[] = [];
    const order = pageOrders((request) => given.push(request), new AbortController().signal);
    await order({ do: 'pause', volume: LU, by: 'root' });
    assert.deepEqual(given, [{ do: 'pause', volume: LU, by: 'the status page' }]);
    for (const other of ['drain', 'rollBack', 'rewind', 'promote', 'set', 'open', 'toString', undefined, 7]) {
      await assert.rejects(order({ do: other }), (error) => error instanceof Fault && error.blame === 'peer');
    }
    assert.equal(given.length, 1);
  });

  it('leaves out the oldest of a very long past, and says how many', () => {
    const at = (sequence: number) => ({ at: null, sequence, consistent: true });
    const bookmarks = Array.from({ length: 700 }, (_, i) => ({ name: `b${i}`, ...at(i) }));
    const report: HistoryReport = {
      volume: 'a',
      windowMs: 1,
      bytes: 1,
      entries: 1,
      oldest: at(0),
      newest: at(700),
      bookmarks,
      spans: [],
    };
    const short = shortHistory(report);
    assert.deepEqual(
      [short.bookmarks.length, short.bookmarks.at(-1)?.name, short.leftOut.bookmarks, short.leftOut.spans],
      [500, 'b699', 200, 0],
    );
  });
});

describe('H4 the configuration of what is served to browsers', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tapmirror-web-config-'));
  });
  after(() => rm(folder, { recursive: true }));

  async function load(web: unknown) {
    const path = join(folder, 'unit.json');
    const volumes = [{ lu: 'iqn.2024-01.lab.example:live/1', mirrors: ['file:a.img'] }];
    const source = { tee: { listen: '10.66.0.2:3262', target: '10.66.0.2:3260' } };
    await writeFile(path, JSON.stringify({ source, state: 'state', volumes, web }), { mode: 0o600 });
    return loadLiveConfig(path, {});
  }

  async function token(text: string, mode = 0o600): Promise<string> {
    await writeFile(join(folder, 'web.token'), text);
    await chmod(join(folder, 'web.token'), mode);
    return 'web.token';
  }

  it('reads the token from its file, and warns where everybody can', async () => {
    const listen = '127.0.0.1:9464';
    assert.deepEqual((await load({ listen })).web, { listen, names: [] });
    const config = await load({ listen, names: ['Unit-A.example'], tokenFile: await token(`${TOKEN}\n`) });
    assert.deepEqual(config.web, { listen, names: ['unit-a.example'], token: TOKEN });
    assert.deepEqual(config.warnings, []);
    const { warnings } = await load({ listen, tokenFile: await token(TOKEN, 0o644) });
    assert.equal(warnings.length, 1);
    assert.doesNotMatch(warnings[0], new RegExp(TOKEN));
  });

  it('refuses a token that can be guessed or not be sent, without repeating it', async () => {
    for (const weak of [
      'short',
      'with a blank in the middle of it',
      `${'x'.repeat(513)}`,
      'not-äscii-but-long-enough',
    ]) {
      await assert.rejects(load({ listen: '127.0.0.1:9464', tokenFile: await token(weak) }), (error) => {
        assert.ok(error instanceof ConfigFault, String(error));
        const said = error.mistakes.join('\n');
        assert.match(said, /not a token that can be used/);
        assert.ok(!said.includes(weak));
        return true;
      });
    }
    await assert.rejects(load({ listen: '127.0.0.1:9464', tokenFile: 'nowhere' }), ConfigFault);
    await assert.rejects(
      load({ listen: '127.0.0.1:9464', token: TOKEN }),
      (error) => error instanceof ConfigFault && !error.mistakes.join().includes(TOKEN),
    );
  });
});
