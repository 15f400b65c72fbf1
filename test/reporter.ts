import { type MochaOptions, type Runner, reporters } from 'mocha';
import { writeCosts } from './costs.ts';

/** Dots, failures in full at the end, mocha's own `N passing`, and last a plain count for scripts. */
export default class CompactReporter extends reporters.Dot {
  constructor(runner: Runner, options?: MochaOptions) {
    super(runner, options);
    const costs = process.env.TAPMIRROR_COSTS;
    if (costs) writeCosts(runner, costs);
    // Registered after the dots' own listener, so that this is the last line.
    runner.once('end', () => {
      const { passes = 0, failures = 0 } = runner.stats ?? {};
      console.log(`${passes} passed, ${failures} failed`);
    });
  }
}
