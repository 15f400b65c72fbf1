import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { initKeys, unitKeys } from '../../hw/keys.ts';
import { describeLive, IQN, lu, SECOND_LU, SIZE, TAP, TARGET, TEE, TEE_SOURCE, volume } from './kit/bench.ts';
import { MiB } from './kit/files.ts';
import { run } from './kit/processes.ts';
import { gone, shown, toldSoon, WEB, wrong } from './kit/shown.ts';
import { JOURNEY, Sites } from './kit/sites.ts';
import type { LogLine } from './kit/unit.ts';

const web = { listen: WEB };
/** What takes longer besides, for a run by hand. */
const ALL = process.env.TAPMIRROR_SUITES === 'all';
const goesOn = ({ from, to }: LogLine): boolean => from === 'broken' && to !== from;

describeLive(
  'H2 a fault is seen everywhere in the same words, and so is its end',
  ['pcap', 'tgt', 'mount'],
  (bench) => {
    it('a mirror whose target is killed while nobody writes', async () => {
      const b = bench();
      await b.first();
      const second = await b.second();
      const unit = await b.unit({ source: TEE_SOURCE, web, volumes: [volume(SECOND_LU)] });
      await unit.settled();
      const since = Date.now();
      await second.stop('SIGKILL');
      const lost = await unit.toldState('broken');
      toldSoon(lost, since);
      assert.match(lost.why ?? '', /127\.0\.0\.1:14710.*; a new session is being opened/);
      await shown(b.target, lost.why ?? '');
      if (ALL) {
        // It stays so when no session comes in time, whether anything is to be written or not.
        const given = (why = ''): boolean => /no session again within 10 s/.test(why);
        await unit.told('it is given up', ({ to, why }) => to === 'broken' && given(why));
        await shown(b.target, '127.0.0.1:14710');
      }
      await second.start();
      const started = Date.now();
      toldSoon(await unit.told('it goes on', goesOn), started);
      await gone(b.target);
      await unit.settled();
      await unit.stop();
    });

    it('a mirror whose target is killed', async () => {
      const b = bench();
      await b.first();
      const second = await b.second();
      const unit = await b.unit({ source: TEE_SOURCE, web, volumes: [volume(SECOND_LU)] });
      await unit.settled();
      const load = await b.load({ url: lu(TEE), pauseMs: 5 });
      await load.further(20);
      const since = Date.now();
      await second.stop('SIGKILL');
      const lost = await unit.toldState('broken');
      toldSoon(lost, since);
      const { why = '' } = lost;
      // Later attempts may fail for another reason, which the status then has.
      await shown(b.target, '127.0.0.1:14710');
      assert.match(why, /127\.0\.0\.1:14710/);
      await second.start();
      const started = Date.now();
      toldSoon(await unit.told('it goes on', goesOn), started);
      await gone(b.target);
      assert.deepEqual(await wrong(unit), []);
      await load.stop();
      await unit.stop();
    });

    it('a mirror whose target is silent, as its cable is cut, and heard again', async () => {
      const b = bench();
      await b.first();
      const space = await b.net.space('away');
      await b.net.cable(
        { space: b.target, name: 's0', addresses: ['10.69.0.1/24'] },
        { space, name: 'a0', addresses: ['10.69.0.2/24'] },
      );
      const portal = '10.69.0.2:14710';
      await b.second({ space, portals: [portal] });
      const unit = await b.unit({ source: TEE_SOURCE, web, volumes: [volume(lu(portal, `${IQN}-second`))] });
      await unit.settled();
      // While it is written to, and for a run by hand also while nobody writes.
      for (const busy of ALL ? [true, false] : [true]) {
        const load = busy ? await b.load({ url: lu(TEE), pauseMs: 5 }) : undefined;
        await load?.further(20);
        const from = unit.log.all.length;
        const since = Date.now();
        await run(undefined, ['ip', '-n', space, 'link', 'set', 'a0', 'down']);
        const lost = await unit.toldState('broken', from);
        toldSoon(lost, since);
        const why = `${portal} does not answer; what is under way waits for it`;
        assert.equal(lost.why, why);
        assert.deepEqual(await wrong(unit), [why]);
        await shown(b.target, why);
        if (ALL) {
          // Its session is given up later, and none comes in time.
          const given = (why = ''): boolean => /is silent and .* no session again within 10 s/.test(why);
          await unit.told('it is given up', (line) => line.to === 'broken' && given(line.why), from);
          await shown(b.target, portal);
        }
        await run(undefined, ['ip', '-n', space, 'link', 'set', 'a0', 'up']);
        const joined = Date.now();
        toldSoon(await unit.told('it goes on', goesOn, from), joined);
        await gone(b.target);
        await load?.stop();
        await unit.settled();
        b.same('first.img', 'second.img');
      }
      const lines = unit.log.all.filter(({ to, why = '' }) => to === 'broken' && !/does not answer;/.test(why));
      if (!ALL) assert.deepEqual(lines, [], 'nothing else was told, as its session was never lost');
      await unit.stop();
    });

    it('a mirror whose disk is full', async () => {
      const b = bench();
      await b.first();
      const path = b.path('disk');
      mkdirSync(path);
      await run(undefined, ['mount', '-t', 'tmpfs', '-o', `size=${4 * MiB}`, 'tapmirror-live', path]);
      b.later(() => run(undefined, ['umount', path]));
      await run(undefined, ['truncate', '-s', String(SIZE), `${path}/m.img`]);
      const unit = await b.unit({ source: TEE_SOURCE, web, volumes: [volume('file:disk/m.img')] });
      const load = await b.load({ url: lu(TEE), blocks: [64, 256], operations: ['w10', 'w16', 'r10'] });
      const { why = '' } = await unit.toldState('broken');
      assert.match(why, /disk\/m\.img has no space left/);
      await shown(b.target, 'has no space left');
      await load.stop();
      await run(undefined, ['mount', '-o', 'remount,size=64m', path]);
      const room = Date.now();
      toldSoon(await unit.told('it goes on', goesOn), room);
      await gone(b.target);
      await unit.stop();
    });

    it('a first volume that is away', async () => {
      const b = bench();
      const first = await b.first();
      b.image('m.img');
      const unit = await b.unit({ source: TAP, web, volumes: [volume('file:m.img')] });
      await unit.settled();
      const since = Date.now();
      await first.stop('SIGKILL');
      const lost = await unit.toldState('down');
      toldSoon(lost, since);
      const { why = '', mirror } = lost;
      assert.equal(mirror, lu(TARGET));
      assert.deepEqual(await wrong(unit), [why]);
      await shown(b.target, why);
      await first.start();
      const started = Date.now();
      toldSoon(await unit.toldState('up'), started);
      await gone(b.target);
      await unit.stop();
    });

    it('a link that is broken, and a far end that is back', async () => {
      const b = bench();
      const sites = await new Sites(b).open();
      await b.first();
      b.image('far.img');
      const far = await sites.far();
      const near = await sites.near([JOURNEY], { web });
      await near.settled();
      await far.stop();
      const waits = /; changes wait until it is connected again$/;
      const { text = '' } = await near.told('the link is down', (line) => waits.test(line.text ?? ''));
      assert.match(text, /the far end ended the connection: the unit ends/);
      await shown(b.target, '10.68.0.2:15100');
      await sites.far();
      const started = Date.now();
      toldSoon(await near.told('it is back', (line) => /: the connection is back$/.test(line.text ?? '')), started);
      await gone(b.target);
      await near.stop();
    });

    it('a link that is cut, and joined again', async () => {
      const b = bench();
      const sites = await new Sites(b).open();
      await b.first();
      b.image('far.img');
      await sites.far();
      const near = await sites.near([JOURNEY], { web });
      await near.settled();
      const since = Date.now();
      await sites.cut();
      const lost = await near.told('nothing is heard', (line) => /far end is silent/.test(line.text ?? ''));
      toldSoon(lost, since);
      const [words] = await wrong(near);
      assert.ok(lost.text?.includes(words), `${lost.text} / ${words}`);
      await shown(b.target, words);
      await sites.join();
      const joined = Date.now();
      toldSoon(await near.told('it is back', (line) => /: the connection is back$/.test(line.text ?? '')), joined);
      await gone(b.target);
      await near.settled();
      await near.stop();
    });

    it('a far unit of another authority', async () => {
      const b = bench();
      const sites = await new Sites(b).open();
      await initKeys(b.path('others'), 60, Date.now());
      await unitKeys(b.path('others'), 'near', 60, Date.now());
      const others = { ca: 'others/ca.crt', cert: 'others/near.crt', key: 'others/near.key' };
      await b.first();
      b.image('far.img');
      await sites.far();
      const since = Date.now();
      const stranger = await sites.near([JOURNEY], { web, tls: others });
      const refused = /certificate/;
      const line = await stranger.told('it is refused', ({ text }) => refused.test(text ?? ''));
      toldSoon(line, since);
      const { text = '' } = line;
      const [words] = await wrong(stranger);
      assert.match(words, refused);
      assert.ok(text.includes(words), `${text} / ${words}`);
      await shown(b.target, words);
      await stranger.stop();
      // It has been given a certificate of theirs.
      const near = await sites.near([JOURNEY], { web });
      await gone(b.target);
      await near.settled();
      await near.stop();
    });
  },
);

describeLive('H5 no secret is shown', ['tgt'], (bench) => {
  it('neither in the log nor in status, metrics or pages, whatever is wrong', async () => {
    const b = bench();
    await b.first();
    b.image('m.img');
    const secret = 'Str0ngSecret99';
    const token = 'T0kenOfThePage1234567890';
    writeFileSync(b.path('token'), `${token}\n`, { mode: 0o600 });
    const away = `iscsi://user%${secret}@127.0.0.1:1/iqn.2024-01.lab.example:away/1`;
    const pages = { ...web, tokenFile: 'token' };
    const unit = await b.unit({ source: TEE_SOURCE, web: pages, volumes: [volume('file:m.img', away)] });
    await shown(b.target, 'ECONNREFUSED');
    const all = ['', 'metrics', 'status.json', 'events.json', 'trend.json', 'map.json'];
    const ask = `Promise.all(${JSON.stringify(all)}.map(async (page) => (await fetch('http://${WEB}/' + page)).text()))`;
    const told = await run(b.target, [process.execPath, '-e', `${ask}.then((texts) => console.log(texts.join('')))`]);
    const said = `${unit.said}${told}${JSON.stringify(await unit.status())}`;
    assert.match(said, /iscsi:\/\/user@127\.0\.0\.1:1/);
    assert.doesNotMatch(said, new RegExp(`${secret}|${token}`));
    await unit.stop();
  });
});
