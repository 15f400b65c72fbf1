import assert from 'node:assert/strict';
import { folderOf, histories, runsOr, Tally } from './histories.ts';
import { type RelayWeather, RelayWorld } from './relayWorld.ts';

const RUNS = runsOr(20);
const STEPS = 60;
const ROOM = 1 << 20;

describe('D3 C1 C2 a chain and a fan behind a unit in the middle, under one seed', function () {
  this.timeout(60_000 + RUNS * 3000);
  const folder = folderOf('relay');

  it('with everything known every bookmark comes, consistent, and is equal', async () => {
    const calm = { doubts: false, failures: false, kills: false, roomBytes: ROOM, linkBytes: ROOM, spillBytes: ROOM };
    await each(
      Math.ceil(RUNS / 4),
      () => ({ ...calm, plain: false }),
      ({ source, ends }) => {
        for (const { marks, consistent } of ends) {
          assert.deepEqual([...marks], [...source.marks.keys()]);
          assert.ok(consistent > 0);
        }
      },
    );
  });

  it('a link without room refers to the blocks of the store, and every bookmark after it caught up is consistent', async () => {
    const small = { doubts: false, failures: false, kills: false, roomBytes: ROOM, linkBytes: 1024, spillBytes: ROOM };
    let recalled = 0;
    await each(
      Math.ceil(RUNS / 4),
      () => ({ ...small, plain: false }),
      ({ source, ends, counts }) => {
        recalled += counts.recalled;
        assert.deepEqual([...ends[0].marks], [...source.marks.keys()]);
      },
    );
    assert.ok(recalled > 0);
  });

  it('whatever fails, is killed, rolled back or runs short, who says consistent is, and all is equal in the end', async () => {
    const tally = new Tally();
    let consistent = 0;
    let elidedBytes = 0;
    const storm = (below: (n: number) => number): RelayWeather => ({
      doubts: below(2) === 0,
      plain: below(2) === 0,
      failures: below(3) > 0,
      kills: below(3) > 0,
      roomBytes: [8192, 32_768, ROOM][below(3)],
      linkBytes: [0, 1024, 8192, ROOM][below(4)],
      spillBytes: [0, 8192, ROOM][below(3)],
    });
    await each(RUNS, storm, ({ counts, ends }) => {
      tally.add(counts);
      for (const end of ends) {
        consistent += end.consistent;
        elidedBytes += end.elidedBytes;
      }
    });
    tally.add({ consistent, elidedBytes });
    if (tally.assertAll(RUNS >= 200)) assert.ok(consistent > RUNS);
  });

  async function each(
    runs: number,
    weather: (below: (n: number) => number) => RelayWeather,
    then: (world: RelayWorld) => void,
  ): Promise<void> {
    await histories(folder(), runs, async (setting) => {
      const world = new RelayWorld({ ...setting, weather: weather(setting.below) });
      try {
        await world.run(STEPS);
        then(world);
      } finally {
        await world.close();
      }
    });
  }
});
