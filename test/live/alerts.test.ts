import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ALERTS } from '../../src/operate/alerts.ts';
import { dashboard, dashboardQueries } from '../../src/operate/dashboard.ts';
import { monitoringFiles } from '../../src/operate/monitoring.ts';
import { alertTests, SOUNDED } from './kit/alertCases.ts';
import { describeLive, TEE_SOURCE, volume } from './kit/bench.ts';
import { need } from './kit/parts.ts';
import { outcome, run } from './kit/processes.ts';

const WEB = '127.0.0.1:14790';

/** Metrics that rules and panels ask for. */
function asked(text: string): Set<string> {
  const names = text.match(/\btapmirror_[a-z0-9_]+/g) ?? [];
  return new Set(names.map((name) => name.replace(/_bucket$/, '')));
}

describe('H2 alert rules and dashboard, as Prometheus reads them', function () {
  this.timeout(180_000);
  let folder = '';
  before(function () {
    return need(this, ['promtool']);
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tapmirror-alerts-'));
    writeFileSync(join(folder, 'alerts.yaml'), ALERTS);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('has rules that are sound', async () => {
    await run(undefined, ['promtool', 'check', 'rules', '--lint-fatal', join(folder, 'alerts.yaml')]);
  });

  it('has an example of a configuration that loads them', async () => {
    for (const { path, text } of monitoringFiles(folder)) writeFileSync(path, text);
    const { code, out, err } = await outcome(undefined, [
      'promtool',
      'check',
      'config',
      join(folder, 'prometheus.yml'),
    ]);
    assert.equal(code, 0, err);
    assert.match(out, /alerts\.yml[\s\S]*SUCCESS: \d+ rules found/);
  });

  it('sounds each alert when it should, and not before', async () => {
    const alerts = [...ALERTS.matchAll(/- alert: (\w+)/g)].map((match) => match[1]);
    assert.deepEqual(
      alerts.filter((name) => !SOUNDED.has(name)),
      [],
    );
    const tests = join(folder, 'tests.yaml');
    writeFileSync(tests, JSON.stringify(alertTests('alerts.yaml', () => true)));
    await run(undefined, ['promtool', 'test', 'rules', tests]);
  });

  it('has panels whose queries can be evaluated', async () => {
    const rules = dashboardQueries().map((query, i) => ({
      record: `panel:${i}`,
      expr: query.replaceAll('$__rate_interval', '5m').replaceAll('$instance', '.*'),
    }));
    const path = join(folder, 'panels.yaml');
    writeFileSync(path, JSON.stringify({ groups: [{ name: 'panels', rules }] }));
    await run(undefined, ['promtool', 'check', 'rules', path]);
    const { panels } = dashboard() as { panels: { gridPos: { x: number; y: number; w: number; h: number } }[] };
    const over = panels.flatMap(({ gridPos: a }, i) =>
      panels.slice(i + 1).filter(({ gridPos: b }) => {
        const beside = a.x + a.w <= b.x || b.x + b.w <= a.x;
        return !beside && a.y + a.h > b.y && b.y + b.h > a.y;
      }),
    );
    assert.deepEqual(over, []);
  });
});

describeLive('H2 the metrics of a unit that runs', ['tgt', 'promtool'], (bench) => {
  it('are as promtool wants them, and what rules and panels ask for is there', async () => {
    const b = bench();
    await b.first();
    b.image('m.img');
    const config = { source: TEE_SOURCE, web: { listen: WEB }, volumes: [volume('file:m.img')] };
    const unit = await b.unit(config);
    const load = await b.load({ count: 50, url: `iscsi://10.67.0.2:14701/iqn.2024-01.lab.example:live/1` });
    await load.whole();
    await unit.settled();
    const fetched = `fetch('http://${WEB}/metrics').then((r) => r.text()).then((t) => process.stdout.write(t))`;
    const text = await run(b.target, [process.execPath, '-e', fetched]);
    const file = b.path('metrics.txt');
    writeFileSync(file, text);
    const checked = await outcome(undefined, ['sh', '-c', `promtool check metrics < ${file}`]);
    assert.equal(checked.code, 0, checked.out + checked.err);
    const there = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1]));
    // A unit on a tee has no drops, links, certificates, received volumes or logical units of its own, and compares nothing here.
    const elsewhere =
      /^tapmirror_(source_(drops|behind)|link_|certificate_|verify_|checked_read_|received_|history_|serve_|fault)/;
    const missing = [...asked(ALERTS), ...dashboardQueries().flatMap((query) => [...asked(query)])].filter(
      (name) => !there.has(name) && !elsewhere.test(name),
    );
    assert.deepEqual(missing, []);
    await unit.stop();
  });
});
