import assert from 'node:assert/strict';
import { mkdirSync, renameSync, statSync } from 'node:fs';
import { type Bench, describeLive, lu, SECOND_LU, TAP, TARGET, TEE, TEE_SOURCE, volume } from './kit/bench.ts';
import { MiB } from './kit/files.ts';
import { run } from './kit/processes.ts';

const WAYS = [
  ['tap', TARGET, TAP],
  ['tee', TEE, TEE_SOURCE],
] as const;

const FILE = 'file:third.img';

/** A file system of its own, of so many bytes. */
async function disk(b: Bench, bytes: number): Promise<string> {
  const path = b.path('disk');
  mkdirSync(path);
  await run(undefined, ['mount', '-t', 'tmpfs', '-o', `size=${bytes}`, 'tapmirror-live', path]);
  b.later(() => run(undefined, ['umount', path]));
  return path;
}

describeLive('B8 a unit whose peers fail', ['pcap', 'tgt', 'mount'], (bench) => {
  it('as a tee: a mirror whose target dies is told, and repaired once it is back; the other mirror goes on', async () => {
    const b = bench();
    await b.first();
    const second = await b.second();
    b.image('third.img');
    const unit = await b.unit({ source: TEE_SOURCE, volumes: [volume(SECOND_LU, FILE)] });
    await unit.settled();
    const load = await b.load({ url: lu(TEE), depth: 4, pauseMs: 2 });
    await load.further(100);
    await second.stop();
    const { why } = await unit.toldState('broken', 0, SECOND_LU);
    assert.match(why ?? '', /127\.0\.0\.1:14710/);
    await load.further(200);
    const [gone, other] = await unit.mirrors();
    assert.equal(gone.state, 'broken');
    assert.match(gone.error?.message ?? '', /127\.0\.0\.1:14710/);
    assert.ok(gone.behindBytes > 0, 'what it misses is known');
    assert.match(other.state, /^(equal|behind|repairing)$/);
    await second.start();
    await unit.told(
      'it is written again',
      ({ from, to, mirror }) => from === 'broken' && to !== from && mirror === SECOND_LU,
    );
    await load.stop();
    const [repaired] = (await unit.settled()).volumes[0].mirrors;
    assert.equal(repaired.error, undefined);
    b.same('first.img', 'second.img', 'third.img');
    await unit.stop();
  });

  for (const [what, portal, source] of WAYS) {
    it(`as a ${what}: the first volume's target begins anew under load, and every mirror is equal in the end`, async () => {
      const b = bench();
      const first = await b.first();
      await b.second();
      b.image('third.img');
      const unit = await b.unit({ source, volumes: [volume(SECOND_LU, FILE)] });
      await unit.settled();
      const load = await b.load({ url: lu(portal), depth: 16, overlap: true });
      for (let n = 0; n < 2; n++) {
        await load.further(200);
        await first.stop('SIGKILL');
        await first.start();
      }
      await load.further(100);
      await load.stop();
      await unit.settled();
      b.same('first.img', 'second.img', 'third.img');
      await unit.stop();
    });
  }

  it('as a tap: the first volume is told to be away for long, and to be back; every mirror is equal in the end', async () => {
    const b = bench();
    const first = await b.first();
    await b.second();
    b.image('third.img');
    const unit = await b.unit({ source: TAP, volumes: [volume(SECOND_LU, FILE)] });
    await unit.settled();
    const load = await b.load({ depth: 16, overlap: true });
    await load.further(200);
    await first.stop('SIGKILL');
    const away = await unit.toldState('down');
    assert.equal(away.mirror, lu(TARGET));
    assert.equal((await unit.status()).volumes[0].first.state, 'down');
    await first.start();
    await unit.toldState('up');
    await load.further(100);
    await load.stop();
    const { volumes } = await unit.settled();
    assert.equal(volumes[0].first.state, 'up');
    b.same('first.img', 'second.img', 'third.img');
    await unit.stop();
  });

  it('a mirror whose file system is full is told in these words, and repaired once there is room', async () => {
    const b = bench();
    await b.first();
    const path = await disk(b, 8 * MiB);
    renameSync(b.image('third.img'), b.path('empty.img'));
    await run(undefined, ['truncate', '-s', `${statSync(b.path('empty.img')).size}`, `${path}/third.img`]);
    const unit = await b.unit({ source: TEE_SOURCE, volumes: [volume('file:disk/third.img')] });
    const load = await b.load({ url: lu(TEE), blocks: [64, 256], operations: ['w10', 'w16', 'same10', 'r10'] });
    const { why } = await unit.toldState('broken');
    assert.match(why ?? '', /disk\/third\.img.*(no space left|ENOSPC)/);
    // The hosts notice nothing.
    await load.further(200);
    // It is tried again and again, and has no fault while it is.
    const { volumes } = await unit.until('the status says so', (status) =>
      /no space left|ENOSPC/.test(status.volumes[0].mirrors[0].error?.message ?? ''),
    );
    const [{ error, behindBytes }] = volumes[0].mirrors;
    assert.ok(error?.mend, 'it is said what to do');
    assert.ok(behindBytes > 0);
    await run(undefined, ['mount', '-o', `remount,size=${64 * MiB}`, path]);
    await load.further(50);
    await load.stop();
    await unit.settled();
    b.same('first.img', 'disk/third.img');
    await unit.stop();
  });
});
