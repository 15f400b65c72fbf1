import assert from 'node:assert/strict';
import type { Piece } from '../../../src/base/change.ts';
import { Bench, data, kinds, only, SIZE } from './mirrorBench.ts';

describe('B5 B6 Mirror: ORs (ORWRITE, SBC-4 section 4.27.4)', () => {
  const or = (lbn: number, blocks = 1): Piece => {
    return { offset: lbn * 512, length: blocks * 512, payload: { or: [new Uint8Array(blocks * 512)] } };
  };

  it('goes out by itself, in order with what overlaps before and after it', () => {
    const bench = new Bench();
    bench.push([data(3, 2)]);
    bench.push([data(20)]);
    bench.push([or(4, 2)]);
    bench.push([data(5)]);
    const first = bench.more();
    assert.deepEqual(kinds(first), ['writev']);
    const second = bench.done(first[0]);
    assert.ok(second.length === 1 && second[0].kind === 'or');
    assert.deepEqual([second[0].offset, second[0].length, second[0].parts.length], [4 * 512, 1024, 1]);
    assert.deepEqual(kinds(bench.done(second[0])), ['writev']);
  });

  it('is let pass by what does not overlap, within the bound of requests', () => {
    const bench = new Bench({ inFlightMax: 2 });
    bench.push([or(1)]);
    bench.push([or(3)]);
    bench.push([or(5)]);
    const requests = bench.more();
    assert.deepEqual(kinds(requests), ['or', 'or']);
    assert.equal(bench.mirror.writtenBytes, 0);
    assert.deepEqual(kinds(bench.done(requests[1])), ['or']);
    assert.equal(bench.mirror.writtenBytes, 512);
  });

  it('never clears the record, and adds nothing to it', () => {
    const bench = new Bench();
    bench.push([only(4, 2)], { doubt: 'hole' });
    bench.push([or(3, 2)]);
    bench.done(bench.more()[0]);
    assert.deepEqual(bench.unresolved(), [[4, 2]]);
  });

  it('keeps a doubt that came while it was under way', () => {
    const bench = new Bench();
    bench.push([or(3, 2)]);
    const [request] = bench.more();
    bench.push([only(4)], { doubt: 'hole' });
    bench.more();
    bench.done(request);
    assert.deepEqual(bench.unresolved(), [[4, 1]]);
  });

  it('waits for a copy of its blocks, and a copy for it', () => {
    const bench = new Bench({ copyBytes: 1024, copiesMax: 1 });
    bench.push([only(0, 4)], { doubt: 'hole' });
    bench.push([or(2)]);
    const [under] = bench.more();
    bench.mirror.step({ kind: 'resolve', limit: SIZE });
    const [copy, ...others] = bench.mirror.take();
    assert.ok(copy.kind === 'copy' && copy.offset === 0 && others.length === 0);
    bench.push([or(1)]);
    assert.deepEqual(bench.more(), []);
    const [next] = bench.done(copy);
    assert.ok(next.kind === 'or' && next.offset === 512);
    const [second] = bench.done(under);
    assert.ok(second.kind === 'copy' && second.offset === 1024);
  });

  it('puts its blocks into the record when it fails, as it may have been written in part', () => {
    const bench = new Bench();
    bench.push([or(3, 2)]);
    bench.failed(bench.more()[0]);
    assert.deepEqual(bench.unresolved(), [[3, 2]]);
    assert.equal(bench.mirror.state, 'broken');
  });

  it('puts its blocks into the record when its data is lost, or it comes after the mirror broke', () => {
    const bench = new Bench();
    const faster = bench.ring.join(() => {});
    bench.push([data(1)]);
    const [write] = bench.more();
    bench.barrier();
    bench.push([or(8, 2)], { lease: { parts: [], bytes: 1024 } });
    for (let entry = faster.peek(); entry; entry = faster.peek()) {
      faster.take();
      faster.done(entry);
    }
    assert.equal(bench.ring.shed(1024), 1024);
    const [flush] = bench.done(write);
    assert.deepEqual(bench.done(flush), []);
    assert.deepEqual(bench.unresolved(), [[8, 2]]);
    bench.push([data(30)]);
    bench.failed(bench.more()[0]);
    bench.push([or(20)]);
    bench.more();
    assert.deepEqual(bench.unresolved(), [
      [8, 2],
      [20, 1],
      [30, 1],
    ]);
  });

  it('is durable with FUA where that is honoured', () => {
    for (const flushBarriers of [true, false]) {
      const bench = new Bench({ flushBarriers });
      bench.push([or(1)], { fua: true });
      const [request] = bench.more();
      assert.ok(request.kind === 'or' && request.fua === flushBarriers);
    }
  });
});
