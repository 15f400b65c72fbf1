import assert from 'node:assert/strict';
import { LATENCY_BUCKETS, LatencyTally } from '../../../src/stat/latency.ts';
import { view, write } from './view.ts';

describe('H2 latency by host, target and LU', () => {
  it('counts each command in the first bucket that holds it', () => {
    const tally = new LatencyTally();
    tally.record(view({ latency: 50_000 }));
    tally.record(view({ latency: 50_001 }));
    tally.record(view({ latency: 20e9 }));
    tally.record(view({ latency: -1, status: -1, ending: 'unfinished' }));
    const [read] = tally.snapshot();
    assert.deepEqual([read.commands, read.errors, read.nature], [4, 1, 'read']);
    assert.deepEqual([read.buckets[0], read.buckets[1], read.buckets.at(-1)], [1, 1, 1]);
    assert.equal(read.buckets.length, LATENCY_BUCKETS.length + 1);
    assert.ok(Math.abs(read.seconds - 20.000100001) < 1e-9);
  });

  it('tells hosts, LUs and natures apart, as many as it has room for', () => {
    const tally = new LatencyTally();
    tally.record(view());
    tally.record(write());
    tally.record(write({ lu: 'iqn.target:t/2', dataOut: 512 }));
    assert.deepEqual(
      tally.snapshot().map(({ lu, nature, bytes }) => [lu, nature, bytes]),
      [
        ['iqn.target:t/1', 'read', 4096],
        ['iqn.target:t/1', 'write', 4096],
        ['iqn.target:t/2', 'write', 512],
      ],
    );
    for (let i = 0; i < 1000; i++) tally.record(view({ host: `iqn.host:${i}` }));
    const all = tally.snapshot();
    assert.ok(all.length < 300);
    assert.equal(
      all.reduce((sum, { commands }) => sum + commands, 0),
      1003,
    );
    assert.equal(all.at(-1)?.host, '(others)');
  });
});
