import { folderOf, histories, runsOr, Tally, withFaultyDisk } from './histories.ts';
import { JourneyWorld } from './journeyWorld.ts';

const RUNS = runsOr(100);
const STEPS = 120;

describe('C1 C2 C4 C6 D1 two units, a link and a history, under one seed', function () {
  this.timeout(60_000 + RUNS * 2000);
  const folder = folderOf('journey');

  it('the far volume is a moment of the first whenever it says so, and all is equal in the end', async () => {
    const tally = new Tally();
    await histories(folder(), RUNS, (setting) =>
      withFaultyDisk(setting, async (disk) => {
        const world = new JourneyWorld({ ...setting, disk });
        try {
          await world.run(STEPS);
        } finally {
          await world.close();
        }
        tally.add(world.counts);
      }),
    );
    tally.assertAll(RUNS >= 100);
  });
});
