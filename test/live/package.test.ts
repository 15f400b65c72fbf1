import assert from 'node:assert/strict';
import { chmodSync, chownSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repositoryRoot } from '../repository.ts';
import { Bench, IQN, lu, SIZE, TARGET, TEE } from './kit/bench.ts';
import { sha256 } from './kit/files.ts';
import { Machine } from './kit/machine.ts';
import { need } from './kit/parts.ts';
import { run } from './kit/processes.ts';

/** Where the machine sees the bench's folder: the examples' mirrors lie there. */
const SEEN = '/srv/tapmirror';
/** The capability to read frames, as a mask (capabilities(7)). */
const NET_RAW = '0000000000002000';
const LATER = '99.0.0';

/** A machine whose Node is not a package has it all the same; one that was made for this has what the package asks for. */
const FORCE = process.env.TAPMIRROR_MACHINE_ROOT === undefined ? ['--force-depends'] : [];

let folder: string;
let packages: { now: string; later: string };

/** The package of what was built, and the same as a later version. */
async function makePackages(): Promise<void> {
  const root = repositoryRoot();
  const build = join(root, 'src', 'service', 'debian', 'build.sh');
  const now = (await run(undefined, ['sh', build, folder], 120_000)).trim();
  const [parts, later] = [join(folder, 'parts'), join(folder, 'later.deb')];
  await run(undefined, ['dpkg-deb', '-R', now, parts]);
  for (const name of ['DEBIAN/control', 'usr/lib/tapmirror/package.json']) {
    const text = readFileSync(join(parts, name), 'utf8');
    writeFileSync(join(parts, name), text.replace(/^(Version: |\s*"version": ")[^"\n]*/m, `$1${LATER}`));
  }
  await run(undefined, ['dpkg-deb', '--root-owner-group', '-Znone', '-b', parts, later]);
  rmSync(parts, { recursive: true });
  packages = { now, later };
}

/** What takes minutes besides, for a run by hand. */
const ALL = process.env.TAPMIRROR_SUITES === 'all';

describe('H4 a unit that systemd runs, from the package', function () {
  this.timeout(300_000);
  let bench: Bench;
  let machine: Machine;

  before(async function () {
    await need(this, ['tgt', 'pcap', 'machine']);
    if (!existsSync(join(repositoryRoot(), 'dist', 'tapmirror.cjs'))) {
      console.log('    skipped: there is no build to make a package of; run: npm run build');
      this.skip();
    }
    folder = mkdtempSync(join(tmpdir(), 'tapmirror-package-'));
    await makePackages();
  });
  after(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  beforeEach(async () => {
    bench = new Bench();
    await bench.cable();
    await bench.first();
    chmodSync(bench.folder, 0o755);
    await run(undefined, ['cp', packages.now, bench.path('now.deb')]);
    await run(undefined, ['cp', packages.later, bench.path('later.deb')]);
    machine = new Machine(bench.processes);
    await machine.boot({
      space: bench.target,
      folder: bench.folder,
      at: SEEN,
      layer: join(folder, `layer-${Date.now()}`),
    });
    await machine.run('dpkg', '-i', ...FORCE, `${SEEN}/now.deb`);
  });
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') {
      const { out } = await machine.outcome('journalctl', '-q', '-n', '60', '-o', 'cat');
      console.log(out);
    }
    await machine.close();
    await bench.close();
  });

  /** An example of the package with the addresses of the bench, as a configuration. */
  async function configure(
    example: string,
    name: string,
    changes: readonly [string, string][],
    group = 'tapmirror',
  ): Promise<string> {
    const path = `/etc/tapmirror/${name}.yaml`;
    let text = await machine.run('cat', `/usr/share/doc/tapmirror/examples/${example}.yaml`);
    const usual: [string, string][] = [
      ['[eth1]', '[t0]'],
      ['"10.0.0.2:3260"', `"${TARGET}"`],
      ['iscsi://10.0.0.2/', `iscsi://${TARGET}/`],
      ['iqn.2024-01.example:disks', IQN],
    ];
    for (const [from, to] of [...usual, ...changes]) text = text.replaceAll(from, to);
    writeFileSync(bench.path('config'), text);
    await machine.run('install', '-m', '640', '-g', group, `${SEEN}/config`, path);
    return path;
  }

  /** A file that a unit may write, as its administrator would make it. */
  async function mirror(name: string, bytes: number, user = 'tapmirror'): Promise<void> {
    const uid = Number(await machine.run('id', '-u', user));
    chownSync(bench.image(name, { bytes }), uid, uid);
  }

  /** A unit that does nothing any more is found by systemd's watchdog, which takes its time. */
  async function hang(unit: string): Promise<void> {
    await machine.kill(unit, 'STOP');
    await machine.service('started again', unit, (one) => one.NRestarts === '2' && one.ActiveState === 'active');
    assert.match(await machine.run('journalctl', '-q', '-o', 'cat', '-u', unit), /Watchdog timeout/);
  }

  it('a tap with a mirror here: mirrors as an ordinary user, over a kill, a hang, an upgrade; removed and purged', async () => {
    const unit = 'tapmirror@tap';
    const config = await configure('tap', 'tap', []);
    await mirror('second.img', SIZE);
    // systemd is to wait less long for a unit that hangs than an administrator would want it to.
    const dropIn = '/etc/systemd/system/tapmirror@.service.d';
    writeFileSync(bench.path('drop'), '[Service]\nWatchdogSec=12\n');
    await machine.run('install', '-D', '-m', '644', `${SEEN}/drop`, `${dropIn}/quick.conf`);
    await machine.run('systemctl', 'daemon-reload');

    const templates = ['tapmirror@', 'tapmirror-nic@'].map((name) => `/usr/lib/systemd/system/${name}.service`);
    const verified = await machine.outcome('systemd-analyze', 'verify', ...templates);
    const complaints = `${verified.out}${verified.err}`.split('\n').filter((line) => /tapmirror/.test(line));
    assert.deepEqual(
      complaints.filter((line) => !/Restart(Steps|MaxDelaySec)/.test(line)),
      [],
    );
    await machine.run('systemd-analyze', 'security', '--offline=yes', '--threshold=30', templates[0]);

    // What other programs of the machine want of it.
    await machine.run('bash', '-n', '/usr/share/bash-completion/completions/tapmirror');
    assert.match(
      await machine.run('head', '-n', '1', '/usr/share/zsh/vendor-completions/_tapmirror'),
      /^#compdef tapmirror/,
    );
    const folders = ['/usr/share/doc/tapmirror', '/usr/share/doc/tapmirror/schemas', '/usr/share/tapmirror'];
    const doc = await machine.run('ls', ...folders);
    for (const name of ['README.md', 'install.json', 'alerts.yml', 'prometheus.yml', 'dashboard.json', 'grafana.yml']) {
      assert.ok(doc.split('\n').includes(name), `${name} is in the package`);
    }

    await machine.run('systemctl', 'start', unit);
    const status = await machine.proc(unit, 'status');
    const field = (name: string): string => new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(status)?.[1] ?? '';
    const uid = (await machine.run('id', '-u', 'tapmirror')).trim();
    assert.equal(field('Uid').split('\t')[0], uid);
    assert.deepEqual(
      [field('CapEff'), field('CapBnd'), field('NoNewPrivs'), field('Seccomp')],
      [NET_RAW, NET_RAW, '1', '2'],
    );

    await (await bench.load({ count: 300 })).whole();
    await machine.settled(config);
    bench.same('first.img', 'second.img');
    await machine.service('systemd has heard how the mirrors are', unit, ({ StatusText }) =>
      /1 equal$/.test(StatusText),
    );

    // A kill, and by hand a hang, while hosts write; an upgrade while what was missed is being compared.
    const load = await bench.load({ pauseMs: 5 });
    await load.further(50);
    await machine.kill(unit);
    await machine.service('started again', unit, (one) => one.NRestarts === '1' && one.ActiveState === 'active');
    if (ALL) await hang(unit);
    const before = await machine.shown(unit);
    await machine.run('dpkg', '-i', ...FORCE, `${SEEN}/later.deb`);
    const upgraded = await machine.service('runs on', unit, ({ ActiveState }) => ActiveState === 'active');
    assert.notEqual(upgraded.MainPID, before.MainPID);
    await load.further(50);
    await load.stop();
    const after = await machine.settled(config);
    assert.equal(after.version, LATER);
    bench.same('first.img', 'second.img');

    // What no restart can mend is not tried again.
    await configure('tap', 'wrong', [['mirrors:', 'mirors:']]);
    assert.notEqual((await machine.outcome('systemctl', 'start', 'tapmirror@wrong')).code, 0);
    const wrong = await machine.service('it failed', 'tapmirror@wrong', ({ ActiveState }) => ActiveState === 'failed');
    assert.equal(wrong.NRestarts, '0');

    await machine.run('systemctl', 'enable', unit);
    await machine.run('dpkg', '-r', 'tapmirror');
    const gone = await machine.shown(unit);
    assert.equal(gone.ActiveState, 'inactive');
    assert.match(await machine.run('ls', '/etc/tapmirror', '/var/lib/tapmirror'), /tap\.yaml[\s\S]*\btap\b/);
    await machine.run('dpkg', '-P', 'tapmirror');
    // Drop-ins are an administrator's.
    const left =
      'find /etc /var/lib /usr/lib/systemd /usr/bin -xdev -name "tapmirror*" ! -path "/var/lib/dpkg/*" ! -name "*.service.d"';
    assert.equal(await machine.run('sh', '-c', left), '');
    bench.same('first.img', 'second.img');
  });

  if (ALL)
    it('a tap with a mirror at another site: two units on a link, over a kill of each and an upgrade of both', async () => {
      await machine.run('tapmirror', 'keys', 'init', '/etc/tapmirror/keys');
      for (const name of ['near', 'far']) await machine.run('tapmirror', 'keys', 'unit', '/etc/tapmirror/keys', name);
      await machine.run('chgrp', '-R', 'tapmirror', '/etc/tapmirror/keys');
      await machine.run('chmod', '-R', 'g=rX', '/etc/tapmirror/keys');
      const at: [string, string] = ['10.0.9.1:7260', '127.0.0.1:7260'];
      const [far, near] = [await configure('far', 'far', [at]), await configure('near', 'near', [at])];
      await mirror('far.img', 0);
      await machine.run('systemctl', 'start', 'tapmirror@far', 'tapmirror@near');
      const load = await bench.load({ pauseMs: 5 });
      await load.further(100);
      await machine.kill('tapmirror@far');
      await load.further(50);
      await machine.kill('tapmirror@near');
      for (const name of ['far', 'near']) {
        await machine.service(
          'started again',
          `tapmirror@${name}`,
          (one) => one.NRestarts === '1' && one.ActiveState === 'active',
        );
      }
      await machine.run('dpkg', '-i', ...FORCE, `${SEEN}/later.deb`);
      await load.further(50);
      await load.stop();
      assert.equal((await machine.settled(near)).version, LATER);
      const history = JSON.parse(await machine.run('tapmirror', 'history', 'database', '--json', '--config', far)) as {
        newest: { sequence: number; consistent: boolean };
      };
      assert.equal(history.newest.consistent, true);
      await machine.run('install', '-d', '-o', 'tapmirror', `${SEEN}/out`);
      const order = ['--to', `${history.newest.sequence}`, '--out', `${SEEN}/out/now.img`, '--config', far];
      await machine.run('tapmirror', 'rewind', 'database', ...order);
      assert.equal(sha256(bench.path('out/now.img')), sha256(bench.path('first.img')));
    });

  if (ALL)
    it('a tee, laid down by `tapmirror install` for another user, with no capability at all', async () => {
      const unit = 'tapmirror@tee';
      await machine.run('tapmirror', 'install', '--user', 'mirrors');
      assert.match(
        await machine.run('tapmirror', 'install', '--user', 'mirrors'),
        /^unchanged .*tapmirror@\.service$/m,
      );
      const changes: [string, string][] = [
        ['10.0.0.1:3260', TEE],
        ['iscsi://10.0.9.2/iqn.2024-01.example:second/1', `file:${SEEN}/second.img`],
        ['state:', 'control: /run/tapmirror/tee.sock\ncontrolGroup: operators\nstate:'],
      ];
      const config = await configure('tee', 'tee', changes, 'mirrors');
      await mirror('second.img', SIZE, 'mirrors');
      await machine.run('groupadd', '--system', 'operators');
      await machine.run('useradd', '--system', '--groups', 'operators', 'ann');
      await machine.run('useradd', '--system', 'bob');
      const drop = 'AmbientCapabilities=\nCapabilityBoundingSet=\nSupplementaryGroups=operators\n';
      writeFileSync(bench.path('drop'), `[Service]\n${drop}`);
      await machine.run(
        'install',
        '-D',
        '-m',
        '644',
        `${SEEN}/drop`,
        `/etc/systemd/system/${unit}.service.d/none.conf`,
      );
      await machine.run('systemctl', 'daemon-reload');
      await machine.run('systemctl', 'enable', '--now', unit);
      const status = await machine.proc(unit, 'status');
      assert.match(status, /^CapEff:\s+0+$/m);
      assert.match(status, /^CapBnd:\s+0+$/m);
      assert.equal((await machine.run('systemctl', 'show', '-p', 'User', unit)).trim(), 'User=mirrors');

      await (await bench.load({ url: lu(TEE), count: 300 })).whole();
      await machine.settled(config);
      bench.same('first.img', 'second.img');

      // Operators steer it by its socket, and read nothing else; others do not.
      const as = (user: string, ...words: string[]) =>
        machine.outcome('setpriv', `--reuid=${user}`, `--regid=${user}`, '--init-groups', ...words);
      const socket = ['--control', '/run/tapmirror/tee.sock'];
      const paused = await as('ann', 'tapmirror', 'pause', ...socket);
      assert.equal(paused.code, 0, paused.err);
      assert.match((await as('ann', 'tapmirror', 'status', ...socket)).out, /paused/);
      assert.equal((await as('ann', 'tapmirror', 'resume', ...socket)).code, 0);
      assert.notEqual((await as('ann', 'cat', config)).code, 0);
      const stranger = await as('bob', 'tapmirror', 'status', ...socket);
      assert.match(stranger.err, /belongs to another user; ask as the user of the unit, or as a member of its/);
      const unitsOwn = ['setpriv', '--reuid=mirrors', '--regid=mirrors', '--groups=operators'];
      const { out: looked } = await machine.outcome(...unitsOwn, 'tapmirror', 'doctor', '--config', config);
      assert.match(looked, /ok +permissions \/run\/tapmirror\/tee\.sock: members of the group operators may use it/);

      // The interface's own service, without the wait for a device that no udev tells of here.
      const plug = (name: string) => ({ space: bench.target, name, addresses: [] });
      await bench.net.cable(plug('d0'), plug('d1'));
      const [from, to] = ['tapmirror-nic@.service', 'lab-nic@.service'].map((name) => `/etc/systemd/system/${name}`);
      await machine.run('sh', '-c', `sed /sys-subsystem/d ${from} > ${to} && systemctl daemon-reload`);
      await machine.run('systemctl', 'start', 'lab-nic@d0');
      assert.match(await machine.run('ip', 'link', 'show', 'dev', 'd0'), /NOARP.* mtu 9216 /);
      assert.equal((await machine.run('cat', '/proc/sys/net/ipv6/conf/d0/disable_ipv6')).trim(), '1');
      await machine.run('systemctl', 'stop', 'lab-nic@d0');
      assert.doesNotMatch(await machine.run('ip', 'link', 'show', 'dev', 'd0'), /NOARP|mtu 9216/);
      assert.equal((await machine.run('cat', '/proc/sys/net/ipv6/conf/d0/disable_ipv6')).trim(), '0');

      await machine.run('tapmirror', 'uninstall');
      assert.equal((await machine.shown(unit)).ActiveState, 'inactive');
      assert.equal(await machine.run('sh', '-c', 'find /etc/systemd -name "tapmirror*.service"'), '');
      assert.match(await machine.run('ls', '/etc/tapmirror', '/var/lib/tapmirror'), /tee\.yaml[\s\S]*\btee\b/);
    });
});
