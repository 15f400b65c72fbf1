import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { loadConfig, loadControlPath, loadLiveConfig } from '../../../../src/unit/config/config.ts';
import { repositoryRoot } from '../../../repository.ts';
import { ConfigFolder } from './configFolder.ts';
import { FIRST, good, LU, login, SECOND } from './configLiveGood.ts';

const MIB = 1 << 20;

describe('H1 the configuration of a live unit', () => {
  const folder = new ConfigFolder(loadLiveConfig);

  describe('what is right', () => {
    it('fills in the defaults and resolves paths against its own folder', async () => {
      const digests = { header: false, data: false };
      assert.deepEqual(await folder.load(good()), {
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
        state: folder.path('state'),
        control: folder.path('state/control.sock'),
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
      await folder.write('s.secret', 'second secret\n');
      const config = await folder.load(
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
      assert.equal(config.control, folder.path('run/unit.sock'));
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
        { kind: 'file', to: 'file:second.img', path: folder.path('second.img') },
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
      assert.deepEqual((await folder.load(good({}, { first: { from: 'file:/dev/sdb' } }))).volumes[0].first, {
        kind: 'file',
        to: 'file:/dev/sdb',
        path: '/dev/sdb',
      });
      assert.equal((await folder.load(good({}, { first: undefined }))).volumes[0].first, undefined);
    });

    it('fills in what a tee leaves out', async () => {
      const listen = '127.0.0.1:3261';
      const target = '127.0.0.1:3260';
      const config = await folder.load(good({ source: { tee: { listen, target } } }));
      const defaults = { rewriteDiscovery: false, status: 'at-once', connections: 1024, awakeUs: 50 };
      assert.deepEqual(config.source, { kind: 'tee', listen, target, ...defaults });
    });

    it('is what the README and the help show', async () => {
      await folder.write('second.secret', 'x');
      await folder.write('third.secret', 'y');
      const readme = readFileSync(join(repositoryRoot(), 'README.md'), 'utf8');
      const help = readFileSync(join(repositoryRoot(), 'src/cli/run.ts'), 'utf8').replaceAll('\\`', '`');
      const shown = /^ {4}source:\n {6}tee:[\s\S]*?(?=\n\n)/m.exec(readme)?.[0];
      assert.equal((await folder.load(shown, {}, 'readme.yaml')).source?.kind, 'tee');
      const lines = /^ {2}source:[\s\S]*?(?=\n\n)/m.exec(help)?.[0].split('\n') ?? [];
      // What stands behind two blanks explains the line; one of the two sources is taken out.
      const yaml = lines.map((line) => line.replace(/(\S) {2,}[^\s].*$/, '$1'));
      const tee = yaml.findIndex((line) => line.trim() === 'tee:');
      const config = await folder.load(yaml.toSpliced(tee, 3).join('\n'), {}, 'help.yaml');
      assert.equal(config.source?.kind, 'tap');
      assert.equal(config.volumes[0].mirrors.length, 3);
    });

    it('is told apart from a replay by its source', async () => {
      const path = folder.path('either.json');
      await writeFile(path, JSON.stringify(good()));
      assert.equal((await loadConfig(path)).kind, 'live');
      await writeFile(path, JSON.stringify({ source: { replay: ['a'] }, volumes: [{ lu: LU, mirrors: ['file:b'] }] }));
      assert.equal((await loadConfig(path)).kind, 'replay');
    });
  });

  describe('secrets', () => {
    it('come from a file of one line, and one that everybody may read is told', async () => {
      for (const text of ['open sesame', 'open sesame\n', 'open sesame\r\n']) {
        await folder.write('a.secret', text);
        const config = await folder.load(login({ user: 'joe', secretFile: 'a.secret' }));
        const [mirror] = config.volumes[0].mirrors;
        assert.ok(mirror.kind === 'lu');
        assert.equal(mirror.url.secret, 'open sesame');
        assert.deepEqual(config.warnings, []);
      }
      await folder.write('a.secret', 'open sesame', 0o644);
      const { warnings } = await folder.load(login({ user: 'joe', secretFile: 'a.secret' }));
      assert.equal(warnings.length, 1);
      assert.match(warnings[0], /every user of this machine may read the secret in .*a\.secret; run: chmod o-r/);
    });

    it('in the configuration itself are told when everybody may read it', async () => {
      const path = folder.path('open.json');
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
        await folder.write('bad.secret', text);
        const [line, ...more] = await folder.mistakes(login({ user: 'joe', secretFile: 'bad.secret' }));
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
          const found = await folder.mistakes(good({ [place]: value }));
          const more = await folder.mistakes(good({}, { mirrors: [value], first: value, lu: text, portals: [text] }));
          assert.doesNotMatch([...found, ...more].join('\n'), /S3CR3T/);
        }),
        { numRuns: 150 },
      );
    });
  });

  describe('where the control socket is', () => {
    it('is told without a look at the rest', async () => {
      const path = folder.path('part.json');
      await writeFile(path, '{"source": 1, "state": "s", "volumes": [{"first": {"secretFile": "gone"}}]}');
      assert.equal(await loadControlPath(path), folder.path('s/control.sock'));
      await writeFile(path, '{"state": "s", "control": "/run/c.sock"}');
      assert.equal(await loadControlPath(path), '/run/c.sock');
    });

    it('or why there is none', async () => {
      const path = folder.path('part.json');
      await writeFile(path, '{"source": {"replay": ["a"]}}');
      await assert.rejects(loadControlPath(path), /part\.json:1:1: neither "control" nor "state" is there/);
      await writeFile(path, '{"control": 7}');
      await assert.rejects(loadControlPath(path), /part\.json:1:13: control: a text is expected, not 7/);
    });
  });
});
