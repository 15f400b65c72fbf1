import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FaultyDisk } from './journeyDisk.ts';
import { VirtualTimers } from './journeyTimers.ts';
import { JourneyWorld } from './journeyWorld.ts';
import { random } from './random.ts';

/** More histories: TAPMIRROR_SIM_RUNS; one of them again: TAPMIRROR_SIM_SEED. */
const RUNS = Number(process.env.TAPMIRROR_SIM_RUNS ?? 200);
const SEED = process.env.TAPMIRROR_SIM_SEED;
const STEPS = 120;

describe('C1 C2 C4 C6 D1 two units, a link and a history, under one seed', function () {
  this.timeout(60_000 + RUNS * 2000);
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'journey-sim-'));
  });
  after(() => rm(folder, { recursive: true }));

  it('the far volume is a moment of the first whenever it says so, and all is equal in the end', async () => {
    const base = SEED === undefined ? 1 + Math.floor(Math.random() * 0x3fffffff) : Number(SEED);
    const total: Record<string, number> = {};
    for (let n = 0; n < (SEED === undefined ? RUNS : 1); n++) {
      const counts = await history(base + n);
      for (const [what, count] of Object.entries(counts)) total[what] = (total[what] ?? 0) + count;
    }
    if (process.env.TAPMIRROR_SIM_RUNS) console.log(JSON.stringify(total));
    if (SEED !== undefined || RUNS < 100) return;
    // The histories are worth something only if all of this happens in them.
    for (const [what, count] of Object.entries(total)) assert.ok(count > 0, what);
  });

  async function history(seed: number): Promise<Record<string, number>> {
    const root = join(folder, `${seed}`);
    await mkdir(root);
    const below = random(seed);
    const disk = new FaultyDisk(root, below);
    const timers = new VirtualTimers();
    timers.install(() => below(1 << 20) / (1 << 20));
    disk.install();
    const world = new JourneyWorld({ below, root, disk, tick: (ms) => timers.pass(ms) });
    try {
      await world.run(STEPS);
    } catch (error) {
      const again = `TAPMIRROR_SIM_SEED=${seed} shows it again`;
      throw new Error(`${again}: ${error instanceof Error ? error.message : error}`, { cause: error });
    } finally {
      await world.close();
      disk.remove();
      timers.remove();
      await rm(root, { recursive: true });
    }
    return world.counts;
  }
});
