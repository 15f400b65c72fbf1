import assert from 'node:assert/strict';
import { Extents } from '../../../src/base/extents.ts';
import { Fault } from '../../../src/base/fault.ts';
import { data, only, SIZE } from './mirrorBench.ts';
import { Bench } from './orderedBench.ts';

describe('C1 C4 D1 OrderedMirror', () => {
  it('begins with what it is, and appends each change at once, in order', () => {
    const bench = new Bench();
    bench.push(data(3, 2));
    bench.push(data(4));
    bench.mark('here');
    assert.deepEqual(bench.told(), ['state!', 'change 3+2!', 'change 4+1!', 'here!']);
    assert.equal(bench.mirror.state, 'behind');
    bench.durable(2);
    assert.equal(bench.given.length, 1, 'a lease goes back when its entry is durable');
    bench.durable();
    assert.equal(bench.mirror.state, 'equal');
    assert.equal(bench.mirror.writtenBytes, 3 * 512);
  });

  it('bounds the bytes under way, but for one entry', () => {
    const bench = new Bench({ inFlightBytes: 1024 });
    bench.durable();
    for (const lbn of [1, 2, 3]) bench.push(data(lbn));
    bench.push(data(8, 8));
    assert.deepEqual(bench.told(), ['state!', 'change 1+1!', 'change 2+1!']);
    bench.durable(1);
    assert.deepEqual(bench.told(), ['change 3+1!']);
    bench.durable(2);
    assert.deepEqual(bench.told(), ['change 8+8!']);
  });

  it('makes two entries of a change whose pieces overlap, the first of them not consistent', () => {
    const bench = new Bench();
    bench.push(data(8), data(2, 4), data(4));
    assert.deepEqual(bench.told(), ['state!', 'change 8+1 2+4', 'change 4+1!']);
  });

  it('appends nothing before data that was lost has been recalled, and asks ahead for that of later entries', () => {
    const bench = new Bench({ bytes: 512 });
    bench.push(data(1));
    bench.push(data(2), { offset: 20 * 512, length: 512, payload: 'zeros' });
    bench.push(data(3, 2));
    assert.deepEqual(bench.told(), ['state!', 'change 1+1!']);
    const recalls = bench.requests.filter((request) => request.kind === 'recall');
    assert.deepEqual(
      recalls.map(({ seq, pieces }) => [seq, pieces.length]),
      [
        [2, 1],
        [3, 1],
      ],
      'zeros need nobody',
    );
    bench.step({ kind: 'recalled', id: recalls[1].id, pieces: [data(3, 2)] });
    assert.deepEqual(bench.told(), []);
    bench.step({ kind: 'recalled', id: recalls[0].id, pieces: [data(2)] });
    assert.deepEqual(bench.told(), ['change 2+1 20+1!', 'change 3+2!']);
  });

  it('what could not be recalled is not known from there on', () => {
    const bench = new Bench({ bytes: 0 });
    bench.push(data(3, 3));
    const { id } = bench.last('recall');
    bench.step({ kind: 'recalled', id, pieces: [data(4)] });
    assert.deepEqual(bench.told(), ['state!', 'change 4+1']);
    assert.deepEqual(bench.record.below(SIZE).toRanges(), [
      [3 * 512, 512],
      [5 * 512, 512],
    ]);
  });

  it('reads back what nobody knows, and is consistent when that is in', () => {
    const bench = new Bench();
    bench.push(only(5, 2));
    assert.deepEqual(bench.told(), ['state!', 'state']);
    bench.step({ kind: 'resolve', limit: SIZE });
    assert.equal(bench.mirror.state, 'repairing');
    bench.copied();
    assert.deepEqual(bench.told(), ['copy 5+2', 'state!']);
    assert.ok(!bench.record.isEmpty, 'until it is durable');
    bench.durable();
    assert.ok(bench.record.isEmpty);
    assert.equal(bench.mirror.state, 'equal');
  });

  it('takes what was written since out of a copy', () => {
    const bench = new Bench();
    bench.push(only(5, 3));
    bench.step({ kind: 'resolve', limit: SIZE });
    bench.push(data(6));
    bench.copied();
    assert.deepEqual(bench.told().slice(2), ['change 6+1', 'copy 5+1 7+1', 'state!']);
  });

  it('a copy of what came to be unknown once more proves nothing', () => {
    const bench = new Bench();
    bench.push(only(5));
    bench.step({ kind: 'resolve', limit: SIZE });
    const first = bench.last('copy');
    bench.push(only(5));
    bench.step({ kind: 'copied', id: first.id, pieces: [data(5)] });
    assert.deepEqual(bench.told(), ['state!', 'state']);
    assert.notEqual(bench.last('copy').id, first.id, 'it is read again');
    bench.copied();
    assert.deepEqual(bench.told(), ['copy 5+1', 'state!']);
  });

  it('entries that were pushed before a read ended come before the mirror is consistent', () => {
    const bench = new Bench({ inFlightBytes: 512 });
    bench.push(only(5), data(9));
    bench.step({ kind: 'resolve', limit: SIZE });
    bench.durable();
    const copy = bench.last('copy');
    bench.push(data(1));
    bench.push(data(2));
    bench.push(data(3));
    bench.told();
    bench.step({ kind: 'copied', id: copy.id, pieces: [] });
    assert.deepEqual(bench.told(), [], 'what was read may hold the effect of the three');
    bench.durable(1);
    assert.deepEqual(bench.told(), ['change 2+1']);
    bench.durable(1);
    assert.deepEqual(bench.told(), ['change 3+1!']);
  });

  it('a write that was under way when a copy was read comes before the mirror is consistent', () => {
    const bench = new Bench();
    const bytes = new Extents();
    bytes.add(5 * 512, 6 * 512);
    bench.push(only(5));
    bench.step({ kind: 'resolve', limit: SIZE });
    bench.underWay = { tasks: 1, bytes };
    bench.copied();
    bench.push(data(1));
    assert.deepEqual(bench.told().slice(2), ['copy 5+1', 'change 1+1']);
    bench.underWay = { tasks: 0, bytes: new Extents() };
    bench.push(data(5));
    assert.deepEqual(bench.told(), ['change 5+1', 'state!']);
  });

  it('a write under way elsewhere does not matter; where nobody knows what it writes, it does', () => {
    for (const known of [true, false]) {
      const bench = new Bench();
      const bytes = new Extents();
      bytes.add(0, 512);
      bench.push(only(5));
      bench.step({ kind: 'resolve', limit: SIZE });
      bench.underWay = { tasks: 1, bytes: known ? bytes : undefined };
      bench.copied();
      assert.deepEqual(bench.told().slice(2), known ? ['copy 5+1', 'state!'] : ['copy 5+1']);
    }
  });

  it('at a tap a look at what is under way waits until everything on the bus has been pushed', () => {
    const bench = new Bench({ settles: true });
    bench.push(only(5));
    bench.step({ kind: 'resolve', limit: SIZE });
    bench.copied();
    bench.durable();
    assert.deepEqual(bench.told().slice(2), ['copy 5+1']);
    assert.equal(bench.mirror.idle, false);
    bench.step({ kind: 'done', id: bench.last('settle').id });
    assert.deepEqual(bench.told(), ['state!']);
  });

  it('begins inconsistent where its record names something', () => {
    const bench = new Bench({ before: (record) => record.add(0, 512, 'unseen') });
    bench.push(data(9));
    bench.push(data(0));
    assert.deepEqual(bench.told(), ['state', 'change 9+1', 'change 0+1!']);
    bench.durable(2);
    assert.ok(!bench.record.isEmpty);
    bench.durable();
    assert.ok(bench.record.isEmpty);
  });

  it('an entry that fails breaks it: what was under way and what comes is in the record, and named after it was mended', () => {
    const bench = new Bench();
    bench.push(data(1));
    bench.push(data(2));
    const [, one, two] = bench.appends.splice(0);
    bench.step({ kind: 'failed', id: one.id, fault: new Fault('peer', 'lost'), source: false });
    assert.equal(bench.mirror.state, 'broken');
    bench.push(data(3));
    bench.mark('then');
    assert.equal(bench.given.length, 2, 'what is under way keeps its data until it is answered');
    bench.step({ kind: 'failed', id: two.id, fault: new Fault('peer', 'lost'), source: false });
    assert.equal(bench.given.length, 3);
    bench.told();
    assert.deepEqual(bench.record.below(SIZE).toRanges(), [[512, 3 * 512]]);
    bench.step({ kind: 'mended', bytes: SIZE });
    bench.mark('now');
    assert.deepEqual(bench.told(), ['state', 'then', 'now']);
    bench.step({ kind: 'resolve', limit: SIZE });
    bench.copied();
    assert.deepEqual(bench.told(), ['copy 1+3', 'state!']);
  });

  it('a backlog that had to be given up is in doubt after what was taken before, its bookmarks with it', () => {
    const bench = new Bench({ inFlightBytes: 512 });
    bench.durable();
    for (let lbn = 0; lbn < 3; lbn++) bench.push(data(lbn));
    bench.mark('lost');
    for (let lbn = 3; lbn < 66; lbn++) bench.push(data(lbn % 60));
    assert.deepEqual(bench.told(), ['state!', 'change 0+1!']);
    bench.durable();
    assert.deepEqual(bench.told().slice(0, 3), ['change 1+1!', 'lost', 'change 5+1']);
  });

  it('grows at once where the far end is shorter than the volume; where that fails it is paused and says so', () => {
    const bench = new Bench({ size: 32 * 512 });
    const { id, bytes } = bench.last('grow');
    assert.equal(bytes, SIZE);
    bench.push(data(1));
    assert.deepEqual(bench.told(), [], 'nothing overtakes the growth');
    bench.step({ kind: 'failed', id, fault: new Fault('peer', 'no room at the far end'), source: false });
    assert.equal(bench.mirror.state, 'paused');
    assert.match(bench.last('notice').text, /is paused: the volume grew to 32768 bytes and the mirror holds 16384/);
    bench.step({ kind: 'size', bytes: SIZE });
    assert.deepEqual(bench.told(), ['state']);
    assert.deepEqual(bench.record.below(SIZE).toRanges(), [
      [512, 512],
      [32 * 512, 32 * 512],
    ]);
  });

  it('a write that reaches beyond its end breaks it', () => {
    const bench = new Bench();
    bench.push(data(64));
    assert.match(bench.last('notice').text, /is too small: it holds 32768 bytes, a write on the bus reaches to 33280/);
  });

  it('grows before it is given what lies there', () => {
    const bench = new Bench();
    bench.durable();
    bench.step({ kind: 'facts', blockSize: 512, capacity: SIZE + 512 });
    bench.push(data(64));
    bench.told();
    const { id, bytes } = bench.last('grow');
    assert.equal(bytes, SIZE + 512);
    bench.step({ kind: 'done', id });
    assert.deepEqual(bench.told(), ['change 64+1!']);
  });
});
