import assert from 'node:assert/strict';
import { loadReplayConfig } from '../../../../src/unit/config/config.ts';
import { ConfigFolder } from './configFolder.ts';
import { good } from './configGood.ts';

describe('H1 the configuration', () => {
  const folder = new ConfigFolder(loadReplayConfig);

  describe('what is right', () => {
    it('fills in the defaults and resolves paths against its own folder', async () => {
      assert.deepEqual(await folder.load(JSON.stringify(good())), {
        kind: 'replay',
        source: { replay: [folder.path('bus.pcap')] },
        buffer: { bytes: 32 * 1024 * 1024, threshold: 0.25, whenFull: 'wait' },
        volumes: [
          {
            lu: 'iqn.2024-01.lab.example:1/1',
            portals: [],
            mirrors: [{ to: 'file:second.img', path: folder.path('second.img') }],
          },
        ],
        settleMs: 30_000,
        reorder: { ms: 500, bytes: 2 * 1024 * 1024 },
      });
    });

    it('reads every key, in YAML as in JSON', async () => {
      const config = await folder.load(
        [
          'source:',
          '  replay: [a.pcap, /b.pcapng, "-"]  # in this order',
          'buffer: {bytes: 64KiB, threshold: 0.5, whenFull: lbn}',
          'volumes:',
          '  - lu: 10.66.0.2:3260/1',
          '    portals: ["10.66.0.2:3260", "[2001:DB8:0:0::1]:3260"]',
          '    first: file:///dev/a%20disk',
          '    mirrors:',
          '      - file:/dev/b%20disk',
          '      - to: file:sub/c.img',
          '    blockSize: 4096',
          '    blocks: 1000',
          'settleMs: 0',
          'reorder: {ms: 20, bytes: "1.5 MB"}',
        ].join('\n'),
        {},
        'unit.yaml',
      );
      assert.deepEqual(config, {
        kind: 'replay',
        source: { replay: [folder.path('a.pcap'), '/b.pcapng', '-'] },
        buffer: { bytes: 65536, threshold: 0.5, whenFull: 'lbn' },
        volumes: [
          {
            lu: '10.66.0.2:3260/1',
            portals: ['10.66.0.2:3260', '[2001:db8::1]:3260'],
            first: '/dev/a disk',
            mirrors: [
              { to: 'file:/dev/b%20disk', path: '/dev/b%20disk' },
              { to: 'file:sub/c.img', path: folder.path('sub/c.img') },
            ],
            blockSize: 4096,
            blocks: 1000,
          },
        ],
        settleMs: 0,
        reorder: { ms: 20, bytes: 1_500_000 },
      });
    });

    it('knows YAML by its content when the name does not tell', async () => {
      const yaml = 'source: {replay: [a.pcap]}\nvolumes: [{lu: iqn.2024-01.a:b/0, mirrors: ["file:m"]}]\n';
      assert.equal((await folder.load(yaml, {}, 'unit.conf')).volumes[0].lu, 'iqn.2024-01.a:b/0');
      assert.equal((await folder.load(`\uFEFF\n ${JSON.stringify(good())}`, {}, 'unit.conf')).volumes.length, 1);
    });

    it('takes YAML anchors', async () => {
      const yaml = [
        'source: {replay: [a.pcap]}',
        'volumes:',
        '  - {lu: iqn.2024-01.a:b/0, portals: &p ["10.0.0.1:3260"], mirrors: ["file:m"]}',
        '  - {lu: iqn.2024-01.a:b/1, portals: *p, mirrors: ["file:n"]}',
      ].join('\n');
      assert.deepEqual((await folder.load(yaml, {}, 'unit.yml')).volumes[1].portals, ['10.0.0.1:3260']);
    });
  });

  describe('what is wrong is told with its place and the mend', () => {
    it('all mistakes at once, in the order of the file', async () => {
      const text = [
        '{',
        '  "source": {"replay": "bus.pcap"},',
        '  "bufer": {"bytes": 65536},',
        '  "volumes": [',
        '    {"lu": "10.0.0.1/1", "mirrors": ["file:a", "iscsi://10.0.0.1/x/1"], "frist": "file:b"},',
        '    {"lu": "iqn.2024-01.a:b/1", "portals": ["fe80::1:3260"]}',
        '  ]',
        '}',
      ].join('\n');
      assert.deepEqual(await folder.mistakes(text), [
        'unit.json:2:24: source.replay: a list is expected, not the text "bus.pcap"; put it in brackets: ["bus.pcap"]',
        'unit.json:3:3: bufer: unknown key "bufer"; did you mean "buffer"?',
        'unit.json:5:12: volumes[0].lu: "10.0.0.1" is neither a target name nor IP:PORT; add the port: "10.0.0.1:3260"',
        'unit.json:5:48: volumes[0].mirrors[1]: `tapmirror mirror` takes no "iscsi:" volumes, only `tapmirror run` does; write "file:PATH", with the path of a file or block device',
        'unit.json:5:73: volumes[0].frist: unknown key "frist"; did you mean "first"?',
        'unit.json:6:5: volumes[1]: the key "mirrors" is missing; write "mirrors": ["file:PATH"]',
        'unit.json:6:45: volumes[1].portals[0]: "fe80::1:3260" is not IP:PORT; put an IPv6 address in brackets: "[2001:db8::1]:3260"',
      ]);
    });

    const cases: [name: string, config: unknown, wanted: RegExp][] = [
      ['no volumes', good({ volumes: [] }), /volumes: the list is empty; write at least one/],
      ['no mirrors', good({}, { mirrors: [] }), /volumes\[0\]\.mirrors: the list is empty/],
      ['no source', { volumes: good().volumes }, /the key "source" is missing; write "source": \{"replay"/],
      [
        'a threshold in percent',
        good({ buffer: { threshold: 25 } }),
        /buffer\.threshold: a share .* not 25; write 0\.25/,
      ],
      [
        'a word for whenFull',
        good({ buffer: { whenFull: 'drop' } }),
        /"wait" or "lbn" is expected, not the text "drop"/,
      ],
      ['an unknown unit', good({ buffer: { bytes: '64 Mib/s' } }), /buffer\.bytes: .*write a number .*MiB/],
      ['part of a byte', good({ buffer: { bytes: '0.3 KiB' } }), /is not a whole number of at least 4096 bytes/],
      ['bytes above 2^53-1', good({ buffer: { bytes: 2 ** 53 } }), /buffer\.bytes: 9007199254740992 is not a whole/],
      ['the wrong type', good({ volumes: 'x' }), /volumes: a list is expected, not the text "x"/],
      ['a list for a group', good({ buffer: [1] }), /buffer: a group of keys is expected, not a list/],
      ['null', good({}, { first: null }), /volumes\[0\]\.first: a text is expected, not empty/],
      ['a LU without a LUN', good({}, { lu: 'iqn.2024-01.lab.example:1' }), /does not end in \/LUN/],
      ['a LUN above 2^53-1', good({}, { lu: 'iqn.2024-01.a:1/9007199254740992' }), /is above 2\^53-1/],
      ['a bare IPv6 LU', good({}, { lu: '2001:db8::1/1' }), /put an IPv6 address in brackets/],
      ['port 0', good({}, { portals: ['10.0.0.1:0'] }), /"10\.0\.0\.1:0" is not IP:PORT/],
      ['a port above 65535', good({}, { lu: '10.0.0.1:65536/1' }), /neither a target name nor IP:PORT/],
      ['a bad block size', good({}, { blockSize: 100 }), /a whole number of bytes from 256 to 1048576 is expected/],
      ['a capacity in bytes', good({}, { blockSize: 512, blocks: 2 ** 52 }), /blocks: a capacity above 2\^53-1 bytes/],
      ['a plain path as mirror', good({}, { mirrors: ['/second.img'] }), /not a file: URL; write "file:\/second\.img"/],
      ['another machine', good({}, { mirrors: ['file://nas/second.img'] }), /names another machine/],
      ['a URL as capture', good({ source: { replay: ['file:x'] } }), /replay\[0\]: "file:x" is a URL; write .* "x"/],
      ['keys of a live unit', good({ control: 'c.sock' }), /control: a key for a live bus .*; leave the key out/],
      ['a volume by name', good({}, { name: 'db' }), /volumes\[0\]\.name: a key for a live bus/],
      ['keys of links', good({ tls: {} }), /tls: a key for a live bus .*; leave the key out/],
      ['history', good({}, { history: {} }), /volumes\[0\]\.history: a key for a live bus .*; leave the key out/],
      ['the probe', good({ source: { probe: {} } }), /source\.probe: /],
      [
        'a mirror of its own buffer',
        good({}, { mirrors: [{ to: 'file:a', buffer: {} }] }),
        /mirrors\[0\]\.buffer: a key for a live bus/,
      ],
      [
        'the tee',
        good({ source: { tee: {} } }),
        /:\d+:\d+: source\.tee: `tapmirror mirror` replays captures.*`tapmirror run/,
      ],
      ['a live tap', good({ source: { tap: {} }, state: 's' }), /source\.tap: .*start the unit with `tapmirror run/],
      [
        'the same mirror twice',
        good({}, { mirrors: ['file:a', 'file:./b/../a'] }),
        /mirrors\[1\]: a mirror onto .*, which is the mirror volumes\[0\]\.mirrors\[0\]/,
      ],
      [
        'a mirror onto first',
        good({}, { first: 'file:a', mirrors: ['file:a'] }),
        /which is the first volume volumes\[0\]\.first/,
      ],
      [
        'a mirror onto the capture',
        good({}, { mirrors: ['file:bus.pcap'] }),
        /which is the capture source\.replay\[0\]/,
      ],
      ['a mirror onto the configuration', good({}, { mirrors: ['file:unit.json'] }), /the configuration file itself/],
      [
        'a capture twice',
        good({ source: { replay: ['a', './a'] } }),
        /replay\[1\]: the same source as source\.replay\[0\]/,
      ],
      [
        'the same LU twice',
        good({
          volumes: [
            { lu: 'iqn.2024-01.a:B/1', mirrors: ['file:a'] },
            { lu: 'IQN.2024-01.A:b/01', mirrors: ['file:b'] },
          ],
        }),
        /volumes\[1\]\.lu: the same logical unit as volumes\[0\]\.lu; put its mirrors into one volume/,
      ],
    ];
    for (const [name, config, wanted] of cases) {
      it(name, async () => {
        const found = await folder.mistakes(config);
        assert.equal(found.length, 1, found.join('\n'));
        assert.match(found[0], wanted);
      });
    }

    it('in YAML too', async () => {
      const text =
        'source:\n  replay:\n    - a.pcap\n    - 7\nvolumes:\n  - lu: iqn.2024-01.a:b/1\n    mirorrs: [file:m]\n';
      assert.deepEqual(await folder.mistakes(text, {}, 'unit.yaml'), [
        'unit.yaml:4:7: source.replay[1]: a text is expected, not 7; write for example "bus.pcap"',
        'unit.yaml:6:5: volumes[0]: the key "mirrors" is missing; write "mirrors": ["file:PATH"]',
        'unit.yaml:7:5: volumes[0].mirorrs: unknown key "mirorrs"; did you mean "mirrors"?',
      ]);
    });
  });
});
