import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { type LiveConfig, loadConfig, loadControlPath, loadLiveConfig } from '../../../src/unit/config.ts';
import { ConfigFault } from '../../../src/unit/configFault.ts';
import { repositoryRoot } from '../../repository.ts';

const LU = 'iqn.2024-01.lab.example:live/1';
const FIRST = `iscsi://10.66.0.2:3260/${LU}`;
const SECOND = 'iscsi://127.0.0.1:3271/iqn.2024-01.lab.example:live-second/1';
const TAP = { interfaces: ['t0'], portals: ['10.66.0.2:3260'] };
const TEE = { listen: '10.66.0.2:3262', target: '10.66.0.2:3260' };
const MIB = 1 << 20;

let folder: string;

async function load(config: unknown, env = {}, name = 'unit.json'): Promise<LiveConfig> {
  const path = join(folder, name);
  await writeFile(path, typeof config === 'string' ? config : JSON.stringify(config, null, 1), { mode: 0o600 });
  return loadLiveConfig(path, env);
}

async function mistakes(config: unknown, env = {}): Promise<string[]> {
  try {
    await load(config, env);
  } catch (error) {
    assert.ok(error instanceof ConfigFault, String(error));
    return error.mistakes.map((line) => line.replaceAll(`${folder}/`, ''));
  }
  return [];
}

function good(changes: object = {}, volume: object = {}): Record<string, unknown> {
  return {
    source: { tap: TAP },
    state: 'state',
    volumes: [{ lu: LU, first: FIRST, mirrors: [SECOND], ...volume }],
    ...changes,
  };
}

/** A mirror with the given keys beside its URL. */
function login(keys: object, to = SECOND): Record<string, unknown> {
  return good({}, { mirrors: [{ to, ...keys }] });
}

async function secretFile(name: string, text: string | Uint8Array, mode = 0o600): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  await chmod(path, mode);
  return path;
}

describe('H1 the configuration of a live unit', () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tapmirror-live-config-'));
  });
  after(async () => {
    await rm(folder, { recursive: true });
  });

  describe('what is right', () => {
    it('fills in the defaults and resolves paths against its own folder', async () => {
      const digests = { header: false, data: false };
      assert.deepEqual(await load(good()), {
        kind: 'live',
        source: {
          kind: 'tap',
          interfaces: ['t0'],
          portals: ['10.66.0.2:3260'],
          bufferBytes: 256 * MIB,
          snaplen: 262144,
          promiscuous: true,
          tunnels: true,
        },
        state: join(folder, 'state'),
        control: join(folder, 'state/control.sock'),
        buffer: { bytes: 128 * MIB, threshold: 0.25, whenFull: 'lbn' },
        volumes: [
          {
            lu: LU,
            portals: [],
            first: {
              kind: 'lu',
              to: FIRST,
              url: { host: '10.66.0.2', port: 3260, target: 'iqn.2024-01.lab.example:live', lun: 1 },
              digests,
            },
            mirrors: [
              {
                kind: 'lu',
                to: SECOND,
                url: { host: '127.0.0.1', port: 3271, target: 'iqn.2024-01.lab.example:live-second', lun: 1 },
                digests,
              },
            ],
            blockTable: false,
          },
        ],
        received: [],
        groups: [],
        spill: { bytes: 1024 * MIB },
        record: { chunkBytes: 65536, hotBytes: 64 * MIB },
        resync: {},
        log: { level: 'info' },
        settleMs: 30_000,
        reorder: { ms: 500, bytes: 2 * MIB },
        warnings: [],
      });
    });

    it('reads every key, in YAML as in JSON', async () => {
      await secretFile('s.secret', 'second secret\n');
      const config = await load(
        [
          'source:',
          '  tee: {listen: "[::]:3262", target: "[FD66::2]:3260", rewriteDiscovery: true, status: recorded, connections: 8, awakeUs: 0}',
          'state: /var/lib/unit',
          'control: run/unit.sock',
          'controlGroup: operators',
          'buffer: {bytes: 1MiB, threshold: 0, whenFull: lbn}',
          'record: {chunkBytes: 4KiB, hotBytes: 0}',
          'resync: {bytesPerSecond: 50MB}',
          'initiator: iqn.2024-01.lab.example:unit-1',
          'log: {level: debug}',
          'settleMs: 1',
          'reorder: {ms: 2, bytes: 3}',
          'volumes:',
          '  - lu: iqn.2024-01.lab.example:live/1',
          '    name: database',
          '    portals: ["10.0.0.1:3260"]',
          '    blockSize: 4096',
          '    blocks: 7',
          '    first: {from: "iscsi://joe%first%20secret@san/iqn.x:y/1", digests: header}',
          '    mirrors:',
          '      - file:second.img',
          '      - to: iscsi://san-2/iqn.x:z/1',
          '        user: joe',
          '        secretFile: s.secret',
          '        mutualUser: san-2',
          '        mutualSecretEnv: SAN2',
          '        digests: both',
        ].join('\n'),
        { SAN2: 'third secret' },
        'unit.yaml',
      );
      assert.deepEqual(config.source, {
        kind: 'tee',
        listen: '[::]:3262',
        target: '[fd66::2]:3260',
        rewriteDiscovery: true,
        status: 'recorded',
        connections: 8,
        awakeUs: 0,
      });
      assert.equal(config.state, '/var/lib/unit');
      assert.equal(config.control, join(folder, 'run/unit.sock'));
      assert.equal(config.controlGroup, 'operators');
      assert.deepEqual(config.buffer, { bytes: MIB, threshold: 0, whenFull: 'lbn' });
      assert.deepEqual(config.record, { chunkBytes: 4096, hotBytes: 0 });
      assert.deepEqual(config.resync, { bytesPerSecond: 50_000_000 });
      assert.equal(config.initiator, 'iqn.2024-01.lab.example:unit-1');
      assert.deepEqual(config.log, { level: 'debug' });
      const [volume] = config.volumes;
      assert.equal(volume.name, 'database');
      assert.deepEqual([volume.blockSize, volume.blocks], [4096, 7]);
      assert.deepEqual(volume.first, {
        kind: 'lu',
        to: 'iscsi://joe@san/iqn.x:y/1',
        url: { host: 'san', port: 3260, target: 'iqn.x:y', lun: 1, user: 'joe', secret: 'first secret' },
        digests: { header: true, data: false },
      });
      assert.deepEqual(volume.mirrors, [
        { kind: 'file', to: 'file:second.img', path: join(folder, 'second.img') },
        {
          kind: 'lu',
          to: 'iscsi://san-2/iqn.x:z/1',
          url: { host: 'san-2', port: 3260, target: 'iqn.x:z', lun: 1, user: 'joe', secret: 'second secret' },
          mutual: { user: 'san-2', secret: 'third secret' },
          digests: { header: true, data: true },
        },
      ]);
    });

    it('takes a first volume that is a file, or none', async () => {
      assert.deepEqual((await load(good({}, { first: { from: 'file:/dev/sdb' } }))).volumes[0].first, {
        kind: 'file',
        to: 'file:/dev/sdb',
        path: '/dev/sdb',
      });
      assert.equal((await load(good({}, { first: undefined }))).volumes[0].first, undefined);
    });

    it('fills in what a tee leaves out', async () => {
      const listen = '127.0.0.1:3261';
      const target = '127.0.0.1:3260';
      const config = await load(good({ source: { tee: { listen, target } } }));
      const defaults = { rewriteDiscovery: false, status: 'at-once', connections: 1024, awakeUs: 50 };
      assert.deepEqual(config.source, { kind: 'tee', listen, target, ...defaults });
    });

    it('is what the README and the help show', async () => {
      await secretFile('second.secret', 'x');
      await secretFile('third.secret', 'y');
      const readme = readFileSync(join(repositoryRoot(), 'README.md'), 'utf8');
      const help = readFileSync(join(repositoryRoot(), 'src/cli/run.ts'), 'utf8').replaceAll('\\`', '`');
      const shown = /^ {4}source:\n {6}tee:[\s\S]*?(?=\n\n)/m.exec(readme)?.[0];
      assert.equal((await load(shown, {}, 'readme.yaml')).source?.kind, 'tee');
      const lines = /^ {2}source:[\s\S]*?(?=\n\n)/m.exec(help)?.[0].split('\n') ?? [];
      // What stands behind two blanks explains the line; one of the two sources is taken out.
      const yaml = lines.map((line) => line.replace(/(\S) {2,}[^\s].*$/, '$1'));
      const tee = yaml.findIndex((line) => line.trim() === 'tee:');
      const config = await load(yaml.toSpliced(tee, 3).join('\n'), {}, 'help.yaml');
      assert.equal(config.source?.kind, 'tap');
      assert.equal(config.volumes[0].mirrors.length, 3);
    });

    it('is told apart from a replay by its source', async () => {
      const path = join(folder, 'either.json');
      await writeFile(path, JSON.stringify(good()));
      assert.equal((await loadConfig(path)).kind, 'live');
      await writeFile(path, JSON.stringify({ source: { replay: ['a'] }, volumes: [{ lu: LU, mirrors: ['file:b'] }] }));
      assert.equal((await loadConfig(path)).kind, 'replay');
    });
  });

  describe('what is wrong is told with its place and the mend', () => {
    const source = (text: object) => good({ source: text });
    const tap = (keys: object) => source({ tap: { ...TAP, ...keys } });
    const tee = (keys: object) => source({ tee: { ...TEE, ...keys } });
    const probe = (keys: object) => good({ source: { probe: keys } }, { lu: 'scsi:3/0' });
    const cases: [name: string, config: unknown, wanted: RegExp][] = [
      [
        'no source',
        good({ source: undefined }),
        /neither the key "source" nor the key "receive" is .* write "source": /,
      ],
      ['an empty source', source({}), /source: no attachment is named; write "tap": .* or "tee"/],
      ['two sources', source({ tap: TAP, tee: TEE }), /source\.tee: a second attachment beside "tap"; keep one/],
      [
        'a capture beside a tap',
        source({ tap: TAP, replay: ['a'] }),
        /source\.replay: a second attachment beside "tap"/,
      ],
      ['captures', source({ replay: ['a'] }), /source\.replay: `tapmirror run` attaches .*`tapmirror mirror --config/],
      [
        'a source to come',
        source({ target: {} }),
        /source\.target: not in this version; attach by "tap", "tee" or "probe"/,
      ],
      ['a probe without a port', probe({}), /source\.probe: the key "port" is missing; .*tapmirror doctor/],
      ['an empty port', probe({ port: ' ' }), /source\.probe\.port: not a serial port/],
      ['a mode of nobody', probe({ port: 'a', mode: 'fast' }), /mode: "auto" or "full" or "header-only"/],
      [
        'an iSCSI volume at a probe',
        source({ probe: { port: '/dev/ttyACM0' } }),
        /volumes\[0\]\.lu: "[^"]*" is no logical unit of a parallel bus; write "scsi:ID\/LUN"/,
      ],
      ['a source misspelt', source({ tap: TAP, tea: {} }), /source\.tea: unknown key "tea"; did you mean "tee"\?/],
      ['no interface', tap({ interfaces: [] }), /interfaces: the list is empty; write at least one: \["eth1"\]/],
      ['no interfaces', source({ tap: {} }), /source\.tap: the key "interfaces" is missing/],
      ['an interface twice', tap({ interfaces: ['a', 'a'] }), /interfaces\[1\]: "a" a second time; name each once/],
      [
        'no interface name',
        tap({ interfaces: ['eth 1'] }),
        /"eth 1" is not the name of a network interface; .*ip link/,
      ],
      ['a long interface name', tap({ interfaces: ['sixteen-letters-'] }), /is not the name of a network interface/],
      ['a portal without a port', tap({ portals: ['10.0.0.1'] }), /portals\[0\]: .* add the port: "10\.0\.0\.1:3260"/],
      [
        'a small kernel buffer',
        tap({ bufferBytes: 1000 }),
        /bufferBytes: 1000 is not a whole number of at least 1048576/,
      ],
      ['a huge kernel buffer', tap({ bufferBytes: '2GiB' }), /bufferBytes: 2147483648 is above 2147483647 bytes/],
      [
        'a snap length above the limit',
        tap({ snaplen: 262145 }),
        /snaplen: a whole number of bytes from 128 to 262144/,
      ],
      ['a word for a flag', tap({ promiscuous: 'yes' }), /promiscuous: true or false is expected, not the text "yes"/],
      ['a number for a flag', tap({ tunnels: 1 }), /tunnels: true or false is expected, not 1; write one of them/],
      ['an empty filter', tap({ portals: [], filter: ' ' }), /filter: not a filter; write one as tcpdump takes it/],
      ['a filter and portals', tap({ filter: 'tcp' }), /filter: a filter takes the place .* "portals"; keep one/],
      ['no listening portal', source({ tee: { target: TEE.target } }), /source\.tee: the key "listen" is missing/],
      ['no target', source({ tee: { listen: TEE.listen } }), /source\.tee: the key "target" is missing/],
      ['a host name', tee({ target: 'san:3260' }), /target: "san:3260" is not IP:PORT; .*names are not looked up/],
      ['a target that is everybody', tee({ target: '0.0.0.0:3260' }), /nobody can connect to "0\.0\.0\.0:3260"/],
      ['a tee onto itself', tee({ listen: TEE.target }), /target: the tee would connect to itself/],
      ['another policy', tee({ status: 'durable' }), /status: "at-once" or "recorded" is expected, not the text/],
      ['too long awake', tee({ awakeUs: 1001 }), /awakeUs: a whole number of microseconds from 0 to 1000/],
      ['awake for a negative time', tee({ awakeUs: -1 }), /awakeUs: a whole number of microseconds from 0 to 1000/],
      ['no connections', tee({ connections: 0 }), /connections: a whole number of connections from 1 to 65535/],
      ['no state', good({ state: undefined }), /the key "state" is missing; write "state": FOLDER/],
      ['a URL as state', good({ state: 'file:state' }), /state: "file:state" is a URL; write the path alone: "state"/],
      ['an empty control', good({ control: '' }), /control: not a path; write for example/],
      [
        'no name of a group',
        good({ controlGroup: 'the staff' }),
        /controlGroup: "the staff" is no name of a group; write/,
      ],
      [
        'a control socket too deep',
        good({ control: `/${'x'.repeat(107)}` }),
        /control: .* is longer than 107 bytes, which no socket can have; write a shorter one/,
      ],
      [
        'a state folder too deep for its socket',
        good({ state: `/${'x'.repeat(100)}` }),
        /state: the control socket's path .* longer than 107 bytes.*"control": "\/run/,
      ],
      ['waiting', good({ buffer: { whenFull: 'wait' } }), /buffer\.whenFull: a live bus does not wait; leave the key/],
      [
        'a chunk that is no power of two',
        good({ record: { chunkBytes: 5000 } }),
        /chunkBytes: a power of two from 4096/,
      ],
      ['a chunk too small', good({ record: { chunkBytes: 512 } }), /chunkBytes: 512 is not a whole number of at least/],
      [
        'a chunk too large',
        good({ record: { chunkBytes: '2GiB' } }),
        /chunkBytes: a power of two from 4096 to 1073741824/,
      ],
      ['a negative hot set', good({ record: { hotBytes: -1 } }), /hotBytes: -1 is not a whole number of at least 0/],
      ['a rate that never ends', good({ resync: { bytesPerSecond: 1 } }), /bytesPerSecond: 1 is not .* at least 65536/],
      ['a pause', good({ resync: { pauseMs: 5 } }), /pauseMs: a pause is not taken; limit the rate/],
      ['a name that is no iSCSI name', good({ initiator: 'unit-1' }), /initiator: "unit-1" is not an iSCSI name/],
      ['an iSCSI name in capitals', good({ initiator: 'iqn.2024-01.Lab:u' }), /has upper case letters in it/],
      ['a log level', good({ log: { level: 'loud' } }), /log\.level: "error" or "warn" or "info" or "debug"/],
      ['an empty name', good({}, { name: '' }), /name: not a name of 1 to 64 characters/],
      ['another scheme', good({}, { mirrors: ['nfs://h/x'] }), /"nfs:" volumes are not served .*"iscsi:\/\/HOST/],
      ['a plain path', good({}, { mirrors: ['/second.img'] }), /not a file: URL; write "file:\/second\.img"/],
      ['a URL without a LUN', good({}, { first: 'iscsi://h/iqn.x' }), /first: "iscsi:\/\/h\/iqn\.x": a LUN is missing/],
      [
        'an unknown key beside the URL',
        login({ usr: 'joe' }),
        /mirrors\[0\]\.usr: unknown key "usr"; did you mean "user"/,
      ],
      [
        '"from" for a mirror',
        good({}, { mirrors: [{ from: SECOND }] }),
        /from: the URL stands under "to" here; write "to"/,
      ],
      ['"to" for the first volume', good({}, { first: { to: FIRST } }), /to: the URL stands under "from" here/],
      ['a secret as a key', login({ user: 'joe', secret: 'x' }), /secret: a secret as a key of its own is not taken/],
      ['a login for a file', login({ user: 'joe' }, 'file:a'), /mirrors\[0\]\.user: a file needs no login/],
      ['a user twice', login({ user: 'j', secretEnv: 'A' }, 'iscsi://joe@h/t/1'), /user: a user stands in the URL/],
      ['a secret twice', login({ secretEnv: 'A' }, 'iscsi://joe%a@h/t/1'), /secretEnv: a secret stands in the URL/],
      ['a secret in two places', login({ user: 'j', secretEnv: 'A', secretFile: 'b' }), /a secret in two places; keep/],
      ['a user without a secret', login({ user: 'joe' }), /user: a user without a secret; add "secretFile"/],
      ['a user in the URL without one', good({}, { first: { from: 'iscsi://joe@h/t/1' } }), /a user without a secret/],
      ['a secret without a user', login({ secretEnv: 'A' }), /secretEnv: a secret without a user; add "user"/],
      [
        'mutual without one-way',
        login({ mutualUser: 't', mutualSecretEnv: 'A' }),
        /mutualUser: the target proves itself only to one who does so too/,
      ],
      ['a mutual user alone', login({ user: 'j', secretEnv: 'A', mutualUser: 't' }), /add "mutualSecretFile"/],
      ['a mutual secret alone', login({ user: 'j', secretEnv: 'A', mutualSecretEnv: 'B' }), /add "mutualUser"/],
      ['a secret for a name', login({ user: 'j', secretEnv: 'a b' }), /secretEnv: not the name of an environment/],
      [
        'an unset variable',
        login({ user: 'j', secretEnv: 'NONE' }),
        /secretEnv: the environment variable NONE is not set/,
      ],
      [
        'a secret that is not there',
        login({ user: 'j', secretFile: 'no' }),
        /secretFile: the secret no does not exist/,
      ],
      [
        'one secret for both directions',
        login({ user: 'j', secretEnv: 'A', mutualUser: 't', mutualSecretEnv: 'A' }),
        /mutualSecretEnv: the same secret in both directions \(RFC 7143 section 9\.2\.1/,
      ],
      ['unknown digests', login({ digests: 'crc32c' }), /digests: "none" or "header" or "data" or "both"/],
      [
        'the same mirror twice',
        good({}, { mirrors: [SECOND, SECOND.replace('127.0.0.1:3271', 'other')] }),
        /mirrors\[1\]: a mirror onto iscsi:\/\/other.*, which is the mirror volumes\[0\]\.mirrors\[0\]; give .* logical unit/,
      ],
      ['a mirror onto first', good({}, { mirrors: [FIRST] }), /which is the first volume volumes\[0\]\.first/],
      [
        'a mirror onto the volume',
        good({}, { first: undefined, mirrors: [`iscsi://10.0.0.9/${LU.toUpperCase()}`] }),
        /which is the volume volumes\[0\]\.lu/,
      ],
      ['a mirror onto the state folder', good({}, { mirrors: ['file:state'] }), /which is the unit's own state/],
      [
        'a mirror onto another volume',
        good({
          volumes: [
            { lu: LU, mirrors: ['iscsi://h/iqn.x:b/2'] },
            { lu: 'iqn.x:b/2', mirrors: ['file:b'] },
          ],
        }),
        /volumes\[0\]\.mirrors\[0\]: a mirror onto .* which is the volume volumes\[1\]\.lu/,
      ],
    ];
    for (const [name, config, wanted] of cases) {
      it(name, async () => {
        const found = await mistakes(config, { A: 'a secret', B: 'b secret' });
        assert.equal(found.length, 1, found.join('\n'));
        assert.match(found[0], wanted);
        assert.match(found[0], /^unit\.json:\d+:\d+: /);
      });
    }

    it('all mistakes at once, each at its place', async () => {
      const text = [
        '{"source": {"tee": {"listen": "10.0.0.1:0"}},',
        ' "record": {"chunkBytes": "3KiB"},',
        ' "volumes": [{"lu": "iqn.x:y/1", "mirrors": [{"to": "iscsi://h/t"}]}]}',
      ].join('\n');
      assert.deepEqual(
        (await mistakes(text)).map((line) => line.split('; ')[0]),
        [
          'unit.json:1:1: the key "state" is missing',
          'unit.json:1:20: source.tee: the key "target" is missing',
          'unit.json:1:31: source.tee.listen: "10.0.0.1:0" is not IP:PORT',
          'unit.json:2:27: record.chunkBytes: the text "3KiB" is not a whole number of at least 4096 bytes',
          'unit.json:3:53: volumes[0].mirrors[0].to: "iscsi://h/t": a LUN is missing after the target name',
        ],
      );
    });
  });

  describe('secrets', () => {
    it('come from a file of one line, and one that everybody may read is told', async () => {
      for (const text of ['open sesame', 'open sesame\n', 'open sesame\r\n']) {
        await secretFile('a.secret', text);
        const config = await load(login({ user: 'joe', secretFile: 'a.secret' }));
        const [mirror] = config.volumes[0].mirrors;
        assert.ok(mirror.kind === 'lu');
        assert.equal(mirror.url.secret, 'open sesame');
        assert.deepEqual(config.warnings, []);
      }
      await secretFile('a.secret', 'open sesame', 0o644);
      const { warnings } = await load(login({ user: 'joe', secretFile: 'a.secret' }));
      assert.equal(warnings.length, 1);
      assert.match(warnings[0], /every user of this machine may read the secret in .*a\.secret; run: chmod o-r/);
    });

    it('in the configuration itself are told when everybody may read it', async () => {
      const path = join(folder, 'open.json');
      await writeFile(path, JSON.stringify(good({}, { mirrors: ['iscsi://joe%open@h/t/1'] })));
      await chmod(path, 0o644);
      assert.match((await loadLiveConfig(path, {})).warnings.join(), /the secret in .*open\.json; run: chmod o-r/);
      await chmod(path, 0o600);
      assert.deepEqual((await loadLiveConfig(path, {})).warnings, []);
    });

    it('that are no single line of text are refused, and not shown', async () => {
      const bad: [text: string | Uint8Array, wanted: RegExp][] = [
        ['', /is empty/],
        ['\n', /is empty/],
        ['S3CR\nS3CR', /is not one line of at most 1024 bytes/],
        ['S3CR'.repeat(300), /is not one line of at most 1024 bytes/],
        [Uint8Array.of(0x53, 0xff), /is not one line of at most 1024 bytes of text/],
      ];
      for (const [text, wanted] of bad) {
        await secretFile('bad.secret', text);
        const [line, ...more] = await mistakes(login({ user: 'joe', secretFile: 'bad.secret' }));
        assert.deepEqual(more, []);
        assert.match(line, wanted);
        assert.doesNotMatch(line, /S3CR/);
      }
    });

    it('appear in no message, wherever a URL with one was put', async () => {
      const url = 'iscsi://joe%S3CR3T@h:3260/iqn.x:y/1';
      const places = fc.constantFrom(
        ...['state', 'control', 'initiator', 'buffer', 'record', 'log', 'resync', 'source', 'volumes', 'x'],
      );
      const texts = fc.constantFrom(url, `${url}/2`, url.slice(8), url.replace('%', ':'), url.slice(0, 30), `${url}?a`);
      await fc.assert(
        fc.asyncProperty(places, texts, fc.constantFrom(0, 1, 2, 3), async (place, text, form) => {
          const value = [text, [text], { level: text, tap: text, bytes: text }, [{ lu: text, mirrors: text }]][form];
          const found = await mistakes(good({ [place]: value }));
          const more = await mistakes(good({}, { mirrors: [value], first: value, lu: text, portals: [text] }));
          assert.doesNotMatch([...found, ...more].join('\n'), /S3CR3T/);
        }),
        { numRuns: 150 },
      );
    });
  });

  describe('where the control socket is', () => {
    it('is told without a look at the rest', async () => {
      const path = join(folder, 'part.json');
      await writeFile(path, '{"source": 1, "state": "s", "volumes": [{"first": {"secretFile": "gone"}}]}');
      assert.equal(await loadControlPath(path), join(folder, 's/control.sock'));
      await writeFile(path, '{"state": "s", "control": "/run/c.sock"}');
      assert.equal(await loadControlPath(path), '/run/c.sock');
    });

    it('or why there is none', async () => {
      const path = join(folder, 'part.json');
      await writeFile(path, '{"source": {"replay": ["a"]}}');
      await assert.rejects(loadControlPath(path), /part\.json:1:1: neither "control" nor "state" is there/);
      await writeFile(path, '{"control": 7}');
      await assert.rejects(loadControlPath(path), /part\.json:1:13: control: a text is expected, not 7/);
    });
  });
});
