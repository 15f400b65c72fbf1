import assert from 'node:assert/strict';
import { Fault } from '../../../src/base/fault.ts';
import { data, only, SIZE } from './mirrorBench.ts';
import { Bench, LU } from './orderedBench.ts';

describe('OrderedMirror: C2 bookmarks on a quiet bus', () => {
  const waiting = (): Bench => {
    const bench = new Bench({ markPatienceNs: 100n });
    bench.push(only(5));
    bench.mark('here');
    bench.told();
    return bench;
  };

  it('wait for what is being read back', () => {
    const bench = waiting();
    bench.mark('again');
    bench.step({ kind: 'resolve', limit: SIZE });
    bench.copied();
    assert.deepEqual(bench.told(), ['copy 5+1', 'here!', 'again!']);
  });

  it('do not wait once something stands behind them', () => {
    const bench = waiting();
    bench.push(data(1));
    assert.deepEqual(bench.told(), ['here', 'change 1+1']);
  });

  it('wait for a doubt that no command told as well', () => {
    const bench = waiting();
    bench.ring.push({ seq: 9, at: 9n, lu: LU, pieces: [only(6)], fua: false, doubt: 'aborted', late: true });
    bench.step({ kind: 'more' });
    assert.deepEqual(bench.told(), []);
    bench.step({ kind: 'resolve', limit: SIZE });
    bench.copied();
    assert.deepEqual(bench.told(), ['copy 5+2', 'here!']);
  });

  it('are named again, as not consistent, where the far end has lost them', () => {
    const bench = new Bench();
    bench.mark('kept');
    bench.durable();
    bench.mark('first');
    bench.mark('second');
    bench.told();
    const fault = new Fault('peer', 'the far end is another one');
    bench.step({ kind: 'failed', id: bench.appends[0].id, fault, source: false });
    bench.appends.length = 0;
    bench.mark('third');
    bench.step({ kind: 'mended', bytes: SIZE });
    assert.deepEqual(
      bench.told().filter((name) => !name.startsWith('state')),
      ['first', 'second', 'third'],
    );
  });

  it('lose their patience', () => {
    const bench = waiting();
    bench.clock = 99n;
    bench.step({ kind: 'more' });
    assert.deepEqual(bench.told(), []);
    bench.clock = 100n;
    bench.step({ kind: 'more' });
    assert.deepEqual(bench.told(), ['here']);
  });

  it('wait for nothing when the unit stops', () => {
    const bench = waiting();
    bench.step({ kind: 'hurry' });
    assert.deepEqual(bench.told(), ['here']);
  });
});

describe('OrderedMirror: D3 of a mirror', () => {
  const upstream = { consistent: false, at: 7n };

  it('begins as that says of itself, and has the times of what was taken', () => {
    const bench = new Bench({ upstream });
    bench.clock = 1000n;
    bench.durable();
    bench.say(true, data(1));
    bench.say(false);
    bench.say(undefined, data(2));
    bench.say(true, data(3));
    assert.deepEqual(bench.told(), ['state', 'change 1+1!', 'state', 'change 2+1', 'change 3+1!']);
    assert.deepEqual(
      bench.entries.map(({ at }) => at),
      [7n, 1n, 7n, 3n, 4n],
    );
  });

  it('is level with what it says where that was taken, however it was copied', () => {
    const bench = new Bench({ upstream: { consistent: true, at: 0n } });
    bench.say(true, only(5));
    bench.say(false, data(1));
    bench.step({ kind: 'resolve', limit: SIZE });
    bench.copied();
    assert.deepEqual(bench.told(), ['state!', 'state', 'change 1+1', 'copy 5+1']);
    bench.say(true);
    assert.deepEqual(bench.told(), ['state!']);
  });

  it('a bookmark says what that said with it, and waits for nothing else', () => {
    const bench = new Bench({ upstream, markPatienceNs: 100n });
    bench.mark('none', false);
    bench.mark('one', true);
    bench.durable();
    assert.deepEqual(bench.told(), ['state', 'none', 'one!']);
  });

  it('knows what a backlog said last that was given up', () => {
    const bench = new Bench({ upstream: { consistent: true, at: 0n }, inFlightBytes: 512 });
    bench.durable();
    // One is under way, one taken ahead.
    bench.say(true, data(0));
    bench.say(true, data(0));
    for (let n = 0; n < 64; n++) bench.say(false, data(1));
    bench.say(undefined, data(2));
    bench.durable();
    bench.step({ kind: 'resolve', limit: SIZE });
    bench.copied();
    bench.durable();
    assert.ok(bench.record.isEmpty);
    assert.equal(bench.mirror.consistent, false);
    bench.say(true);
    assert.equal(bench.mirror.consistent, true);
  });

  it('knows what was said while it was broken', () => {
    const bench = new Bench({ upstream: { consistent: true, at: 0n } });
    bench.durable();
    bench.step({ kind: 'broken', fault: new Fault('peer', 'refused') });
    bench.say(false);
    bench.step({ kind: 'mended', bytes: SIZE });
    bench.durable();
    assert.deepEqual(bench.told(), ['state!', 'state']);
  });
});
