import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { normalPortal } from '../../../src/base/address.ts';
import { Fault } from '../../../src/base/fault.ts';
import { loadConfig, loadReplayConfig, type ReplayConfig } from '../../../src/unit/config.ts';
import { nearest } from '../../../src/unit/configCheck.ts';
import { ConfigFault } from '../../../src/unit/configFault.ts';
import { readJson } from '../../../src/unit/configJson.ts';
import { type ConfigNode, isMistake } from '../../../src/unit/configTree.ts';
import { luKey } from '../../../src/unit/configValues.ts';
import { readYaml } from '../../../src/unit/configYaml.ts';

let folder: string;

async function load(text: string, name = 'unit.json'): Promise<ReplayConfig> {
  const path = join(folder, name);
  await writeFile(path, text);
  return loadReplayConfig(path);
}

/** The mistakes in a configuration, without the folder's name. */
async function mistakes(config: unknown, name = 'unit.json'): Promise<string[]> {
  try {
    await load(typeof config === 'string' ? config : JSON.stringify(config, null, 1), name);
  } catch (error) {
    assert.ok(error instanceof ConfigFault, String(error));
    return error.mistakes.map((line) => line.replaceAll(`${folder}/`, ''));
  }
  return [];
}

function good(changes: object = {}, volume: object = {}): Record<string, unknown> {
  return {
    source: { replay: ['bus.pcap'] },
    volumes: [{ lu: 'iqn.2024-01.lab.example:1/1', mirrors: ['file:second.img'], ...volume }],
    ...changes,
  };
}

/** A tree back to plain values. */
function plain(node: ConfigNode): unknown {
  if (node.kind === 'list') return node.items.map(plain);
  if (node.kind === 'map') return Object.fromEntries(node.entries.map(({ key, value }) => [key, plain(value)]));
  return node.value;
}

describe('H1 the configuration', () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tapmirror-config-'));
  });
  after(async () => {
    await rm(folder, { recursive: true });
  });

  describe('what is right', () => {
    it('fills in the defaults and resolves paths against its own folder', async () => {
      assert.deepEqual(await load(JSON.stringify(good())), {
        kind: 'replay',
        source: { replay: [join(folder, 'bus.pcap')] },
        buffer: { bytes: 32 * 1024 * 1024, threshold: 0.25, whenFull: 'wait' },
        volumes: [
          {
            lu: 'iqn.2024-01.lab.example:1/1',
            portals: [],
            mirrors: [{ to: 'file:second.img', path: join(folder, 'second.img') }],
          },
        ],
        settleMs: 30_000,
        reorder: { ms: 500, bytes: 2 * 1024 * 1024 },
      });
    });

    it('reads every key, in YAML as in JSON', async () => {
      const config = await load(
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
        'unit.yaml',
      );
      assert.deepEqual(config, {
        kind: 'replay',
        source: { replay: [join(folder, 'a.pcap'), '/b.pcapng', '-'] },
        buffer: { bytes: 65536, threshold: 0.5, whenFull: 'lbn' },
        volumes: [
          {
            lu: '10.66.0.2:3260/1',
            portals: ['10.66.0.2:3260', '[2001:db8::1]:3260'],
            first: '/dev/a disk',
            mirrors: [
              { to: 'file:/dev/b%20disk', path: '/dev/b%20disk' },
              { to: 'file:sub/c.img', path: join(folder, 'sub/c.img') },
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
      assert.equal((await load(yaml, 'unit.conf')).volumes[0].lu, 'iqn.2024-01.a:b/0');
      assert.equal((await load(`\uFEFF\n ${JSON.stringify(good())}`, 'unit.conf')).volumes.length, 1);
    });

    it('takes YAML anchors', async () => {
      const yaml = [
        'source: {replay: [a.pcap]}',
        'volumes:',
        '  - {lu: iqn.2024-01.a:b/0, portals: &p ["10.0.0.1:3260"], mirrors: ["file:m"]}',
        '  - {lu: iqn.2024-01.a:b/1, portals: *p, mirrors: ["file:n"]}',
      ].join('\n');
      assert.deepEqual((await load(yaml, 'unit.yml')).volumes[1].portals, ['10.0.0.1:3260']);
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
      assert.deepEqual(await mistakes(text), [
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
        const found = await mistakes(config);
        assert.equal(found.length, 1, found.join('\n'));
        assert.match(found[0], wanted);
      });
    }

    it('in YAML too', async () => {
      const text =
        'source:\n  replay:\n    - a.pcap\n    - 7\nvolumes:\n  - lu: iqn.2024-01.a:b/1\n    mirorrs: [file:m]\n';
      assert.deepEqual(await mistakes(text, 'unit.yaml'), [
        'unit.yaml:4:7: source.replay[1]: a text is expected, not 7; write for example "bus.pcap"',
        'unit.yaml:6:5: volumes[0]: the key "mirrors" is missing; write "mirrors": ["file:PATH"]',
        'unit.yaml:7:5: volumes[0].mirorrs: unknown key "mirorrs"; did you mean "mirrors"?',
      ]);
    });
  });

  describe('what is not JSON or YAML', () => {
    const broken: [text: string, wanted: string][] = [
      ['', 'unit.json:1:1: the file is empty; see `tapmirror mirror --help`'],
      ['{"a": 1,}', 'unit.json:1:9: a key is expected, not "}"; put keys in double quotes, no comma after the last'],
      ['{\n "a": [1 2]\n}', `unit.json:2:10: ',' or ']' is expected, not "2"; add the one missing`],
      ['{"a" 1}', `unit.json:1:6: ':' is expected after the key "a"; write "key": value`],
      ["{'a': 1}", `unit.json:1:2: a key is expected, not "'"; put keys in double quotes, no comma after the last`],
      ['{"a": wait}', 'unit.json:1:7: "wait" is not a JSON value; put texts in double quotes'],
      [
        '{"a": 64MiB}',
        'unit.json:1:7: not a JSON number; write a decimal number, or a text in double quotes such as "64MiB"',
      ],
      ['{"a": "b\n', 'unit.json:1:7: a text without its closing quote; add a double quote at its end'],
      [
        '{"a": ',
        'unit.json:1:7: a value is missing before the end of the file; write one, or remove the comma or key before it',
      ],
      ['{} {}', 'unit.json:1:4: "{" after the end of the configuration; remove it, or a bracket before it'],
    ];
    for (const [text, wanted] of broken) {
      it(JSON.stringify(text), async () => assert.deepEqual(await mistakes(text), [wanted]));
    }

    it('a key given twice', async () => {
      assert.match(
        (await mistakes('{"volumes": [], "volumes": []}')).join('\n'),
        /1:17: volumes: the same key a second time/,
      );
      assert.match(
        (await mistakes('volumes: []\nvolumes: []\n', 'a.yaml'))[0],
        /a\.yaml:2:1: not YAML: Map keys must be unique/,
      );
    });

    it('YAML that is broken, empty, in two documents, or contains itself', async () => {
      assert.match((await mistakes('a: [1, 2\nb: 3\n', 'a.yaml'))[0], /^a\.yaml:\d:\d: not YAML: /);
      assert.match((await mistakes('# nothing\n', 'a.yaml'))[0], /the file is empty/);
      assert.match((await mistakes('a: 1\n---\nb: 1\n', 'a.yaml'))[0], /a\.yaml:2:\d: a second YAML document/);
      assert.match((await mistakes('a: &a [*a]\n', 'a.yaml'))[0], /an alias that contains itself/);
      assert.match((await mistakes('a: *b\n', 'a.yaml'))[0], /a\.yaml:1:4: \*b names no anchor/);
    });

    it('H5 aliases of aliases cost nothing', () => {
      const lines = ['a0: &a0 [x]'];
      for (let i = 1; i < 60; i++) lines.push(`a${i}: &a${i} [*a${i - 1}, *a${i - 1}]`);
      assert.ok(!isMistake(readYaml(lines.join('\n'))));
    });

    it('H5 brackets without end are refused', () => {
      const tree = readJson('['.repeat(100_000));
      assert.ok(isMistake(tree) && /levels of brackets/.test(tree.wrong));
    });
  });

  describe('the file itself', () => {
    const fault = (wanted: RegExp) => (error: unknown) =>
      error instanceof Fault &&
      !(error instanceof ConfigFault) &&
      wanted.test(error.message) &&
      error.mend !== undefined;

    it('missing, a folder, not text, or far too long', async () => {
      await assert.rejects(loadConfig(join(folder, 'none.json')), fault(/none\.json does not exist/));
      await assert.rejects(loadConfig(folder), fault(/is a folder/));
      await writeFile(join(folder, 'bin'), Uint8Array.of(0xd4, 0xc3, 0xb2, 0xa1));
      await assert.rejects(loadConfig(join(folder, 'bin')), fault(/bin is not UTF-8/));
      await writeFile(join(folder, 'long'), ' '.repeat((1 << 20) + 1));
      await assert.rejects(loadConfig(join(folder, 'long')), fault(/long is longer than 1048576 bytes/));
    });
  });

  describe('properties', () => {
    it('readJson agrees with JSON.parse on every JSON value and on where there is none', () => {
      fc.assert(
        fc.property(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom(undefined, 1), (value, indent) => {
          const tree = readJson(JSON.stringify(value, null, indent));
          assert.ok(!isMistake(tree));
          assert.deepEqual(plain(tree), JSON.parse(JSON.stringify(value)));
        }),
      );
      const soup = fc.string({ unit: fc.constantFrom(...'{}[]",:\\ \n0123456789.-+eEtrufalsn\u0001é') });
      fc.assert(
        fc.property(soup, (text) => {
          let valid = true;
          try {
            JSON.parse(text);
          } catch {
            valid = false;
          }
          assert.equal(!isMistake(readJson(text)), valid);
        }),
        { numRuns: 2000 },
      );
    });

    it('any tree at all gives a configuration or mistakes, never another error', async () => {
      const word = fc.constantFrom(
        'source',
        'replay',
        'tap',
        'tee',
        'volumes',
        'lu',
        'mirrors',
        'first',
        'to',
        'buffer',
        'bytes',
        '__proto__',
        'x',
      );
      const leaf = fc.oneof(
        fc.string(),
        fc.double(),
        fc.boolean(),
        fc.constant(null),
        fc.constantFrom('file:a', 'iqn.2024-01.a:b/1', '1.2.3.4:5'),
      );
      const { tree } = fc.letrec((tie) => ({
        tree: fc.oneof(
          { depthSize: 'medium' },
          leaf,
          fc.array(tie('tree'), { maxLength: 3 }),
          fc.dictionary(word, tie('tree'), { maxKeys: 5 }),
        ),
      }));
      await fc.assert(
        fc.asyncProperty(tree, async (value) => {
          try {
            await writeFile(join(folder, 'any.json'), JSON.stringify({ ...good(), ...(value as object) }) ?? 'null');
            await loadConfig(join(folder, 'any.json'), {});
          } catch (error) {
            assert.ok(error instanceof ConfigFault, String(error));
          }
        }),
        { numRuns: 200 },
      );
    });

    it('luKey does not see the spelling of an address', () => {
      fc.assert(
        fc.property(
          fc.oneof(
            fc.ipV4(),
            fc.ipV6().map((ip) => `[${ip}]`),
          ),
          fc.integer({ min: 1, max: 65535 }),
          (host, port) => {
            const once = normalPortal(`${host}:${port}`);
            assert.ok(once !== undefined);
            assert.equal(normalPortal(once), once);
            assert.equal(luKey(`${host.toUpperCase()}:${port}/01`), `${once}/1`);
          },
        ),
      );
    });

    it('nearest finds a word with one slip', () => {
      assert.equal(nearest('voluems', ['volumes', 'source']), 'volumes');
      assert.equal(nearest('SettleMS', ['settleMs', 'source']), 'settleMs');
      assert.equal(nearest('zebra', ['volumes', 'source']), undefined);
    });
  });
});
