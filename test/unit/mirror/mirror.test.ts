import assert from 'node:assert/strict';
import type { MirrorRequest } from '../../../src/mirror/requests.ts';
import { Bench, data, kinds, only, SIZE } from './mirrorBench.ts';

describe('B5 B6 B7 Mirror', () => {
  it('sends changes that do not overlap together, sorted', () => {
    const bench = new Bench();
    bench.push([data(9)]);
    bench.push([data(3, 2), data(20)]);
    bench.push([data(5)]);
    const [request, ...others] = bench.more();
    assert.equal(others.length, 0);
    assert.ok(request.kind === 'writev');
    assert.deepEqual(
      request.pieces.map(({ offset }) => offset / 512),
      [3, 5, 9, 20],
    );
    bench.done(request);
    assert.equal(bench.mirror.state, 'equal');
    assert.equal(bench.mirror.writtenBytes, 5 * 512);
  });

  it('lets an overlapping change wait for the earlier one', () => {
    const bench = new Bench();
    bench.push([data(3, 2)]);
    bench.push([data(4)]);
    bench.push([data(30)]);
    const first = bench.more();
    assert.equal(first.length, 1, 'order: what lies behind waits too');
    const second = bench.done(first[0]);
    assert.ok(second[0].kind === 'writev' && second[0].pieces.length === 2);
  });

  it('bounds a batch and the requests under way', () => {
    const bench = new Bench({ batchBytes: 2048, inFlightMax: 2 });
    for (let lbn = 0; lbn < 32; lbn++) bench.push([data(lbn)]);
    const requests = bench.more();
    assert.equal(requests.length, 2);
    for (const request of requests) assert.ok(request.kind === 'writev' && request.pieces.length === 4);
    assert.equal(bench.done(requests[1]).length, 1);
  });

  it('waits at a barrier, flushes, and goes on (SBC-4, SYNCHRONIZE CACHE)', () => {
    const bench = new Bench();
    bench.push([data(1)]);
    bench.barrier();
    bench.push([data(2)]);
    const [write] = bench.more();
    const flush = bench.done(write);
    assert.deepEqual(kinds(flush), ['flush']);
    assert.deepEqual(bench.more(), [], 'nothing overtakes the flush');
    assert.deepEqual(kinds(bench.done(flush[0])), ['writev']);
  });

  it('passes barriers and FUA over where flushing is left to the end', () => {
    const bench = new Bench({ flushBarriers: false });
    bench.push([data(1)], { fua: true });
    bench.barrier();
    bench.push([data(2)]);
    const requests = bench.more();
    assert.ok(requests.length === 1 && requests[0].kind === 'writev' && !requests[0].fua);
    bench.mirror.step({ kind: 'flush' });
    assert.deepEqual(bench.mirror.take(), [], 'not before the writes have ended');
    assert.deepEqual(kinds(bench.done(requests[0])), ['flush']);
  });

  it('lets the later of data and doubt win', () => {
    const bench = new Bench();
    bench.push([only(4, 4)], { doubt: 'hole' });
    bench.push([data(5)]);
    const [write] = bench.more();
    assert.deepEqual(bench.unresolved(), [[4, 4]], 'not before the write has ended');
    bench.push([only(5)], { doubt: 'hole' });
    bench.push([only(20)], { doubt: 'hole' });
    bench.more();
    bench.done(write);
    assert.deepEqual(
      bench.unresolved(),
      [
        [4, 4],
        [20, 1],
      ],
      'a doubt that came while it was written stays',
    );
    bench.push([data(5)]);
    bench.done(bench.more()[0]);
    assert.deepEqual(bench.unresolved(), [
      [4, 1],
      [6, 2],
      [20, 1],
    ]);
  });

  it('does not clear a block that was written in part', () => {
    const bench = new Bench();
    bench.push([only(4)], { doubt: 'hole' });
    bench.push([{ offset: 4 * 512, length: 100, payload: [new Uint8Array(100)] }]);
    bench.done(bench.more()[0]);
    assert.deepEqual(bench.unresolved(), [[4, 1]]);
  });

  it('sends zeros as such, and never an empty piece', () => {
    const bench = new Bench();
    bench.push([
      { offset: 0, length: 8192, payload: 'zeros' },
      { offset: 9000, length: 0, payload: [] },
    ]);
    assert.deepEqual(bench.more(), [{ kind: 'zero', id: 1, offset: 0, length: 8192, seq: 1 }]);
  });

  describe('C4 a mirror whose blocks others refer to', () => {
    const landed = (requests: readonly MirrorRequest[]): [number, boolean][] =>
      requests.flatMap((one): [number, boolean][] => (one.kind === 'landed' ? [[one.seq, one.written]] : []));

    const lease = { parts: [], bytes: 512 };

    it('names the change of each piece, also where they are sorted', () => {
      const bench = new Bench({ guarded: () => true });
      bench.push([data(9)], { lease });
      bench.push([data(3), { offset: 4 * 512, length: 512, payload: 'zeros' }], { lease });
      bench.push([data(6)], { lease });
      const [zero, write] = bench.more();
      assert.ok(write.kind === 'writev' && zero.kind === 'zero');
      assert.deepEqual(write.seqs, [2, 3, 1]);
      assert.equal(zero.seq, 2);
      assert.deepEqual(landed(bench.done(zero)), [], 'a part of the change is still under way');
      assert.deepEqual(landed(bench.done(write)).sort(), [
        [1, true],
        [2, true],
        [3, true],
      ]);
    });

    it('tells of changes that it does not write too', () => {
      const bench = new Bench({ guarded: () => true });
      bench.push([only(1)]);
      bench.push([only(1)], { lease });
      bench.push('wholeLu');
      assert.deepEqual(
        landed(bench.more()),
        [[2, true]],
        'an LBN-only piece names no data, and nobody refers to what has no lease',
      );
      bench.push([data(1)], { lease });
      bench.push([data(1)], { lease });
      const [write] = bench.more();
      assert.deepEqual(landed(bench.failed(write)), [
        [4, false],
        [5, false],
      ]);
      bench.push([data(2)], { lease });
      assert.deepEqual(landed(bench.more()), [[6, false]], 'it is broken');
    });

    it('says nothing where nobody refers to it', () => {
      const bench = new Bench();
      bench.push([data(9)]);
      assert.deepEqual(bench.done(bench.more()[0]), []);
    });
  });

  it('breaks on a failed write and records what it misses from there on', () => {
    const bench = new Bench({ inFlightMax: 2, batchBytes: 512 });
    for (const lbn of [1, 3, 5]) bench.push([data(lbn)]);
    const [a, b] = bench.more();
    const after = bench.failed(a);
    assert.deepEqual(kinds(after), ['notice']);
    assert.equal(bench.mirror.state, 'broken');
    assert.equal(bench.mirror.fault?.message, 'bad sector');
    bench.done(b);
    bench.push([data(7)]);
    assert.deepEqual(bench.more(), []);
    assert.deepEqual(
      bench.unresolved(),
      [
        [1, 1],
        [5, 1],
        [7, 1],
      ],
      'what was written all the same is not missed',
    );
    assert.equal(bench.mirror.idle, true, 'a broken mirror holds nothing up');
  });

  it('breaks, with the mend, on a write past its end, and writes what came before', () => {
    const bench = new Bench();
    bench.push([data(1)]);
    bench.push([data(63, 2)]);
    const requests = bench.more();
    assert.deepEqual(kinds(requests).toSorted(), ['notice', 'writev']);
    assert.match(bench.mirror.fault?.mend ?? '', /truncate -s 33280 \/mirror/);
    bench.done(requests.find(({ kind }) => kind === 'writev') as MirrorRequest);
    assert.deepEqual(bench.unresolved(), [[63, 1]]);
    assert.equal(bench.record.namedEnd, 65 * 512);
  });

  it('is refused when it is too small from the start', () => {
    const bench = new Bench();
    bench.mirror.step({ kind: 'facts', blockSize: 512, capacity: SIZE + 512 });
    assert.equal(bench.mirror.state, 'broken');
    assert.match(bench.mirror.fault?.message ?? '', /too small: it holds 32768 bytes, the volume 33280/);
  });

  it('grows with the volume before anything is written there, and does not vouch for what it did not see', () => {
    const bench = new Bench();
    bench.mirror.step({ kind: 'facts', blockSize: 512, capacity: SIZE });
    bench.mirror.step({ kind: 'facts', blockSize: 512, capacity: SIZE + 1024 });
    const [grow] = bench.mirror.take();
    assert.ok(grow.kind === 'grow' && grow.bytes === SIZE + 1024);
    bench.push([data(64)]);
    assert.deepEqual(bench.more(), []);
    const [write] = bench.done(grow);
    assert.equal(write.kind, 'writev');
    bench.done(write);
    assert.deepEqual(bench.record.below(1 << 20).toRanges(), [[SIZE + 512, 512]]);
  });

  it('pauses where it cannot grow, records what it misses, and goes on when it is long enough', () => {
    const bench = new Bench();
    bench.mirror.step({ kind: 'facts', blockSize: 512, capacity: SIZE });
    bench.mirror.step({ kind: 'facts', blockSize: 512, capacity: SIZE + 512 });
    bench.failed(bench.mirror.take()[0]);
    assert.equal(bench.mirror.state, 'paused');
    assert.match(bench.mirror.fault?.message ?? '', /the volume grew to 33280 bytes and the mirror holds 32768/);
    bench.push([data(2)]);
    assert.deepEqual(bench.more(), []);
    assert.deepEqual(bench.unresolved(), [[2, 1]]);
    bench.mirror.step({ kind: 'size', bytes: SIZE + 512 });
    assert.equal(bench.mirror.state, 'behind');
    bench.push([data(2)]);
    bench.done(bench.more()[0]);
    assert.deepEqual(bench.unresolved(), []);
  });

  describe('reading back', () => {
    it('copies the record in chunks and reports how far it is', () => {
      const bench = new Bench({ copyBytes: 1024, copiesMax: 2 });
      bench.push([only(0, 6)], { doubt: 'hole' });
      bench.more();
      bench.mirror.step({ kind: 'resolve', limit: SIZE });
      const [a, b] = bench.mirror.take();
      assert.equal(bench.mirror.state, 'repairing');
      const [c] = bench.done(b);
      assert.deepEqual(bench.mirror.progress, { done: 1024, total: 3072 });
      assert.deepEqual(bench.unresolved(), [
        [0, 2],
        [4, 2],
      ]);
      bench.done(a);
      bench.done(c);
      assert.equal(bench.mirror.state, 'equal');
      assert.equal(bench.mirror.resolvedBytes, 3072);
    });

    it('calls it copying when everything was in doubt', () => {
      const bench = new Bench();
      bench.push('wholeLu', { doubt: 'lost-command' });
      bench.more();
      bench.mirror.step({ kind: 'resolve', limit: SIZE });
      assert.equal(bench.mirror.state, 'copying');
    });

    it('lets a newer write of the same blocks wait for the copy, and lets others pass', () => {
      const bench = new Bench();
      bench.push([only(0, 6)], { doubt: 'hole' });
      bench.more();
      bench.mirror.step({ kind: 'resolve', limit: SIZE });
      const [copy] = bench.mirror.take();
      bench.push([data(20)]);
      bench.push([data(3)]);
      const [other] = bench.more();
      assert.ok(other.kind === 'writev' && other.pieces.length === 1);
      const [write] = bench.done(copy);
      assert.ok(write.kind === 'writev' && write.pieces[0].offset === 3 * 512);
    });

    it('lets a barrier wait for the copies under way, and starts no more before its flush', () => {
      const bench = new Bench({ copyBytes: 512, copiesMax: 2 });
      bench.push([only(0, 6)], { doubt: 'hole' });
      bench.more();
      bench.mirror.step({ kind: 'resolve', limit: SIZE });
      const [a, b] = bench.mirror.take();
      bench.barrier();
      bench.push([data(20)]);
      assert.deepEqual(bench.more(), []);
      assert.deepEqual(bench.done(a), []);
      const flush = bench.done(b);
      assert.deepEqual(kinds(flush), ['flush']);
      assert.deepEqual(kinds(bench.done(flush[0])), ['writev', 'copy', 'copy']);
    });

    it('reads again what came to be in doubt while it was copied', () => {
      const bench = new Bench();
      bench.push([only(0, 6)], { doubt: 'hole' });
      bench.more();
      bench.mirror.step({ kind: 'resolve', limit: SIZE });
      const [copy] = bench.mirror.take();
      bench.push([only(3, 2)], { doubt: 'hole' });
      bench.more();
      const again = bench.done(copy);
      assert.deepEqual(bench.unresolved(), [[3, 2]]);
      assert.ok(again[0].kind === 'copy' && again[0].offset === 3 * 512 && again[0].length === 1024);
      bench.done(again[0]);
      assert.equal(bench.mirror.state, 'equal');
    });

    it('narrows a read that fails down to its block, tells it once, and leaves that block unresolved', () => {
      const bench = new Bench();
      bench.push([only(0, 8)], { doubt: 'hole' });
      bench.more();
      bench.mirror.step({ kind: 'resolve', limit: SIZE });
      let notices = 0;
      let wanted = [...bench.mirror.take()];
      while (wanted.length > 0) {
        const request = wanted.shift() as MirrorRequest;
        if (request.kind === 'notice') {
          notices++;
          continue;
        }
        assert.ok(request.kind === 'copy');
        const bad = request.offset <= 5 * 512 && request.offset + request.length > 5 * 512;
        wanted = [...wanted, ...(bad ? bench.failed(request, true) : bench.done(request))];
      }
      assert.deepEqual(bench.unresolved(), [[5, 1]]);
      assert.equal(notices, 1);
      assert.equal(bench.mirror.state, 'behind');
      assert.equal(bench.mirror.fault, undefined, 'the mirror itself is well');
    });

    it('gives up on a source that gives nothing, after a bounded number of reads', () => {
      const bench = new Bench({ copyBytes: 4096 });
      bench.push('wholeLu', { doubt: 'lost-command' });
      bench.more();
      bench.mirror.step({ kind: 'resolve', limit: SIZE });
      let reads = 0;
      for (let wanted = bench.mirror.take(); bench.mirror.resolving; ) {
        const next: MirrorRequest[] = [];
        for (const request of wanted) {
          if (request.kind !== 'copy') continue;
          reads++;
          next.push(...bench.failed(request, true));
        }
        wanted = next;
      }
      assert.ok(reads <= 64 + SIZE / 4096);
      assert.deepEqual(bench.unresolved(), [[0, 64]]);
    });

    it('stops when it is told to and keeps the rest in the record', () => {
      const bench = new Bench({ copyBytes: 512, copiesMax: 1 });
      bench.push([only(0, 6)], { doubt: 'hole' });
      bench.more();
      bench.mirror.step({ kind: 'resolve', limit: SIZE });
      const [copy] = bench.mirror.take();
      bench.mirror.step({ kind: 'stop' });
      assert.deepEqual(bench.done(copy), []);
      assert.deepEqual(bench.unresolved(), [[1, 5]]);
      assert.equal(bench.mirror.idle, true);
    });
  });
});
