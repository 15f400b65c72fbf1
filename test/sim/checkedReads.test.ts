import assert from 'node:assert/strict';
import { PAGE, ReadsWorld, SIZE } from './checkedReadsWorld.ts';

const SEEDS = Number(process.env.TAPMIRROR_SIM_RUNS ?? 25);
const STEPS = 400;

describe('D5 sim: reads that race writes', function () {
  this.timeout(120_000);

  it('never tells a difference that is none, nor so much as suspects one', async () => {
    let compared = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const world = new ReadsWorld(seed);
      await world.run(STEPS);
      const racing = world.checked.status;
      await world.readAll();
      const { blocks, differences, unconfirmed } = world.checked.status;
      assert.deepEqual([differences, unconfirmed], [0, 0], `seed ${seed}: ${world.notices.join('; ')}`);
      assert.equal(Buffer.compare(world.first.bytes, world.mirror.bytes), 0, `seed ${seed}: the mirror is not equal`);
      assert.ok(blocks - racing.blocks >= Math.floor(SIZE / PAGE), `seed ${seed}: at rest every block can be compared`);
      compared += racing.blocks;
      await world.close();
    }
    assert.ok(compared > SEEDS, `only ${compared} blocks were compared while hosts wrote: nothing was shown`);
  });

  it('tells what somebody did to the mirror, once, and nothing else', async () => {
    for (let seed = 1; seed <= SEEDS / 3; seed++) {
      const world = new ReadsWorld(seed);
      const spoiled = [0, 63, 100].slice(world.rnd(3));
      for (const page of spoiled) world.spoil(page);
      await world.run(STEPS);
      await world.readAll();
      for (const [start, length] of world.told.toRanges()) {
        for (let at = start; at < start + length; at += PAGE)
          assert.ok(spoiled.includes(at / PAGE), `seed ${seed}: page ${at / PAGE} was told`);
      }
      for (const page of spoiled) {
        const [from, to] = [page * PAGE, (page + 1) * PAGE];
        const differs =
          Buffer.compare(world.first.bytes.subarray(from, to), world.mirror.bytes.subarray(from, to)) !== 0;
        assert.ok(!differs || world.told.covers(from, to), `seed ${seed}: page ${page} differs and was not told`);
      }
      const { differences } = world.checked.status;
      assert.equal(differences, world.told.total / PAGE, `seed ${seed}: each of them once`);
      // Page 100 is not written by anybody.
      assert.ok(world.told.covers(100 * PAGE, 101 * PAGE));
      await world.close();
    }
  });
});
