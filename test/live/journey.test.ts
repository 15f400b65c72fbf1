import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { initKeys, unitKeys } from '../../hw/keys.ts';
import { type Bench, describeLive, IQN, lu, TAP, TEE, TEE_SOURCE, volume } from './kit/bench.ts';
import { dice } from './kit/files.ts';
import { run } from './kit/processes.ts';
import { gone, shown, toldSoon, WEB } from './kit/shown.ts';
import { JOURNEY, LINK_PORT, sitesOf } from './kit/sites.ts';

/** How often a unit is killed; many for a long run by hand. */
const KILLS = Number(process.env.TAPMIRROR_KILLS ?? 2);
const SEED = Number(process.env.TAPMIRROR_SEED ?? 1);
const OPERATIONS = ['w10', 'w16', 'fua', 'same10', 'wv16', 'unmap', 'or', 'r10', 'sync'] as const;

async function work(b: Bench, seed: number, count = 300): Promise<void> {
  await (await b.load({ url: lu(TEE), seed, count, operations: OPERATIONS })).whole();
}

describeLive('D1 two units and a link between them', ['tgt'], (bench) => {
  it('C2 the other site has the volume and every bookmark, and goes on while one is written out', async () => {
    const b = bench();
    const sites = await sitesOf(b);
    const far = await sites.far();
    const near = await sites.near();
    await near.settled(60_000);
    for (let n = 0; n < 3; n++) {
      await work(b, n);
      await sites.mark(near, `mark ${n}`);
    }
    const load = await b.load({ url: lu(TEE), seed: 9, operations: OPERATIONS, pauseMs: 2 });
    await load.further(50);
    await sites.sameMarks(far);
    await load.further(50);
    await load.stop();
    await sites.sameNow(near, far);
    const { volumes, source } = await far.status();
    assert.equal(source.kind, 'links');
    const { received } = volumes[0];
    assert.deepEqual([received?.consistent, received?.sender?.peer, received?.history?.bookmarks], [true, 'near', 3]);
    assert.equal((await near.mirrors())[0].link?.peer, 'far');
    await near.stop();
    await far.stop();
  });

  it('without a past the medium itself is equal, and grows with what it is sent', async () => {
    const b = bench();
    const sites = await sitesOf(b);
    b.image('far.img', { bytes: 0 });
    const far = await sites.far({});
    const near = await sites.near();
    await work(b, 1);
    await near.settled(60_000);
    await far.settled();
    b.same('first.img', 'far.img');
    await near.stop();
    await far.stop();
  });

  it('B7 a link that is cut and joined loses nothing; a unit ends although it is cut, and goes on from its record', async () => {
    const b = bench();
    const sites = await sitesOf(b);
    const far = await sites.far();
    let near = await sites.near();
    await near.settled(60_000);
    await sites.cut();
    await work(b, 1);
    await sites.mark(near, 'while it was cut');
    await sites.join();
    await work(b, 2);
    await sites.sameNow(near, far);
    await sites.sameMarks(far);
    await sites.cut();
    await work(b, 3);
    await near.until('the link is known to be cut', (s) => s.volumes[0].mirrors[0].link?.connected === false, 40_000);
    const started = performance.now();
    await near.stop();
    assert.ok(performance.now() - started < 10_000, 'nobody waits for the other site');
    await sites.join();
    near = await sites.near();
    await work(b, 4);
    await sites.sameNow(near, far);
    await sites.sameMarks(far);
    await near.stop();
    await far.stop();
  });

  it('C4 with a buffer that is too small for the load every bookmark is equal all the same', async () => {
    const b = bench();
    const sites = await sitesOf(b);
    b.image('local.img');
    const far = await sites.far();
    const small = { to: JOURNEY, buffer: { bytes: '256KiB', threshold: 0.25 } };
    const near = await sites.near([small, 'file:local.img']);
    await near.settled(60_000);
    for (let n = 0; n < 3; n++) {
      const order = { seed: n, count: 400, depth: 16, blocks: [8, 256] as const, span: 20_000 };
      await (await b.load({ url: lu(TEE), operations: ['w10', 'w16'], ...order })).whole();
      await sites.mark(near, `small ${n}`);
    }
    await sites.sameNow(near, far);
    await sites.sameMarks(far);
    const { copyOut } = (await near.mirrors())[0].link ?? {};
    assert.ok(copyOut && copyOut.recalledBytes > 0, 'the link was short of room');
    assert.equal(copyOut.lostBytes, 0);
    b.same('first.img', 'local.img');
    await near.stop();
    await far.stop();
  });

  it('B8 C6 either unit is killed again and again: the volume is equal, and so is every bookmark', async () => {
    const b = bench();
    const sites = await sitesOf(b);
    const roll = dice(SEED);
    let far = await sites.far();
    let near = await sites.near();
    await work(b, 0);
    await near.settled(60_000);
    await sites.mark(near, 'before');
    for (let n = 0; n < KILLS; n++) {
      const order = { seed: SEED * 1000 + n, depth: 1 + roll(16), operations: OPERATIONS, pauseMs: 2 };
      const load = await b.load({ url: lu(TEE), ...order });
      await load.further(20 + roll(100));
      await pause(roll(50));
      if (n % 2 === 0) {
        await far.kill();
        await load.further(20);
        far = await sites.far();
      } else {
        await near.kill();
        near = await sites.near();
      }
      await load.further(20);
      await load.stop();
      await sites.sameNow(near, far);
      await sites.mark(near, `after ${n}`);
    }
    await near.settled(60_000);
    await sites.sameMarks(far);
    await near.stop();
    await far.stop();
  }).timeout(180_000 + KILLS * 40_000);

  it('strangers get nothing and change nothing', async () => {
    const b = bench();
    const sites = await sitesOf(b);
    const far = await sites.far();
    const near = await sites.near();
    await near.settled(60_000);
    const before = (await sites.history(far)).newest;
    await near.stop();
    const other = b.path('other');
    await initKeys(other, 1, Date.now());
    await unitKeys(other, 'near', 1, Date.now());
    const tls = { ca: 'keys/ca.crt', cert: 'other/near.crt', key: 'other/near.key' };
    const stranger = await b.unit({ source: TEE_SOURCE, tls, volumes: [volume(JOURNEY)] }, { name: 'stranger' });
    await stranger.toldState('broken', 0, JOURNEY);
    await stranger.stop();
    assert.deepEqual((await sites.history(far)).newest, before);
    const again = await sites.near();
    await work(b, 5);
    await sites.sameNow(again, far);
    await again.stop();
    await far.stop();
  });
});

describeLive('C2 a bookmark at a tap', ['pcap', 'tgt'], (bench) => {
  it('stands behind everything that was on the bus before it', async () => {
    const b = bench();
    const sites = await sitesOf(b);
    const far = await sites.far();
    const near = await sites.near([JOURNEY], { source: TAP });
    await near.settled(60_000);
    for (let n = 0; n < 4; n++) {
      await (await b.load({ seed: n, count: 100, operations: OPERATIONS })).whole();
      await sites.mark(near, `tapped ${n}`);
    }
    await sites.sameNow(near, far);
    await sites.sameMarks(far);
    await near.stop();
    await far.stop();
  });
});

describeLive('D3 one unit', ['tgt'], (bench) => {
  it('is at both ends of a link, and sends one volume to two', async () => {
    const b = bench();
    const sites = await sitesOf(b);
    const far = await sites.far({});
    b.image('own.img', { bytes: 0 });
    const listen = `127.0.0.1:${LINK_PORT + 1}`;
    const both = [volume(JOURNEY, `journey://${listen}/own`), { name: 'own', mirrors: ['file:own.img'] }];
    const near = await sites.near([], { receive: { listen }, volumes: both });
    await work(b, 1);
    const { volumes } = await near.settled(60_000);
    assert.deepEqual(
      volumes.map(({ lu }) => lu),
      [`${IQN}/1`, 'own'],
    );
    await far.settled();
    b.same('first.img', 'own.img', 'far.img');
    await near.stop();
    await far.stop();
  });
});

describeLive('H5 a far end without room', ['tgt', 'mount'], (bench) => {
  it('waits, both ends say why, and it goes on when there is room again', async () => {
    const b = bench();
    const sites = await sitesOf(b);
    const disk = b.path('disk');
    mkdirSync(disk);
    await run(undefined, ['mount', '-t', 'tmpfs', '-o', 'size=6m', 'tapmirror-live', disk]);
    b.later(() => run(undefined, ['umount', disk]));
    b.image('far.img', { seed: 1 });
    const history = { window: '1h', bytes: '1GiB', folder: 'disk/queue' };
    const far = await sites.far({ history });
    const near = await sites.near([JOURNEY], { web: { listen: WEB } });
    await near.settled(60_000);
    const load = await b.load({ url: lu(TEE), depth: 8, blocks: [64, 256], operations: ['w10'] });
    const full = await far.toldState('paused');
    const { error } = (await far.until('it has no room', (s) => s.volumes[0].mirrors[0].state === 'paused')).volumes[0]
      .mirrors[0];
    assert.match(error?.message ?? '', /no space/i);
    const told = await near.until('the sender is told', (s) => s.volumes[0].mirrors[0].link?.paused !== undefined);
    const paused = told.volumes[0].mirrors[0].link?.paused ?? '';
    assert.match(paused, /no space/i);
    const { text = '', ...line } = await near.told('it says so', ({ text = '' }) =>
      /: the far end is paused: /.test(text),
    );
    toldSoon({ text, ...line }, Date.parse(full.timestamp));
    // How much did not fit is another amount when it is tried again.
    const [words] = paused.split(' (writing ');
    assert.ok(text.includes(words) && full.why?.startsWith(words), `${text} / ${words} / ${full.why}`);
    await shown(b.target, words);
    await load.stop();
    await run(undefined, ['mount', '-o', 'remount,size=256m', disk]);
    await near.told('it goes on', (one) => /: the far end goes on$/.test(one.text ?? ''));
    await gone(b.target);
    await sites.sameNow(near, far);
    await near.stop();
    await far.stop();
  });
});
