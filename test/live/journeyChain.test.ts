import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { askControl } from '../../hw/controlClient.ts';
import { type Bench, describeLive, lu, SIZE, TEE } from './kit/bench.ts';
import { Chain } from './kit/chain.ts';
import { dice, noise } from './kit/files.ts';
import { qemuIo } from './kit/peers.ts';
import { run } from './kit/processes.ts';
import { until } from './kit/until.ts';

const KILLS = Number(process.env.TAPMIRROR_KILLS ?? 4);
const SEED = Number(process.env.TAPMIRROR_SEED ?? 1);
/** What takes minutes besides, for a run by hand. */
const ALL = process.env.TAPMIRROR_SUITES === 'all';
const OPERATIONS = ['w10', 'w16', 'fua', 'same10', 'wv16', 'unmap', 'or', 'r10', 'sync'] as const;

async function work(b: Bench, seed: number, count = 300): Promise<void> {
  await (await b.load({ url: lu(TEE), seed, count, operations: OPERATIONS })).whole();
}

describeLive('D3 a unit that passes changes on', ['tgt'], (bench) => {
  it('C2 a chain and a fan: every bookmark of the first is equal at the last, and all of it in the end', async () => {
    const b = bench();
    const chain = await Chain.open(b, 'third', 'fourth');
    const { sites } = chain;
    b.image('beside.img', { seed: 9 });
    const third = await chain.end('third');
    const fourth = await chain.end('fourth', {});
    const middle = await chain.middle([chain.to('third'), chain.to('fourth'), 'file:beside.img']);
    const near = await sites.near();
    await chain.settled(near, middle);
    for (let n = 0; n < 3; n++) {
      await work(b, n);
      await sites.mark(near, `mark ${n}`);
    }
    const load = await b.load({ url: lu(TEE), seed: 9, operations: OPERATIONS, pauseMs: 2 });
    await load.further(50);
    await sites.sameMarks(middle);
    await sites.sameMarks(third);
    await load.further(50);
    await load.stop();
    await chain.settled(near, middle, third, fourth);
    await sites.sameNow(near, middle);
    await sites.sameNow(near, third);
    b.same('first.img', 'fourth.img', 'beside.img');
    const { mirrors } = (await middle.status()).volumes[0];
    assert.deepEqual(
      mirrors.map(({ to, state, link }) => [to, state, link?.peer]),
      [
        ['file:far.img', 'equal', undefined],
        [chain.to('third'), 'equal', 'third'],
        [chain.to('fourth'), 'equal', 'fourth'],
        ['file:beside.img', 'equal', undefined],
      ],
    );
    // The first unit knows what becomes of its volume at the others.
    const beyond = await until(
      'what is beyond is known to be equal',
      async () => {
        const all = (await near.status()).volumes[0].mirrors[0].link?.beyond;
        const whole = [...(all ?? []), ...(all ?? []).flatMap((one) => one.beyond ?? [])];
        return whole.length === 6 && whole.every(({ state }) => state === 'equal') ? all : undefined;
      },
      { ms: 30_000, everyMs: 200 },
    );
    assert.deepEqual(
      beyond.map(({ to, peer, beyond: further }) => [to, peer, further?.length]),
      [
        ['file:far.img', undefined, undefined],
        [chain.to('third'), 'third', 1],
        [chain.to('fourth'), 'fourth', 1],
        ['file:beside.img', undefined, undefined],
      ],
    );
    // Times are those of the first unit's bus.
    const [first, last] = await Promise.all([sites.history(middle), sites.history(third)]);
    const marks = ({ bookmarks }: typeof first): unknown[] => bookmarks.map(({ name, at }) => [name, at]);
    assert.deepEqual(marks(last), marks(first));
    for (const unit of [near, middle, third, fourth]) await unit.stop();
  });

  it('a volume that grows does so at every unit, and goes on from the records after a stop', async () => {
    const b = bench();
    const chain = await Chain.open(b, 'third');
    const { sites } = chain;
    for (const name of ['far.img', 'third.img']) b.image(name, { bytes: 0 });
    const third = await chain.end('third', {});
    let middle = await chain.middle([chain.to('third')], {});
    const near = await sites.near();
    await work(b, 1);
    await chain.settled(near, middle, third);
    b.same('first.img', 'far.img', 'third.img');
    assert.equal((await third.status()).volumes[0].received?.bytes, SIZE);
    await middle.stop();
    await work(b, 2);
    middle = await chain.middle([chain.to('third')], {});
    await chain.settled(near, middle, third);
    b.same('first.img', 'far.img', 'third.img');
    const [, onwards] = (await middle.status()).volumes[0].mirrors;
    assert.ok(onwards.comparedBytes < SIZE / 2, `${onwards.comparedBytes} bytes were compared after an orderly stop`);
    // Left out for a while, it is compared whole: nobody has kept a record for it meanwhile.
    await middle.stop();
    middle = await chain.middle([], {});
    await work(b, 3);
    await chain.settled(near, middle);
    await middle.stop();
    middle = await chain.middle([chain.to('third')], {});
    await chain.settled(near, middle, third);
    b.same('first.img', 'far.img', 'third.img');
    for (const unit of [near, middle, third]) await unit.stop();
  });

  it('a slow or cut link onwards holds nobody up; with temporary storage every bookmark is equal all the same', async () => {
    const b = bench();
    const chain = await Chain.open(b, 'third');
    const { sites } = chain;
    const third = await chain.end('third');
    const small = { to: chain.to('third'), buffer: { bytes: '256KiB', threshold: 0.25 } };
    const middle = await chain.middle([small]);
    const near = await sites.near();
    await chain.settled(near, middle, third);
    await chain.cut('third');
    for (let n = 0; n < 3; n++) {
      const order = { seed: n, count: 400, depth: 16, blocks: [8, 256] as const, span: 20_000 };
      await (await b.load({ url: lu(TEE), operations: ['w10', 'w16'], ...order })).whole();
      await sites.mark(near, `cut ${n}`);
    }
    await near.settled(60_000);
    await sites.sameMarks(middle);
    const [own, onwards] = (await middle.status()).volumes[0].mirrors;
    assert.equal(own.state, 'equal');
    assert.notEqual(onwards.state, 'equal');
    await chain.join('third');
    await chain.settled(near, middle, third);
    await sites.sameNow(near, third);
    await sites.sameMarks(third);
    const { copyOut } = (await middle.status()).volumes[0].mirrors[1].link ?? {};
    assert.ok(copyOut && copyOut.recalledBytes > 0, 'the link was short of room');
    assert.equal(copyOut.lostBytes, 0);
    for (const unit of [near, middle, third]) await unit.stop();
  });

  if (ALL)
    it('B8 C6 any unit is killed again and again: all are equal, and so is every bookmark', async () => {
      const b = bench();
      const chain = await Chain.open(b, 'third');
      const { sites } = chain;
      const roll = dice(SEED);
      let third = await chain.end('third');
      let middle = await chain.middle([chain.to('third')]);
      let near = await sites.near();
      await work(b, 0);
      await chain.settled(near, middle, third);
      await sites.mark(near, 'before');
      await chain.settled(near, middle, third);
      for (let n = 0; n < KILLS; n++) {
        const load = await b.load({ url: lu(TEE), seed: SEED * 1000 + n, depth: 1 + roll(16), operations: OPERATIONS });
        await load.further(20 + roll(100));
        await pause(roll(50));
        if (n % 4 === 1) {
          await third.kill();
          await load.further(20);
          third = await chain.end('third');
        } else if (n % 4 === 3) {
          await near.kill();
          near = await sites.near();
        } else {
          await middle.kill();
          await load.further(20);
          middle = await chain.middle([chain.to('third')]);
        }
        await load.further(20);
        await load.stop();
        await chain.settled(near, middle, third);
        await sites.sameNow(near, middle);
        await sites.sameNow(near, third);
        await sites.mark(near, `after ${n}`);
        await chain.settled(near, middle, third);
      }
      await sites.sameMarks(middle);
      await sites.sameMarks(third);
      for (const unit of [near, middle, third]) await unit.stop();
    }).timeout(60_000 + KILLS * 60_000);
});

describeLive('D3 what others write, through a chain', ['tgt', 'qemu'], (bench) => {
  if (ALL)
    it('is a file system at the last unit at every bookmark', async () => {
      const b = bench();
      const chain = await Chain.open(b, 'third');
      const { sites } = chain;
      const third = await chain.end('third');
      const middle = await chain.middle([chain.to('third')]);
      const near = await sites.near();
      await chain.settled(near, middle, third);
      const url = lu(TEE);
      for (const n of [1, 2]) {
        const files = b.path(`files-${n}`);
        mkdirSync(files);
        for (let i = 0; i < 40; i++) writeFileSync(`${files}/${n}-${i}`, noise(1000 + i * 4000, dice(n * 100 + i)));
        const image = b.image(`ext4-${n}.img`);
        execFileSync('mkfs.ext4', ['-q', '-F', '-b', '1024', '-d', files, image]);
        await run(b.host, ['qemu-img', 'convert', '-n', '-f', 'raw', '-O', 'raw', image, url]);
        await sites.mark(near, `file system ${n}`);
        await qemuIo(b.host, url, [
          'write -P 0x5a 1M 3M',
          'write -z 1536k 1M',
          'discard 5M 4M',
          'aio_write -P 0x22 12M 64k',
        ]);
        await sites.mark(near, `written over ${n}`);
      }
      await chain.settled(near, middle, third);
      await sites.sameMarks(third);
      await sites.sameNow(near, third);
      for (const n of [1, 2]) {
        const out = b.path('rewound.img');
        rmSync(out, { force: true });
        await askControl(
          third.control,
          { do: 'rewind', volume: 'vol1', to: { mark: `file system ${n}` }, out },
          30_000,
        );
        execFileSync('e2fsck', ['-fn', out], { stdio: 'pipe' });
      }
      for (const unit of [near, middle, third]) await unit.stop();
    });
});
