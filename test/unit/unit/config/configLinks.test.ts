import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { chmod, copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { initKeys, unitKeys } from '../../../../hw/keys.ts';
import { loadConfig, loadLiveConfig, loadReplayConfig } from '../../../../src/unit/config/config.ts';
import { repositoryRoot } from '../../../repository.ts';
import { ConfigFolder } from './configFolder.ts';

const LU = 'iqn.2024-01.lab.example:live/1';
const TEE = { tee: { listen: '10.66.0.2:3262', target: '10.66.0.2:3260' } };
const FAR = 'journey://10.66.2.254:7260/vol1';
/** A third site, behind the second. */
const ONWARDS = 'journey://10.66.3.254:7260/vol1';
const RECEIVE = { listen: '10.66.2.254:7260' };
const TLS = { ca: 'keys/ca.crt', cert: 'keys/a.crt', key: 'keys/a.key' };
const HISTORY = { window: '1h', bytes: '2GiB' };
const DAY_MS = 86_400_000;

/** A unit on a bus with one link. */
function near(mirror: unknown = FAR, changes: object = {}): Record<string, unknown> {
  return { source: TEE, state: 'state', tls: TLS, volumes: [{ lu: LU, mirrors: [mirror] }], ...changes };
}

/** A unit at the far end of a link. */
function far(volume: object = {}, changes: object = {}): Record<string, unknown> {
  const one = { name: 'vol1', mirrors: ['file:third.img'], history: HISTORY, ...volume };
  return { receive: RECEIVE, state: 'state', tls: TLS, volumes: [one], ...changes };
}

describe('D1 the configuration of links', () => {
  const folder = new ConfigFolder(loadLiveConfig);
  const pem = (name: string): string => readFileSync(folder.path('keys', name), 'latin1');
  before(async () => {
    const now = Date.now();
    await initKeys(folder.path('keys'), 3650, now);
    await unitKeys(folder.path('keys'), 'a', 730, now);
    await unitKeys(folder.path('keys'), 'b', 10, now);
    await initKeys(folder.path('other'), 10, now);
    await initKeys(folder.path('old'), 10, now - 20 * DAY_MS);
  });

  it('names a mirror at another unit, and the files that both know each other by', async () => {
    const { volumes, tls, spill, received, receive } = await folder.load(near());
    const url = { host: '10.66.2.254', port: 7260, volume: 'vol1' };
    assert.deepEqual(volumes[0].mirrors, [{ kind: 'journey', to: FAR, url, compress: 'auto' }]);
    assert.equal(volumes[0].blockTable, true, 'a link may have to be brought up to date by it');
    assert.deepEqual(tls, { ca: pem('ca.crt'), cert: pem('a.crt'), key: pem('a.key') });
    assert.deepEqual([spill, received, receive], [{ bytes: 1 << 30 }, [], undefined]);
  });

  it('has a buffer, a rate and a compression for each link', async () => {
    const to = 'journey://[FD00::9]:1/data%20base';
    const keys = { buffer: { bytes: 1 << 20 }, limit: '5MB', compress: false };
    const config = await folder.load(near({ to, ...keys }, { spill: { bytes: '2MiB' } }));
    assert.deepEqual(config.volumes[0].mirrors, [
      {
        kind: 'journey',
        to,
        url: { host: 'fd00::9', port: 1, volume: 'data base' },
        buffer: { bytes: 1 << 20, threshold: 0.25 },
        limit: 5_000_000,
        compress: false,
      },
    ]);
    assert.deepEqual(config.spill, { bytes: 2 << 20 });
  });

  it('has volumes that come over a link, with their past, on no bus', async () => {
    const config = await folder.load(
      far({ blockSize: 4096, history: { ...HISTORY, window: '1.5 d', folder: 'past' } }),
    );
    assert.equal(config.source, undefined);
    assert.deepEqual(config.receive, RECEIVE);
    assert.deepEqual(config.volumes, []);
    assert.deepEqual(config.received, [
      {
        name: 'vol1',
        mirror: { kind: 'file', to: 'file:third.img', path: folder.path('third.img') },
        further: [],
        history: { windowMs: 1.5 * DAY_MS, bytes: 2 ** 31, folder: folder.path('past') },
        blockSize: 4096,
        blockTable: true,
      },
    ]);
    assert.equal((await folder.load(far({ blockTable: false }))).received[0].blockTable, false);
    assert.deepEqual((await folder.load(far({ history: undefined }))).received[0].history, undefined);
    assert.deepEqual((await folder.load(far({ from: ['near', 'site b'] }))).received[0].from, ['near', 'site b']);
    const path = folder.path('unit.json');
    assert.equal((await loadConfig(path)).kind, 'live');
    await assert.rejects(loadReplayConfig(path), /receive: `tapmirror mirror` replays captures/);
  });

  it('keeps what comes over a link in its first file, and passes it on to the others (D3)', async () => {
    const mirrors = [{ to: ONWARDS, limit: '5MB' }, 'file:a', 'file:b', 'iscsi://10.0.0.2:3260/iqn.x:y/1'];
    const { mirror, further } = (await folder.load(far({ mirrors }))).received[0];
    assert.equal(mirror.to, 'file:a');
    assert.deepEqual(
      further.map(({ kind, to }) => [kind, to]),
      [
        ['journey', ONWARDS],
        ['file', 'file:b'],
        ['lu', 'iscsi://10.0.0.2:3260/iqn.x:y/1'],
      ],
    );
    assert.deepEqual(further[1], { kind: 'file', to: 'file:b', path: folder.path('b') });
  });

  it('groups volumes that share one order, of the bus or of links (C5)', async () => {
    const one = (name: string, rest = {}) => ({ name, mirrors: [`file:${name}`], history: HISTORY, ...rest });
    const links = [one('a'), one('b'), one('c')];
    const groups = [{ name: 'books', volumes: ['b', 'a'] }];
    const { groups: linked } = await folder.load(far({}, { volumes: links, groups }));
    assert.deepEqual(linked, [{ name: 'books', side: 'link', volumes: ['b', 'a'] }]);
    const bus = [
      { lu: LU, name: 'data', mirrors: [FAR] },
      { lu: 'iqn.2024-01.example:disks/2', mirrors: [`${FAR}2`] },
    ];
    const near = { source: TEE, tls: TLS, state: 'state', volumes: bus };
    const lus = ['data', 'IQN.2024-01.example:disks/2'];
    assert.deepEqual((await folder.load({ ...near, groups: [{ name: 'books', volumes: lus }] })).groups, [
      { name: 'books', side: 'bus', volumes: [LU, 'iqn.2024-01.example:disks/2'] },
    ]);
    assert.deepEqual((await folder.load(near)).groups, []);
    const wrong = async (volumes: unknown[], groups: unknown[], what: RegExp) =>
      assert.rejects(folder.load(far({}, { source: TEE, volumes, groups })), what);
    const all = [...links, ...bus, { lu: 'iqn.2024-01.example:disks/3', name: 'd', mirrors: ['file:d'] }];
    await wrong(all, [{ name: 'x', volumes: ['a', 'nobody'] }], /no volume "nobody" is configured/);
    await wrong(all, [{ name: 'x', volumes: ['a', 'data'] }], /volumes of the bus and volumes that come over a link/);
    await wrong(all, [{ name: 'x', volumes: ['data', 'd'] }], /no mirror of "d" keeps an order/);
    await wrong(all, [{ name: 'x', volumes: ['a'] }], /\["database", "log"\]|list/);
    await wrong(
      [...all, one('e', { history: undefined })],
      [{ name: 'x', volumes: ['a', 'e'] }],
      /no past is kept of "e"/,
    );
    const twice = [
      { name: 'x', volumes: ['a', 'b'] },
      { name: 'x', volumes: ['b', 'c'] },
    ];
    await wrong(all, twice, /a second group "x"[\s\S]*"b" is in group "x" already/);
  });

  it('lets writes to a block set bookmarks, where a mirror keeps them (C2)', async () => {
    const markers = [{ lbn: 2048, name: 'backup' }, { lbn: 0 }];
    const one = (rest: object) => near(FAR, { volumes: [{ lu: LU, mirrors: [FAR], markers, ...rest }] });
    assert.deepEqual((await folder.load(one({}))).volumes[0].markers, markers);
    await assert.rejects(folder.load(one({ mirrors: ['file:a'] })), /no mirror of this volume keeps bookmarks/);
    await assert.rejects(folder.load(one({ markers: [{ name: 'x' }] })), /the key "lbn" is missing/);
    await assert.rejects(folder.load(one({ markers: [{ lbn: -1 }] })), /a whole number/);
    await assert.rejects(folder.load(one({ markers: [{ lbn: 1, name: 'x'.repeat(39) }] })), /bookmark can be called/);
  });

  it('lets a unit be on a bus and at the far end of links at once', async () => {
    const ofBus = { lu: LU, mirrors: [FAR] };
    const config = await folder.load(far({}, { source: TEE, volumes: [{ name: 'v', mirrors: ['file:v'] }, ofBus] }));
    assert.deepEqual([config.volumes.length, config.received.length], [1, 1]);
  });

  it('is what the help shows', async () => {
    const help = readFileSync(join(repositoryRoot(), 'src/cli/run.ts'), 'utf8').replaceAll('\\`', '`');
    const shown = /^ {2}receive:[\s\S]*?(?=\n\n)/m.exec(help)?.[0] ?? '';
    const yaml = shown.replace(/(\S) {2,}[^\s].*$/gm, '$1');
    const { received } = await folder.load(yaml, {}, 'help.yaml');
    assert.deepEqual([received[0].name, received[0].history?.windowMs], ['database', DAY_MS]);
  });

  it('warns of a key that others may read, and of a certificate of another authority', async () => {
    assert.deepEqual((await folder.load(near())).warnings, []);
    await copyFile(folder.path('keys/a.key'), folder.path('open.key'));
    await chmod(folder.path('open.key'), 0o644);
    const open = (await folder.load(near(FAR, { tls: { ...TLS, key: 'open.key' } }))).warnings;
    assert.match(
      open.join('\n'),
      /^every user of this machine may read the private key in .*open\.key; run: chmod o-r/,
    );
    const other = (await folder.load(near(FAR, { tls: { ...TLS, ca: 'old/ca.crt' } }))).warnings;
    assert.match(other.join('\n'), /a\.crt is not a certificate of the authority in .*old\/ca\.crt/);
  });

  const cases: [name: string, config: () => unknown, wanted: RegExp][] = [
    [
      'a link without tls',
      () => near(FAR, { tls: undefined }),
      /mirrors\[0\]: a link is made with certificates.*"tls"/,
    ],
    ['receiving without tls', () => far({}, { tls: undefined }), /receive: a link is made with certificates/],
    ['a key without a file', () => near(FAR, { tls: { ...TLS, key: undefined } }), /tls: the key "key" is missing/],
    ['a missing file', () => near(FAR, { tls: { ...TLS, ca: 'no.crt' } }), /tls\.ca: the file no\.crt does not exist/],
    [
      'a key of another certificate',
      () => near(FAR, { tls: { ...TLS, key: 'keys/b.key' } }),
      /tls\.key: keys\/b\.key is not the key of the certificate keys\/a\.crt/,
    ],
    [
      'a certificate for a key',
      () => near(FAR, { tls: { ...TLS, key: 'keys/a.crt' } }),
      /tls\.key: there is no private key in/,
    ],
    [
      'a key for a certificate',
      () => near(FAR, { tls: { ...TLS, cert: 'keys/a.key' } }),
      /tls\.cert: there is no certificate in keys\/a\.key/,
    ],
    ['a link without a port', () => near('journey://far/vol1'), /mirrors\[0\]: "journey:.*the port is missing/],
    ['a link as first', () => near(FAR, { volumes: [{ lu: LU, first: FAR, mirrors: ['file:a'] }] }), /a link does not/],
    ['a login for a link', () => near({ to: FAR, user: 'j' }), /user: units know each other by certificates/],
    ['a buffer for a file', () => near({ to: 'file:a', buffer: {} }), /buffer: a key for a link to another unit/],
    ['a limit that is none', () => near({ to: FAR, limit: 1 }), /limit: 1 is not a whole number of at least 1024/],
    [
      'a word for compress',
      () => near({ to: FAR, compress: 'zstd' }),
      /true, false or "auto" is expected, not the text/,
    ],
    [
      'one far volume twice',
      () => near(FAR, { volumes: [{ lu: LU, mirrors: [FAR, { to: FAR.replace('j', 'J') }] }] }),
      /mirrors\[1\]: a mirror onto .* which is the mirror volumes\[0\]\.mirrors\[0\]; give .* a volume at the far end/,
    ],
    ['a history at the bus', () => near(FAR, { volumes: [{ lu: LU, mirrors: [FAR], history: {} }] }), /over a link/],
    ['no name', () => far({ name: undefined }), /volumes\[0\]: the key "name" is missing; write "name": NAME/],
    ['a name with a slash', () => far({ name: 'a/b' }), /name: not a name of 1 to 64 characters/],
    ['the first volume', () => far({ first: 'file:a' }), /first: a key for a volume of the bus; .*"lu"/],
    [
      'no window',
      () => far({ history: { bytes: '1GiB' } }),
      /history: the key "window" is missing; write "window": "24h"/,
    ],
    [
      'a window of bytes',
      () => far({ history: { ...HISTORY, window: '1GiB' } }),
      /window: a length of time is expected/,
    ],
    ['a short window', () => far({ history: { ...HISTORY, window: '5ms' } }), /window: .* of at least 1 s is expected/],
    ['a window without a unit', () => far({ history: { ...HISTORY, window: 3600 } }), /such as "1h" or "7d"/],
    ['nobody who may send', () => far({ from: [] }), /from: the list is empty; write at least one: \["site-a"\]/],
    ['a sender without a name', () => far({ from: [''] }), /from.*: not a unit's name of 1 to 64 characters/],
    ['senders beside a bus', () => near(FAR, { volumes: [{ lu: LU, mirrors: [FAR], from: ['a'] }] }), /from/],
    ['a small queue', () => far({ history: { ...HISTORY, bytes: 1 } }), /bytes: 1 is not a whole .* 1048576 bytes/],
    [
      'nothing but a link onwards',
      () => far({ mirrors: [ONWARDS, 'iscsi://10.0.0.2/iqn.x:y/1'] }),
      /mirrors\[0\]: none of the mirrors is a file or block device, .*; add "file:PATH"/,
    ],
    [
      'a volume passed on to itself',
      () => far({ mirrors: ['file:a', `journey://${RECEIVE.listen}/vol1`] }),
      /mirrors\[1\]: a link that leads back to volumes\[0\]\.name, .*; leave it out/,
    ],
    [
      'a further mirror that is taken',
      () => far({ mirrors: ['file:a', ONWARDS, 'file:./a'] }),
      /mirrors\[2\]: a mirror onto a, which is the mirror volumes\[0\]\.mirrors\[0\]/,
    ],
    [
      'a name twice',
      () => far({}, { volumes: [far().volumes, { name: 'vol1', mirrors: ['file:b'] }].flat() }),
      /volumes\[1\]\.name: the same name as volumes\[0\]\.name/,
    ],
    [
      'a volume of no bus',
      () => far({}, { volumes: [{ lu: LU, mirrors: ['file:a'] }, far().volumes].flat() }),
      /volumes\[0\]: a volume of a bus, and this unit is on none/,
    ],
    [
      'a volume of no link',
      () => near(FAR, { volumes: [{ lu: LU, mirrors: [FAR] }, far().volumes].flat() }),
      /volumes\[1\]: a volume without "lu" comes over a link, and no link arrives here/,
    ],
    [
      'links of no volume',
      () => near(FAR, { receive: RECEIVE }),
      /receive: links arrive, and no volume of theirs is named/,
    ],
    ['a bus without a volume', () => far({}, { source: TEE }), /source: no volume of this bus is named/],
  ];
  for (const [name, config, wanted] of cases) {
    it(`${name} is told with its place and the mend`, async () => {
      const found = await folder.mistakes(config());
      assert.equal(found.length, 1, found.join('\n'));
      assert.match(found[0], wanted);
      assert.match(found[0], /^unit\.json:\d+:\d+: /);
      assert.doesNotMatch(found[0], /PRIVATE/);
    });
  }
});
