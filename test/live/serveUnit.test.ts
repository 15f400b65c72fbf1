import assert from 'node:assert/strict';
import { copyFileSync, existsSync } from 'node:fs';
import { askControl } from '../../hw/controlClient.ts';
import type { PromotionReport, UnitStatus } from '../../src/unit/watch/status.ts';
import { type Bench, describeLive, IQN, lu, SECOND_LU, SIZE, TEE, TEE_SOURCE, volume } from './kit/bench.ts';
import { outcome, run } from './kit/processes.ts';
import { Serving } from './kit/serving.ts';
import { FAR, sitesOf } from './kit/sites.ts';
import type { Unit } from './kit/unit.ts';
import { MAIN } from './kit/unit.ts';

/** Where the unit serves, as the host sees it. */
const SERVED = '10.67.0.2:14720';
const NAME = `${IQN}-served`;
const URL = (lun: number): string => lu(SERVED, NAME, lun);
const MIRROR = 'file:mirror.img';
const NAA = '60014050000000000000000000000042';

function config(luns: object[], volumes: object[] = [volume(MIRROR)]): object {
  return { source: TEE_SOURCE, volumes, serve: { listen: SERVED, targets: [{ name: NAME, luns }] } };
}

function served({ serve }: UnitStatus): { lun: number; writable: boolean }[] {
  return (serve?.luns ?? []).map(({ lun, writable }) => ({ lun, writable }));
}

async function command(b: Bench, unit: Unit, ...words: string[]): Promise<{ code: unknown; out: string; err: string }> {
  return outcome(b.target, [process.execPath, MAIN, ...words, '--config', unit.config]);
}

/** What a host knows a disk by: vendor, product, revision, serial number, and its designators without those of ports. */
async function names(space: string, url: string): Promise<string[]> {
  const pages = [[], ['-e', '1', '-c', '128'], ['-e', '1', '-c', '131']];
  const told = await Promise.all(pages.map((page) => run(space, ['iscsi-inq', ...page, url])));
  return [
    ...told[0].split('\n').filter((line) => /^(Vendor|Product|Revision)/.test(line)),
    told[1],
    ...told[2].split(/DEVICE DESIGNATOR #\d+/).filter((part) => part.includes('LOGICAL_UNIT')),
  ];
}

describeLive('A5 a unit that serves', ['tgt', 'libiscsi', 'qemu'], (bench) => {
  it('serves files, LUs elsewhere and mirrors, each as it may be used', async () => {
    const b = bench();
    await b.first();
    await b.second();
    b.image('mirror.img');
    b.image('own.img');
    const luns = [
      { lun: 0, from: 'file:own.img', thin: true, cache: true, serial: 'own-1' },
      { lun: 1, from: SECOND_LU },
      { lun: 2, mirror: MIRROR },
    ];
    const unit = await b.unit(config(luns));
    assert.deepEqual(served(await unit.status()), [
      { lun: 0, writable: true },
      { lun: 1, writable: true },
      { lun: 2, writable: false },
    ]);
    const io = (lun: number, ...words: string[]) =>
      outcome(b.host, ['qemu-io', '-f', 'raw', ...words.flatMap((one) => ['-c', one]), URL(lun)]);
    assert.equal((await io(0, 'write -P 1 1M 1M', 'read -P 1 1M 1M')).code, 0);
    assert.equal((await io(1, 'write -P 2 1M 1M', 'read -P 2 1M 1M')).code, 0);
    assert.match(await run(b.host, ['iscsi-inq', '-e', '1', '-c', '128', URL(0)]), /own-1/);
    await (await b.load({ url: lu(TEE), count: 300 })).whole();
    await unit.settled();
    const back = b.path('back.img');
    await run(b.host, ['qemu-img', 'convert', '-f', 'raw', '-O', 'raw', URL(2), back]);
    b.same('first.img', 'back.img', 'mirror.img');
    assert.notEqual((await io(2, 'write -P 3 1M 1M')).code, 0);
    b.same('first.img', 'mirror.img');
    await unit.stop();
  });

  it('gives hosts a promoted mirror to write to, also after a kill, and mirrors into it again once it is demoted', async () => {
    const b = bench();
    await b.first();
    b.image('mirror.img');
    const luns = [{ lun: 2, mirror: MIRROR, serial: 'first-1', naa: NAA }];
    let unit = await b.unit(config(luns));
    await (await b.load({ url: lu(TEE), count: 300 })).whole();
    await unit.settled();
    const inquiry = (page: number) => run(b.host, ['iscsi-inq', '-e', '1', '-c', String(page), URL(2)]);
    assert.doesNotMatch(await inquiry(128), /first-1/);
    const promoted = await command(b, unit, 'promote', `${IQN}/1`);
    assert.equal(promoted.code, 0, promoted.err);
    assert.match(promoted.out, /file:mirror\.img: hosts can write to it, as .*-served\/2/);
    assert.match(await inquiry(128), /first-1/);
    // The tool shows the designator's bytes up to the first zero.
    assert.ok((await inquiry(131)).includes('Designator:[`\x01@P]'));
    // Hosts at both: nothing of one reaches the other.
    const [, there] = await Promise.all([
      (await b.load({ url: lu(TEE), count: 200 })).whole(),
      (await b.load({ url: URL(2), count: 200, operations: ['w10', 'w16', 'fua', 'r10', 'sync'] })).whole(),
    ]);
    assert.equal(there.refused, 0);
    const [state] = await unit.mirrors();
    assert.equal(state.state, 'broken');
    assert.match(state.error?.message ?? '', /promoted/);
    const before = await run(undefined, ['sha256sum', b.path('mirror.img')]);
    await unit.kill();
    unit = await b.unit(config(luns));
    assert.deepEqual(served(await unit.status()), [{ lun: 2, writable: true }]);
    await (await b.load({ url: lu(TEE), count: 100 })).whole();
    assert.equal(await run(undefined, ['sha256sum', b.path('mirror.img')]), before);
    await (await b.load({ url: URL(2), count: 100, operations: ['w10', 'r10'] })).whole();
    const demoted = (await askControl(unit.control, { do: 'demote', volume: `${IQN}/1` })) as PromotionReport;
    assert.deepEqual(demoted, [{ mirror: MIRROR, target: NAME, lun: 2 }]);
    await unit.settled();
    b.same('first.img', 'mirror.img');
    const [{ comparedBytes }] = await unit.mirrors();
    assert.ok(comparedBytes <= SIZE);
    assert.deepEqual(served(await unit.status()), [{ lun: 2, writable: false }]);
    await unit.stop();
  });

  it('is known to hosts as the first volume was, where it is told so, also when that is gone for good', async () => {
    const b = bench();
    const first = await b.first();
    b.image('mirror.img');
    const luns = [{ lun: 2, mirror: MIRROR, identity: 'first' }];
    let unit = await b.unit(config(luns));
    await unit.settled();
    const look = (url: string): Promise<string[]> => names(b.host, url);
    const before = await look(lu(TEE));
    assert.ok(before.length >= 5 && before.some((part) => part.includes('LOGICAL_UNIT')), before.join('\n'));
    assert.notDeepEqual(await look(URL(2)), before);
    await first.stop();
    assert.equal((await command(b, unit, 'promote', `${IQN}/1`)).code, 0);
    assert.deepEqual(await look(URL(2)), before);
    await unit.kill();
    unit = await b.unit(config(luns));
    assert.deepEqual(await look(URL(2)), before);
    await unit.stop();
  });

  it('refuses to promote what is not equal, unless it is forced, and what it does not serve', async () => {
    const b = bench();
    const first = await b.first();
    b.image('mirror.img', { seed: 9 });
    const unit = await b.unit({ ...config([{ lun: 2, mirror: MIRROR }]), resync: { bytesPerSecond: 65_536 } });
    const refused = await command(b, unit, 'promote', `${IQN}/1`);
    assert.equal(refused.code, 1);
    assert.match(refused.err, /not equal to the first volume.*force/);
    const unknown = await command(b, unit, 'promote', 'nothing');
    assert.match(unknown.err, /no mirror of "nothing" is served/);
    await first.stop();
    const forced = await command(b, unit, 'promote', `${IQN}/1`, '--force');
    assert.equal(forced.code, 0, forced.err);
    await (await b.load({ url: URL(2), count: 50, operations: ['w10', 'r10'] })).whole();
    await unit.stop();
  });

  it('C2 serves a moment of the past for a while, read-only or to be written over, while more comes', async () => {
    const b = bench();
    const sites = await sitesOf(b);
    const moment = (at: string, scratch?: string) => ({ volume: 'vol1', at, ...(scratch ? { scratch } : {}) });
    const far = await sites.far();
    const near = await sites.near();
    await near.settled(60_000);
    await (await b.load({ url: lu(TEE), count: 200 })).whole();
    await sites.mark(near, 'before');
    const copy = b.path('before.img');
    copyFileSync(b.path('first.img'), copy);
    await sites.sameMarks(far);
    const load = await b.load({ url: lu(TEE), seed: 5, pauseMs: 5 });
    const open = (...words: string[]) =>
      new Serving(b.processes, ['open', 'vol1', '--config', far.config, ...words], {}, sites.space);
    const url = (port: number): string => lu(`${FAR}:${port}`, 'iqn.2024-01.io.tapmirror:vol1');
    const view = open('--at', 'before', '--listen', `${FAR}:14730`);
    assert.match(await view.ready(), /^ready: iscsi:.*14730.*: as of 20.*, sequence \d+, read-only$/);
    const io = (port: number, ...words: string[]) =>
      outcome(b.target, ['qemu-io', '-f', 'raw', ...words.flatMap((one) => ['-c', one]), url(port)]);
    assert.notEqual((await io(14730, 'write -P 3 1M 1M')).code, 0);
    await run(b.target, ['qemu-img', 'convert', '-f', 'raw', '-O', 'raw', url(14730), b.path('view.img')]);
    b.same('before.img', 'view.img');
    const scratch = open('--at', 'before', '--listen', `${FAR}:14731`, '--scratch', b.path('scratch'));
    assert.match(await scratch.ready(), /writable$/);
    assert.equal((await io(14731, 'write -P 3 1M 1M', 'flush', 'read -P 3 1M 1M')).code, 0);
    await run(b.target, ['qemu-img', 'convert', '-f', 'raw', '-O', 'raw', url(14730), b.path('again.img')]);
    b.same('before.img', 'again.img');
    for (const one of [view, scratch]) await one.stop();
    assert.equal(existsSync(b.path('scratch')), false);
    await load.stop();
    await sites.sameNow(near, far);
    await far.stop();
    const serving = {
      serve: { listen: `${FAR}:14732`, targets: [{ name: NAME, luns: [{ lun: 1, moment: moment('before') }] }] },
    };
    const again = await sites.far(undefined, serving);
    await run(b.target, [
      'qemu-img',
      'convert',
      '-f',
      'raw',
      '-O',
      'raw',
      lu(`${FAR}:14732`, NAME),
      b.path('third.img'),
    ]);
    b.same('before.img', 'third.img');
    await near.stop();
    await again.stop();
  });

  it('gives hosts a volume that came over a link, with its past going on, and has it sent again once it is demoted', async () => {
    const b = bench();
    const sites = await sitesOf(b);
    const served = `${FAR}:14740`;
    const luns = [{ lun: 1, received: 'vol1', identity: 'first' }];
    const serve = { serve: { listen: served, targets: [{ name: NAME, luns }] } };
    let far = await sites.far(undefined, serve);
    const near = await sites.near();
    await near.settled(60_000);
    await (await b.load({ url: lu(TEE), count: 200 })).whole();
    await sites.mark(near, 'before');
    await sites.sameMarks(far);
    const url = lu(served, NAME);
    const known = await names(b.target, lu(TEE));
    const io = (...words: string[]) =>
      outcome(b.target, ['qemu-io', '-f', 'raw', ...words.flatMap((one) => ['-c', one]), url]);
    const copy = (name: string) => run(b.target, ['qemu-img', 'convert', '-f', 'raw', '-O', 'raw', url, b.path(name)]);
    assert.notEqual((await io('read 0 512')).code, 0);
    const ask = (what: string) => outcome(sites.space, [process.execPath, MAIN, what, 'vol1', '--config', far.config]);
    const promoted = await ask('promote');
    assert.equal(promoted.code, 0, promoted.err);
    // It bears the names that its sender told it.
    assert.deepEqual(await names(b.target, url), known);
    await copy('promoted.img');
    b.same('first.img', 'promoted.img');
    assert.equal((await io('write -P 9 1M 1M', 'flush', 'read -P 9 1M 1M')).code, 0);
    // The first site is not lost, only away: what it writes meanwhile is not taken.
    await (await b.load({ url: lu(TEE), seed: 4, count: 100 })).whole();
    await copy('one.img');
    await far.kill();
    far = await sites.far(undefined, serve);
    assert.equal((await io('read -P 9 1M 1M', 'write -P 8 3M 1M', 'flush')).code, 0);
    const status = await far.status();
    assert.equal(status.serve?.luns[0]?.writable, true);
    // The past goes on behind what came over the link.
    const { newest } = await sites.history(far);
    assert.ok(newest.sequence > 0 && newest.consistent);
    await sites.sameMarks(far);
    const demoted = await ask('demote');
    assert.equal(demoted.code, 0, demoted.err);
    await sites.sameNow(near, far);
    await sites.sameMarks(far);
    await near.stop();
    await far.stop();
  });
});
