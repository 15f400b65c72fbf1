import assert from 'node:assert/strict';
import { Random } from '../fuzz/random.ts';
import { LinkWorld } from './linkWorld.ts';

/** One world alone runs again with SIM_LINK_WORLD and the seed that was printed. */
const SEED = Number(process.env.SIM_LINK_SEED ?? 4004);
const ONE = process.env.SIM_LINK_WORLD === undefined ? undefined : Number(process.env.SIM_LINK_WORLD);
const WORLDS = Number(process.env.SIM_LINK_WORLDS ?? 120);
const STEPS = 400;

describe('D1 a journey link whose connections break, and whose ends are killed', () => {
  it(`keeps order, applies each change once and loses nothing durable (${WORLDS} worlds of seed ${SEED})`, function () {
    this.timeout(120_000);
    const total = { durable: 0, failed: 0, answered: 0, breaks: 0, crashes: 0, resumed: 0, joined: 0 };
    for (let n = ONE ?? 0; n < (ONE === undefined ? WORLDS : ONE + 1); n++) {
      const world = new LinkWorld(new Random(SEED, n));
      try {
        for (let step = 0; step < STEPS; step++) world.step();
        world.heal();
      } catch (error) {
        throw new Error(`world ${n} of seed ${SEED}: ${(error as Error).message}`, { cause: error });
      }
      for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += world.counts[key];
    }
    // The worlds are worth something only if all of this happens in them.
    for (const [what, count] of Object.entries(total)) assert.ok(count > 0, what);
  });
});
