import assert from 'node:assert/strict';
import { loadLiveConfig } from '../../../../src/unit/config/config.ts';
import { ConfigFolder } from './configFolder.ts';
import { FIRST, good, LU, login, SECOND, TAP } from './configLiveGood.ts';

const TEE = { listen: '10.66.0.2:3262', target: '10.66.0.2:3260' };

describe('H1 the configuration of a live unit: what is wrong is told with its place and the mend', () => {
  const folder = new ConfigFolder(loadLiveConfig);

  const source = (text: object) => good({ source: text });
  const tap = (keys: object) => source({ tap: { ...TAP, ...keys } });
  const tee = (keys: object) => source({ tee: { ...TEE, ...keys } });
  const probe = (keys: object) => good({ source: { probe: keys } }, { lu: 'scsi:3/0' });
  const cases: [name: string, config: unknown, wanted: RegExp][] = [
    ['no source', good({ source: undefined }), /neither the key "source" nor the key "receive" is .* write "source": /],
    ['an empty source', source({}), /source: no attachment is named; write "tap": .* or "tee"/],
    ['two sources', source({ tap: TAP, tee: TEE }), /source\.tee: a second attachment beside "tap"; keep one/],
    ['a capture beside a tap', source({ tap: TAP, replay: ['a'] }), /source\.replay: a second attachment beside "tap"/],
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
    ['no interface name', tap({ interfaces: ['eth 1'] }), /"eth 1" is not the name of a network interface; .*ip link/],
    ['a long interface name', tap({ interfaces: ['sixteen-letters-'] }), /is not the name of a network interface/],
    ['a portal without a port', tap({ portals: ['10.0.0.1'] }), /portals\[0\]: .* add the port: "10\.0\.0\.1:3260"/],
    [
      'a small kernel buffer',
      tap({ bufferBytes: 1000 }),
      /bufferBytes: 1000 is not a whole number of at least 1048576/,
    ],
    ['a huge kernel buffer', tap({ bufferBytes: '2GiB' }), /bufferBytes: 2147483648 is above 2147483647 bytes/],
    ['a snap length above the limit', tap({ snaplen: 262145 }), /snaplen: a whole number of bytes from 128 to 262144/],
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
    ['a chunk that is no power of two', good({ record: { chunkBytes: 5000 } }), /chunkBytes: a power of two from 4096/],
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
    ['a secret that is not there', login({ user: 'j', secretFile: 'no' }), /secretFile: the secret no does not exist/],
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
      const found = await folder.mistakes(config, { A: 'a secret', B: 'b secret' });
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
      (await folder.mistakes(text)).map((line) => line.split('; ')[0]),
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
