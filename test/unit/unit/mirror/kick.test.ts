import assert from 'node:assert/strict';
import { Kick, type KickOptions } from '../../../../src/unit/mirror/kick.ts';

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
    for (let round = 1; round <= 3; round++) {
      const from = performance.now();
      kick.change(1);
      let at = 0;
      started = () => {
        at = performance.now();
      };
      // If what comes later moved it, it would never start.
      while (at === 0) {
        await new Promise(setImmediate);
        if (at === 0) kick.change(0);
      }
      // A timer counts whole milliseconds.
      assert.ok(at - from >= GATHER_MS - 1);
      assert.equal(starts, round);
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
