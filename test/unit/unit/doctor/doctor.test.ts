import assert from 'node:assert/strict';
import { chmodSync, linkSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { joiningOffloads, receiveRing } from '../../../../hw/interfaceFacts.ts';
import { initKeys, unitKeys } from '../../../../hw/keys.ts';
import { drawDoctor } from '../../../../src/cli/doctor.ts';
import type { SessionView } from '../../../../src/snoop/snoop.ts';
import type { LiveConfig } from '../../../../src/unit/config/configTypes.ts';
import { examine } from '../../../../src/unit/doctor/doctor.ts';
import { isEnough } from '../../../../src/unit/doctor/doctorMachine.ts';
import { lookAtPaths } from '../../../../src/unit/doctor/doctorPaths.ts';
import { type DoctorReport, type Finding, worstOf } from '../../../../src/unit/doctor/doctorTypes.ts';
import { lookAtStatus } from '../../../../src/unit/doctor/doctorUnit.ts';
import type { UnitStatus } from '../../../../src/unit/watch/status.ts';

const LU = 'iqn.2024-01.example:disk/1';
const A = '10.0.0.2:3260';
const B = '10.0.0.3:3260';
const DAY_MS = 86_400_000;

function session(changes: Partial<SessionView> = {}): SessionView {
  const named = { host: 'iqn.2024-01.example:host', target: 'iqn.2024-01.example:disk', named: true };
  return { ...named, portal: A, connections: 1, volumes: [LU], ...changes };
}

/** The parts of a configuration that paths are held against. */
function tapped(portals: string[], filter: string[] = portals): LiveConfig {
  const source = { kind: 'tap', interfaces: ['t0'], portals: filter };
  return { kind: 'live', source, volumes: [{ lu: LU, portals, mirrors: [] }] } as unknown as LiveConfig;
}

function words(findings: readonly Finding[], level: Finding['level']): string {
  return findings
    .filter((one) => one.level === level)
    .map((one) => `${one.check} ${one.subject}: ${one.words}; ${one.mend}`)
    .join('\n');
}

describe('H4 doctor, paths on the bus', () => {
  it('finds nothing wrong where every portal is used', () => {
    const sessions = [session(), session({ portal: B })];
    const findings = lookAtPaths(tapped([A, B]), { by: 'unit', sessions, others: [] });
    assert.equal(worstOf(findings), 'ok');
    assert.match(words(findings, 'ok'), /seen at 10\.0\.0\.2:3260: iqn\.2024-01\.example:host/);
  });

  it('names a portal at which nobody is seen', () => {
    const findings = lookAtPaths(tapped([A, B]), { by: 'unit', sessions: [session()], others: [] });
    assert.match(words(findings, 'warn'), /nobody is seen at its portal 10\.0\.0\.3:3260/);
  });

  it('names a way that the filter of the tap leaves out', () => {
    const sessions = [session(), session({ portal: B })];
    const findings = lookAtPaths(tapped([], [A]), { by: 'doctor', sessions, others: [] });
    assert.match(
      words(findings, 'fail'),
      /10\.0\.0\.3:3260: .*host reaches .*disk\/1 there.*missed; add 10\.0\.0\.3:3260/,
    );
  });

  it('names a volume that nobody uses, and an LU that nobody mirrors', () => {
    const others = [{ lu: 'iqn.2024-01.example:disk/2', writes: 7 }];
    const findings = lookAtPaths(tapped([A]), { by: 'unit', sessions: [], others });
    assert.match(words(findings, 'warn'), /disk\/1: the unit sees no session of a host to it/);
    assert.match(words(findings, 'warn'), /disk\/2: it was written 7 times and is no configured volume/);
  });

  it('does not call a stranger of another target a missed way', () => {
    const stranger = session({ portal: B, target: 'iqn.2024-01.example:other', volumes: [] });
    const findings = lookAtPaths(tapped([A]), { by: 'doctor', sessions: [session(), stranger], others: [] });
    assert.equal(worstOf(findings), 'ok');
  });
});

describe('H4 doctor, what a running unit says', () => {
  it('repeats the words of a mirror that is broken, of drops and of a first volume that is down', () => {
    const mirror = {
      to: 'file:m.img',
      state: 'broken',
      error: { message: 'm.img has no space left', mend: 'free some' },
    };
    const first = { url: 'iscsi://h/t/1', state: 'down', error: { message: 'nobody answers' } };
    const status = {
      source: { kind: 'tap', text: 'tap t0', drops: { kernel: 5, interface: 0, own: 0 }, level: 'full' },
      buffer: { bytes: 1, freeBytes: 1, state: 'data', falls: 2 },
      volumes: [{ lu: LU, first, mirrors: [mirror] }],
    } as unknown as UnitStatus;
    const findings = lookAtStatus(status);
    assert.match(words(findings, 'fail'), /the mirror is broken: m\.img has no space left; free some/);
    assert.match(words(findings, 'fail'), /nobody answers/);
    assert.match(words(findings, 'warn'), /the kernel dropped 5 frames/);
    assert.match(words(findings, 'warn'), /became short 2 times/);
  });
});

describe('H4 doctor, what comparisons found', () => {
  it('names differences that a comparison or checked reads found, and none where there are none', () => {
    const status = (differing: number): UnitStatus => {
      const verified = { at: '2026-01-01T00:00:00.000Z', comparedBytes: 1 << 20, differingBytes: differing };
      const mirror = { to: 'file:m.img', state: 'equal', unresolvedBytes: 0, verified };
      return {
        source: { kind: 'tee', text: 'tee' },
        buffer: { bytes: 1, freeBytes: 1, state: 'data', falls: 0 },
        volumes: [
          { lu: LU, first: { state: 'up' }, mirrors: [mirror], checkedReads: { differences: differing / 512 } },
        ],
      } as unknown as UnitStatus;
    };
    assert.deepEqual(lookAtStatus(status(0)), []);
    const found = words(lookAtStatus(status(1024)), 'warn');
    assert.match(
      found,
      /volume file:m\.img: .*: 1024 bytes differed when it was compared, at 2026.*; `tapmirror verify --rep/,
    );
    assert.match(found, /volume iqn.*disk\/1: 2 blocks that hosts read differed from a mirror/);
  });
});

describe('H4 doctor, the other ends of links', () => {
  const status = (link: object, sender: object | null = null): UnitStatus => {
    const mirror = { to: 'journey://10.0.9.1:7260/db', state: 'equal', unresolvedBytes: 0, link };
    const received = { sender };
    return {
      version: '0.2.0',
      source: { kind: 'tee', text: 'tee' },
      buffer: { bytes: 1, freeBytes: 1, state: 'data', falls: 0 },
      volumes: [{ lu: LU, first: { url: '', state: 'up' }, mirrors: [mirror], received }],
    } as unknown as UnitStatus;
  };

  it('says both versions, and how far the clocks are apart', () => {
    const link = { connected: true, version: '0.1.0', clockMs: -7300, roundTripMs: 20 };
    const findings = lookAtStatus(
      status(link, { peer: 'near', remote: '10.0.0.1:4000', version: '0.2.0', clockMs: 12 }),
    );
    assert.deepEqual(words(findings, 'warn').split('\n'), [
      'link journey://10.0.9.1:7260/db: the unit there runs version 0.1.0, and this one 0.2.0; install the same version at both ends: what only one of them knows is left out',
      'clock journey://10.0.9.1:7260/db: the clock there is 7.3 s behind this one; let chrony, systemd-timesyncd or ntpd keep both: moments of the past and certificates go by them',
    ]);
    assert.deepEqual(words(findings, 'ok').split('\n'), [
      'link from near: the unit there runs version 0.2.0, as this one; undefined',
      'clock from near: the clock there is 12 ms ahead of this one; undefined',
    ]);
  });

  it('takes a slow way for no drift, and says nothing of a unit that has not told or is away', () => {
    const slow = { connected: true, version: '0.2.0', clockMs: 1400, roundTripMs: 900 };
    assert.equal(worstOf(lookAtStatus(status(slow))), 'ok');
    assert.deepEqual(lookAtStatus(status({ connected: true })), []);
    const away = lookAtStatus(status({ connected: false, version: '0.1.0', clockMs: 99_000 }));
    assert.doesNotMatch(words(away, 'warn'), /version|clock/);
  });
});

describe('H4 doctor, the machine', () => {
  it('reads what ethtool says', () => {
    const features =
      'Features for eth0:\ngeneric-receive-offload: on\nlarge-receive-offload: off [fixed]\nrx-gro-hw: off\n';
    assert.deepEqual(joiningOffloads(features), ['generic-receive-offload']);
    const rings =
      'Ring parameters:\nPre-set maximums:\nRX:\t\t4096\nTX:\t\t4096\nCurrent hardware settings:\nRX:\t\t512\nTX:\t\t1024\n';
    assert.deepEqual(receiveRing(rings), { rx: 512, max: 4096 });
    assert.equal(receiveRing('netlink error: Operation not supported'), undefined);
  });

  it('knows which Node.js is enough', () => {
    assert.deepEqual(['20.18.9', '20.19.0', '22.1.0', '18.20.0'].map(isEnough), [false, true, true, false]);
  });
});

describe('H4 doctor, a configuration', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tapmirror-doctor-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const image = (name: string, bytes: number): void => {
    writeFileSync(join(folder, name), '');
    truncateSync(join(folder, name), bytes);
  };
  const write = (config: object): string => {
    const path = join(folder, 'unit.json');
    writeFileSync(path, JSON.stringify(config));
    return path;
  };
  const look = (config: object, nowMs = Date.now()): Promise<DoctorReport> =>
    examine({ config: write(config), ports: ['/dev/null'], nowMs });
  const source = { tee: { listen: '127.0.0.1:0', target: '127.0.0.1:1' } };
  const unit = (volume: object, rest: object = {}) => ({
    source: { tee: { listen: '127.0.0.1:17990', target: '127.0.0.1:1' } },
    state: 'state',
    volumes: [{ lu: LU, ...volume }],
    ...rest,
  });

  it('tells every mistake in it, each with its mend', async () => {
    const { level, findings } = await look({ ...unit({ mirrors: [] }), source, what: 1 });
    assert.equal(level, 'fail');
    assert.match(words(findings, 'fail'), /configuration .*unknown key "what"; known here: source/);
  });

  it('compares mirrors with the first volume: length, and whether they are one', async () => {
    image('first.img', 1 << 20);
    image('small.img', 1 << 16);
    linkSync(join(folder, 'first.img'), join(folder, 'twin.img'));
    const mirrors = ['file:small.img', 'file:twin.img', 'file:away.img'];
    const { findings } = await look(unit({ first: 'file:first.img', mirrors }));
    const failures = words(findings, 'fail');
    assert.match(failures, /volume file:small\.img: it has 65536 bytes, the first volume 1048576/);
    assert.match(failures, /file:first\.img and file:twin\.img are one medium/);
    assert.match(failures, /away\.img does not exist/);
    assert.match(failures, /portal 127\.0\.0\.1:1: the target of the tee: no connection/);
  });

  it('says when certificates end, and what a history may still take', async () => {
    const nowMs = Date.now();
    const keys = join(folder, 'keys');
    await initKeys(keys, 90, nowMs);
    await unitKeys(keys, 'far', 40, nowMs);
    image('far.img', 1 << 20);
    const tls = { ca: 'keys/ca.crt', cert: 'keys/far.crt', key: 'keys/far.key' };
    const history = { window: '1h', bytes: '4096TiB' };
    const volumes = [{ name: 'vol1', mirrors: ['file:far.img'], history }];
    const config = { receive: { listen: '127.0.0.1:17991' }, state: 'state', tls, volumes };
    const fresh = await look(config, nowMs);
    assert.match(words(fresh.findings, 'ok'), /certificate own certificate: far is good until/);
    assert.match(words(fresh.findings, 'warn'), /space .*the history of vol1 may grow by \d+ bytes, \d+ are free/);
    const soon = await look(config, nowMs + 20 * DAY_MS);
    assert.match(words(soon.findings, 'warn'), /certificate own certificate: far ends on .*tapmirror keys/);
    const urgent = await look(config, nowMs + 34 * DAY_MS);
    assert.match(words(urgent.findings, 'fail'), /certificate own certificate: far ends within a week, on/);
    const over = await look(config, nowMs + 50 * DAY_MS);
    assert.match(words(over.findings, 'fail'), /certificate own certificate: far ended on/);
  });

  it('says whether the group that may steer the unit is there, and can reach the socket', async () => {
    image('m.img', 1 << 16);
    const gid = process.getegid?.() ?? 0;
    const look1 = (rest: object) => look(unit({ mirrors: ['file:m.img'] }, rest));
    const none = await look1({ controlGroup: 'no-such-group' });
    assert.match(words(none.findings, 'fail'), /control\.sock: there is no group no-such-group; make it/);
    // A temporary folder is its user's alone.
    const closed = await look1({ controlGroup: `${gid}` });
    assert.match(
      words(closed.findings, 'fail'),
      /cannot reach it: .*tapmirror-doctor-\w+ is closed to them; name a "control"/,
    );
    chmodSync(folder, 0o711);
    const reached = await look1({ controlGroup: `${gid}` });
    assert.match(words(reached.findings, 'ok'), /control\.sock: members of the group \d+ may use it/);
  });

  it('shows no secret, and says who may read it', async () => {
    image('first.img', 1 << 16);
    const mirrors = ['iscsi://user%S3cretWord@127.0.0.1:1/iqn.2024-01.example:m/1'];
    const report = await look(unit({ first: 'file:first.img', mirrors }));
    assert.doesNotMatch(JSON.stringify(report), /S3cretWord/);
    assert.match(words(report.findings, 'fail'), /volume iscsi:\/\/user@127\.0\.0\.1:1/);
    assert.match(words(report.findings, 'warn'), /may read the secret/);
    const drawn = drawDoctor(report, { width: 100, tty: false, colour: false, unicode: false });
    assert.doesNotMatch(drawn, /S3cretWord/);
    assert.match(drawn, /^FAIL {2}volume iscsi:.*\n {6}\S/m);
  });
});
