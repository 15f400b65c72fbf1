import assert from 'node:assert/strict';
import fc from 'fast-check';
import { OrderedWorld, type Weather } from './orderedWorld.ts';
import { random } from './random.ts';

const RUNS = Number(process.env.TAPMIRROR_SIM_RUNS ?? 400);

const seeds = fc.integer({ min: 1, max: 0x7fffffff });
const calm: Weather = {
  doubts: false,
  failures: false,
  tap: false,
  roomBytes: 1 << 16,
  linkBytes: 1 << 16,
  entriesMax: 65_536,
  inFlightBytes: 256,
  recalls: true,
  fresh: false,
  surveys: false,
};
const storms = fc.record<Weather>({
  doubts: fc.boolean(),
  failures: fc.boolean(),
  tap: fc.boolean(),
  roomBytes: fc.constantFrom(4096, 8192, 1 << 16),
  linkBytes: fc.constantFrom(0, 512, 1024, 1 << 16),
  entriesMax: fc.constantFrom(4, 16, 65_536, 65_536),
  inFlightBytes: fc.constantFrom(1, 64, 256, 4096),
  recalls: fc.boolean(),
  fresh: fc.boolean(),
  surveys: fc.boolean(),
  upstream: fc.boolean(),
});

function property(runs: number, weather: fc.Arbitrary<Weather>, then: (world: OrderedWorld) => void): void {
  fc.assert(
    fc.property(seeds, weather, (seed, chosen) => {
      const world = new OrderedWorld(random(seed), { ...chosen });
      world.run(400);
      then(world);
    }),
    { numRuns: runs, endOnFailure: true },
  );
}

describe('C1 C4 D1: an ordered mirror against a plain model', function () {
  this.timeout(RUNS * 200 + 20_000);

  it('with everything known each moment is consistent, and the order is kept', () =>
    property(RUNS / 4, fc.constant(calm), ({ consistentEntries, moments, consistentMarks }) => {
      assert.ok(consistentEntries >= moments.length);
      assert.ok(consistentMarks > 0);
    }));

  it('says consistent only where it is, whatever runs short, fails or is unknown; and is equal when all is quiet', () => {
    let consistent = 0;
    property(RUNS, storms, ({ consistentEntries }) => {
      consistent += consistentEntries;
    });
    assert.ok(consistent > RUNS, 'and says so now and then');
  });
});
