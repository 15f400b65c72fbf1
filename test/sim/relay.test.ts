import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VirtualTimers } from './journeyTimers.ts';
import { random } from './random.ts';
import { type RelayWeather, RelayWorld } from './relayWorld.ts';

/** More histories: TAPMIRROR_SIM_RUNS; one of them again: TAPMIRROR_SIM_SEED. */
const RUNS = Number(process.env.TAPMIRROR_SIM_RUNS ?? 40);
const SEED = process.env.TAPMIRROR_SIM_SEED;
const STEPS = 60;
const ROOM = 1 << 20;

describe('D3 C1 C2 a chain and a fan behind a unit in the middle, under one seed', function () {
  this.timeout(60_000 + RUNS * 3000);
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'relay-sim-'));
  });
  after(() => rm(folder, { recursive: true }));

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
    const total: Record<string, number> = {};
    let consistent = 0;
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
      for (const [what, count] of Object.entries(counts)) total[what] = (total[what] ?? 0) + count;
      for (const end of ends) consistent += end.consistent;
    });
    if (process.env.TAPMIRROR_SIM_RUNS) console.log(JSON.stringify({ ...total, consistent }));
    if (SEED !== undefined || RUNS < 200) return;
    // The histories are worth something only if all of this happens in them.
    for (const [what, count] of Object.entries(total)) assert.ok(count > 0, what);
    assert.ok(consistent > RUNS);
  });

  async function each(
    runs: number,
    weather: (below: (n: number) => number) => RelayWeather,
    then: (world: RelayWorld) => void,
  ): Promise<void> {
    const base = SEED === undefined ? 1 + Math.floor(Math.random() * 0x3fffffff) : Number(SEED);
    for (let n = 0; n < (SEED === undefined ? runs : 1); n++) await history(base + n, weather, then);
  }

  async function history(
    seed: number,
    weather: (below: (n: number) => number) => RelayWeather,
    then: (world: RelayWorld) => void,
  ): Promise<void> {
    const root = join(folder, `${seed}`);
    await mkdir(root);
    const below = random(seed);
    const timers = new VirtualTimers();
    timers.install(() => below(1 << 20) / (1 << 20));
    const world = new RelayWorld({ below, root, weather: weather(below), tick: (ms) => timers.pass(ms) });
    try {
      await world.run(STEPS);
      then(world);
    } catch (error) {
      const again = `TAPMIRROR_SIM_SEED=${seed} shows it again`;
      throw new Error(`${again}: ${error instanceof Error ? error.message : error}`, { cause: error });
    } finally {
      await world.close();
      timers.remove();
      await rm(root, { recursive: true });
    }
  }
});
