import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { type Bench, describeLive, lu, SECOND_LU, SIZE, TAP, TARGET, TEE, TEE_SOURCE, volume } from './kit/bench.ts';
import { dice, MiB, markedBytes } from './kit/files.ts';
import type { Unit } from './kit/unit.ts';

/** How often a unit is killed; many for a long run by hand. */
const KILLS = Number(process.env.TAPMIRROR_KILLS ?? 2);
const SEED = Number(process.env.TAPMIRROR_SEED ?? 1);
const CONFIG = { volumes: [volume(SECOND_LU, 'file:third.img')], record: { hotBytes: '1MiB' } };
const OPERATIONS = ['w10', 'w16', 'fua', 'same10', 'wv16', 'unmap', 'or', 'r10', 'sync'] as const;

async function compared(unit: Unit): Promise<number> {
  return (await unit.mirrors()).reduce((sum, { comparedBytes }) => sum + comparedBytes, 0);
}

async function media(b: Bench): Promise<void> {
  await b.first();
  await b.second();
  b.image('third.img');
}

describeLive('B8 a unit that is killed', ['pcap', 'tgt'], (bench) => {
  it('as a tee: what was marked is repaired, and no more; hosts log in again', async () => {
    const b = bench();
    await media(b);
    const roll = dice(SEED);
    const config = { source: TEE_SOURCE, ...CONFIG };
    let unit = await b.unit(config);
    await unit.settled();
    const amounts: string[] = [];
    for (let n = 0; n < KILLS; n++) {
      const overlap = roll(3) === 0;
      const order = { seed: SEED * 1000 + n, depth: 1 + roll(24), overlap, operations: OPERATIONS };
      const load = await b.load({ url: lu(TEE), ...order });
      await load.further(20 + roll(200));
      await pause(roll(30));
      await unit.kill();
      // Some are killed again while they are only beginning, or repairing.
      for (let again = roll(3); again > 1; again--) {
        const short = b.launch(config);
        if (roll(2) === 0) await short.ready();
        await pause(roll(200));
        await short.kill();
      }
      const marked = markedBytes(b.path('unit.state'));
      // What hosts write after the restart may have to be read as well: with a host that is gone, too, it can be counted.
      const counted = n % 2 === 0;
      if (counted) await load.kill();
      unit = await b.unit(config);
      if (!counted) {
        await load.further(40);
        const { sessions } = await load.stop();
        assert.ok(sessions > 1, 'the host logged in again');
      }
      await unit.settled();
      const bytes = await compared(unit);
      if (counted) {
        amounts.push(`${(bytes / MiB).toFixed(2)} of ${(marked.all / MiB).toFixed(2)} MiB`);
        // Once at once what its own record says, and once more what any says, when what was under way can no longer land.
        const most = marked.all + 2 * marked.any;
        assert.ok(
          bytes > 0 && bytes <= most,
          `${bytes} bytes were compared after kill ${n}, ${marked.all} were marked`,
        );
      }
      b.same('first.img', 'second.img', 'third.img');
    }
    console.log(`      compared after each kill, of what both records had marked: ${amounts.join(', ')}`);
    await unit.stop();
  }).timeout(180_000 + KILLS * 15_000);

  it('as a tap: the volume is compared, and equal', async () => {
    const b = bench();
    await media(b);
    const roll = dice(SEED + 1);
    const config = { source: TAP, ...CONFIG };
    let unit = await b.unit(config);
    for (let n = 0; n < KILLS; n++) {
      const order = { seed: SEED * 1000 + n, depth: 1 + roll(24), overlap: roll(3) === 0, operations: OPERATIONS };
      const load = await b.load({ url: lu(TARGET), ...order });
      await load.further(20 + roll(200));
      await pause(roll(30));
      await unit.kill();
      await load.further(20 + roll(100));
      unit = await b.unit(config);
      await load.further(20 + roll(300));
      await load.stop();
      await unit.settled();
      assert.ok((await compared(unit)) >= 2 * SIZE, 'all of both mirrors was compared');
      b.same('first.img', 'second.img', 'third.img');
    }
    await unit.stop();
  }).timeout(180_000 + KILLS * 15_000);
});

describeLive('H1 a unit that is ended', ['pcap', 'tgt'], (bench) => {
  for (const [what, source, portal] of [
    ['tap', TAP, TARGET],
    ['tee', TEE_SOURCE, TEE],
  ] as const) {
    it(`as a ${what} during its first copy ends soon with 0, and is equal after the next start`, async () => {
      const b = bench();
      await media(b);
      const slow = await b.unit({ source, ...CONFIG, resync: { bytesPerSecond: '4MB' } });
      const load = await b.load({ url: lu(portal), pauseMs: 5 });
      await slow.until('some of it is copied', ({ volumes }) =>
        volumes[0].mirrors.every((one) => one.comparedBytes > MiB),
      );
      for (const { state, behindBytes } of await slow.mirrors()) {
        // What hosts wrote already is not copied any more.
        assert.match(state, /^(copying|repairing)$/);
        assert.ok(behindBytes > SIZE / 4, `${behindBytes} bytes are still to be copied`);
      }
      const started = performance.now();
      await slow.stop();
      assert.ok(performance.now() - started < 10_000, 'it ends soon');
      const unit = await b.unit({ source, ...CONFIG });
      await load.further(40);
      await load.stop();
      await unit.settled();
      b.same('first.img', 'second.img', 'third.img');
      await unit.stop();
    });
  }

  it('as a tee in order compares nothing after the next start', async () => {
    const b = bench();
    await media(b);
    const config = { source: TEE_SOURCE, ...CONFIG };
    const before = await b.unit(config);
    await (await b.load({ url: lu(TEE), count: 400, operations: OPERATIONS })).whole();
    await before.settled();
    await before.stop();
    const after = await b.unit(config);
    const { volumes } = await after.settled();
    const states = volumes[0].mirrors.map(({ state, comparedBytes, record }) => ({ state, comparedBytes, ...record }));
    assert.deepEqual(states, Array(2).fill({ state: 'equal', comparedBytes: 0, chunkBytes: 65_536, marked: 0 }));
    await (await b.load({ url: lu(TEE), count: 200 })).whole();
    await after.settled();
    b.same('first.img', 'second.img', 'third.img');
    await after.stop();
  });
});
