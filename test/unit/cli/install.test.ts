import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { layFile } from '../../../hw/serviceHost.ts';
import { runInstall, runUninstall } from '../../../src/cli/install.ts';
import { runNic } from '../../../src/cli/nic.ts';
import { serviceWords } from '../../../src/cli/service-words.ts';
import { ALERTS } from '../../../src/operate/alerts.ts';
import { dashboard } from '../../../src/operate/dashboard.ts';
import { EXAMPLES } from '../../../src/service/examples.ts';
import { unitFile } from '../../../src/service/unitFile.ts';
import { loadLiveConfig } from '../../../src/unit/config/config.ts';
import { fitsSchema } from '../../kit/schemas.ts';
import { Shown, status } from './cases.ts';

const PROGRAM = '/usr/bin/tapmirror';

describe('H4 the service of a unit', () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'tapmirror-install-'));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  async function dryRun(
    changes: object = {},
  ): Promise<{ files: { path: string; text: string }[]; commands: string[] }> {
    const shown = new Shown();
    await runInstall({ root, user: 'tapmirror', program: PROGRAM, dryRun: true, json: true, ...changes }, shown);
    fitsSchema('install', shown.text);
    return JSON.parse(shown.text);
  }

  it('prints what it would lay down, and lays nothing', async () => {
    const { files, commands } = await dryRun({ user: 'mirrors' });
    assert.deepEqual(
      files.slice(0, 4).map(({ path }) => path),
      [
        '/etc/systemd/system/tapmirror@.service',
        '/etc/systemd/system/tapmirror-nic@.service',
        '/etc/sysusers.d/tapmirror.conf',
        '/etc/tmpfiles.d/tapmirror.conf',
      ],
    );
    assert.match(files[0].text, /^User=mirrors$/m);
    assert.match(files[0].text, /^ExecStart=\/usr\/bin\/tapmirror run --config \/etc\/tapmirror\/%i\.yaml$/m);
    assert.match(files[2].text, /^u mirrors /);
    assert.match(files[3].text, /^d \/etc\/tapmirror 0750 root mirrors -$/m);
    assert.deepEqual(commands, [
      `systemd-sysusers --root=${root} tapmirror.conf`,
      `systemd-tmpfiles --root=${root} --create tapmirror.conf`,
    ]);
    assert.equal(existsSync(join(root, 'etc')), false);
  });

  it('has a package in the places of a distribution, whose own scripts do the rest', async () => {
    const { files, commands } = await dryRun({ package: true });
    assert.ok(files.every(({ path }) => path.startsWith('/usr/')));
    assert.deepEqual(commands, []);
  });

  it('lays down what Prometheus and Grafana are given, where their users may read it', async () => {
    const { files } = await dryRun();
    const folder = '/usr/local/share/tapmirror';
    const text = (name: string) => files.find(({ path }) => path === `${folder}/${name}`)?.text ?? assert.fail(name);
    assert.equal(text('alerts.yml'), ALERTS);
    assert.deepEqual(JSON.parse(text('dashboard.json')), dashboard());
    assert.ok(text('prometheus.yml').includes(`  - ${folder}/alerts.yml\n`));
    assert.ok(text('grafana.yml').includes(`      path: ${folder}\n`));
  });

  it('lays files that everybody may read, whatever the umask of whoever lays them', async () => {
    const path = join(root, 'usr/local/share/x/alerts.yml');
    const before = process.umask(0o077);
    try {
      assert.equal(await layFile(path, 'text'), true);
    } finally {
      process.umask(before);
    }
    const modes = [path, join(path, '..'), join(path, '../..')].map((one) => statSync(one).mode & 0o777);
    assert.deepEqual(modes, [0o644, 0o755, 0o755]);
    assert.equal(await layFile(path, 'text'), false);
  });

  it('writes a path so that systemd reads it as it stands', () => {
    const unit = unitFile({ program: ['/opt/my node/bin', '/opt/100%/$HOME/"x"'], user: 'u' });
    assert.match(unit, /^ExecStart="\/opt\/my node\/bin" "\/opt\/100%%\/\$\$HOME\/\\"x\\"" run /m);
  });

  it('refuses users and programs that make no sense', async () => {
    await assert.rejects(dryRun({ user: 'Joe' }), /Joe is no name for a user/);
    await assert.rejects(dryRun({ user: 'x\nExecStartPre=/bin/evil' }), /no name for a user/);
    await assert.rejects(dryRun({ program: 'tapmirror' }), /not an absolute path/);
    const here = { root: '/', user: 'tapmirror', program: '/home/joe/tapmirror' };
    await assert.rejects(runInstall(here, new Shown()), /lies where a service cannot see it/);
  });

  it('takes away what was laid down, and configurations and states only with a purge that is confirmed', async () => {
    const { files } = await dryRun();
    const wants = join(root, 'etc/systemd/system/multi-user.target.wants');
    const kept = ['etc/tapmirror/db.yaml', 'var/lib/tapmirror/db/record'].map((path) => join(root, path));
    for (const { path, text } of files) {
      mkdirSync(join(root, path, '..'), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    mkdirSync(join(kept[1], '..'), { recursive: true });
    for (const path of kept) writeFileSync(path, 'mine');
    mkdirSync(wants);
    symlinkSync('/etc/systemd/system/tapmirror@.service', join(wants, 'tapmirror@db.service'));
    writeFileSync(join(wants, 'other.service'), '');

    const json = new Shown();
    await runUninstall({ root, dryRun: true, purge: true, json: true }, json, assert.fail);
    fitsSchema('uninstall', json.text);
    await assert.rejects(
      runUninstall({ root, purge: true }, new Shown(), async () => false),
      /nothing was removed: it was not confirmed/,
    );
    assert.ok(files.every(({ path }) => existsSync(join(root, path))));

    const shown = new Shown();
    await runUninstall({ root }, shown, assert.fail);
    assert.ok(
      files.every(({ path }) => !existsSync(join(root, path)) && shown.text.includes(`removed ${root}${path}\n`)),
    );
    assert.equal(existsSync(join(wants, 'other.service')), true);
    for (const folder of ['usr/local/share/tapmirror', 'etc/tapmirror/examples']) {
      assert.equal(existsSync(join(root, folder)), false, folder);
    }
    assert.throws(() => readFileSync(join(wants, 'tapmirror@db.service')), { code: 'ENOENT' });
    assert.ok(kept.every((path) => existsSync(path)));

    await runUninstall({ root, purge: true, yes: true }, new Shown(), assert.fail);
    assert.ok(kept.every((path) => !existsSync(path)));
  });

  it('brings examples that are configurations, but for the keys that nobody has yet', async () => {
    for (const [name, text] of Object.entries(EXAMPLES)) {
      const path = join(root, name);
      writeFileSync(path, text.replace(/^tls:.*$/m, 'tls: {psk: keys}'));
      writeFileSync(join(root, 'keys'), `near:${'0'.repeat(64)}\nfar:${'1'.repeat(64)}\n`, { mode: 0o600 });
      const config = await loadLiveConfig(path, {});
      assert.equal(config.state, `/var/lib/tapmirror/${name.replace('.yaml', '')}`);
    }
  });

  it('says how a unit stands in one line, with the words of status', () => {
    const words = serviceWords(status());
    assert.match(words, /^[^\n]+; \d+ \w+/);
    assert.ok(words.startsWith(status().source.text));
  });

  it('takes no name of an interface that is none', async () => {
    for (const name of ['a/b', '-h', 'eth0;id', '$(id)', 'x'.repeat(16), '..', '']) {
      await assert.rejects(runNic('prepare', name, { state: root }, new Shown()), /is not the name of an interface/);
    }
  });
});
