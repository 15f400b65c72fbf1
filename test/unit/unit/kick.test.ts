import assert from 'node:assert/strict';
import { Kick, type KickOptions } from '../../../src/unit/kick.ts';

const GATHER_MS = 30;

describe('B5 when what waits for mirrors is started', () => {
  let starts: number;
  let started: () => void;

  beforeEach(() => {
    starts = 0;
    started = () => {};
  });

  const build = (options: Partial<KickOptions> = {}): Kick =>
    new Kick({
      start: () => {
        starts++;
        started();
      },
      gatherMs: GATHER_MS,
      eagerBytes: 1000,
      ...options,
    });

  const nextStart = (): Promise<void> =>
    new Promise((resolve) => {
      started = resolve;
    });

  it('starts what comes before the event loop turns at once, where nothing is gathered', async () => {
    const kick = build({ gatherMs: 0 });
    kick.change(1);
    kick.change(1);
    assert.equal(starts, 0);
    await Promise.resolve();
    assert.equal(starts, 1);
    kick.change(1);
    await Promise.resolve();
    assert.equal(starts, 2);
  });

  it('lets small changes wait for others, from the first on and not longer', async () => {
    const kick = build();
    for (let round = 0; round < 3; round++) {
      const from = performance.now();
      kick.change(1);
      const start = nextStart();
      while (performance.now() - from < GATHER_MS / 2) {
        await new Promise(setImmediate);
        kick.change(0);
      }
      assert.equal(starts, round, 'none yet, and what came later has not moved it');
      await start;
      // A timer counts whole milliseconds.
      assert.ok(performance.now() - from >= GATHER_MS - 1);
      assert.equal(starts, round + 1);
    }
  });

  it('starts a barrier, and all before it, before the event loop turns', async () => {
    const kick = build();
    kick.change(1);
    kick.soon();
    await Promise.resolve();
    assert.equal(starts, 1);
  });

  it('does not let many bytes wait', () => {
    const kick = build();
    kick.change(999);
    assert.equal(starts, 0);
    kick.change(1);
    assert.equal(starts, 1);
    kick.change(999);
    assert.equal(starts, 1, 'they are counted anew');
    kick.now();
    assert.equal(starts, 2);
  });

  it('starts nothing twice', async () => {
    const kick = build();
    kick.change(1);
    kick.soon();
    kick.now();
    await Promise.resolve();
    assert.equal(starts, 1);
    // A timer of the same length that was made later is run later.
    await new Promise((resolve) => setTimeout(resolve, GATHER_MS));
    assert.equal(starts, 1);
    kick.change(1);
    await nextStart();
    assert.equal(starts, 2);
  });
});
