import assert from 'node:assert/strict';
import type { Backlog } from '../../../src/base/backlog.ts';
import type { Change, Lease } from '../../../src/base/change.ts';
import { Ring } from '../../../src/buffer/ring.ts';
import { Room } from '../../../src/buffer/room.ts';

const BYTES = 64 * 512;

function setUp(entriesMax?: number): { room: Room; ring: Ring } {
  const room = new Room({ bytes: BYTES, threshold: 0, whenFull: 'lbn' });
  const ring = new Ring(room, entriesMax);
  room.register(ring);
  return { room, ring };
}

function change(room: Room, seq: number, blocks = 1): Change {
  const lease = room.take(blocks * 512) as Lease;
  assert.ok(lease);
  const pieces = [{ offset: seq * 512, length: blocks * 512, payload: lease.parts }];
  return { seq, at: 0n, lu: 'iqn.test/0', pieces, fua: false, lease };
}

function takeOne(place: Backlog): { seq: number; lost: boolean; done: () => void } | undefined {
  const entry = place.peek();
  if (!entry) return undefined;
  const lost = place.lost;
  place.take();
  const seq = (entry.change ?? entry.barrier)?.seq ?? -1;
  return { seq, lost, done: () => place.done(entry) };
}

function takeAll(place: Backlog): number[] {
  const seqs: number[] = [];
  for (let taken = takeOne(place); taken; taken = takeOne(place)) {
    seqs.push(taken.lost ? -taken.seq : taken.seq);
    if (!taken.lost) taken.done();
  }
  return seqs;
}

describe('B4 Ring', () => {
  it('gives every mirror every entry in order, each at its own pace', () => {
    const { room, ring } = setUp();
    const fast = ring.join(() => assert.fail());
    const slow = ring.join(() => assert.fail());
    ring.push(change(room, 1));
    ring.pushBarrier({ seq: 2, at: 0n, lu: 'iqn.test/0' });
    ring.push(change(room, 3));
    assert.equal(slow.length, 3);
    assert.deepEqual(takeAll(fast), [1, 2, 3]);
    assert.equal(room.freeBytes, BYTES - 1024, 'the slow mirror still needs the data');
    const first = takeOne(slow);
    assert.equal(room.freeBytes, BYTES - 1024, 'taken is not yet written');
    first?.done();
    assert.equal(room.freeBytes, BYTES - 512);
    assert.deepEqual(takeAll(slow), [2, 3]);
    assert.equal(room.freeBytes, BYTES);
    assert.equal(ring.heldBytes, 0);
  });

  it('takes data from the furthest-behind mirror alone when room is short, oldest first', () => {
    const { room, ring } = setUp();
    const fast = ring.join(() => assert.fail());
    const middle = ring.join(() => assert.fail());
    const slow = ring.join(() => assert.fail());
    for (let seq = 1; seq <= 4; seq++) ring.push(change(room, seq, 16));
    takeAll(fast);
    for (let n = 0; n < 2; n++) takeOne(middle)?.done();
    assert.equal(room.freeBytes, 0);
    ring.push(change(room, 5, 16));
    ring.push(change(room, 6, 16));
    assert.equal(room.freeBytes, 0);
    assert.deepEqual(takeAll(middle), [3, 4, 5, 6], 'the middle mirror lost nothing');
    assert.deepEqual(takeAll(fast), [5, 6]);
    assert.deepEqual(takeAll(slow), [-1, -2, 3, 4, 5, 6]);
    assert.equal(room.freeBytes, BYTES);
  });

  it('never takes what a mirror is writing, nor what the foremost has not taken', () => {
    const { room, ring } = setUp();
    const fast = ring.join(() => assert.fail());
    const slow = ring.join(() => assert.fail());
    for (let seq = 1; seq <= 4; seq++) ring.push(change(room, seq, 16));
    const writing = takeOne(slow);
    const other = takeOne(fast);
    assert.equal(room.take(512), undefined, 'both mirrors are level: the new change is LBN-only instead');
    assert.equal(writing?.lost, false);
    other?.done();
    assert.equal(room.take(512), undefined);
    writing?.done();
    assert.ok(room.take(512));
    assert.deepEqual(takeAll(slow), [2, 3, 4]);
    assert.deepEqual(takeAll(fast), [2, 3, 4]);
  });

  it('sheds later what was being written when it looked first', () => {
    const { room, ring } = setUp();
    const fast = ring.join(() => assert.fail());
    const slow = ring.join(() => assert.fail());
    for (let seq = 1; seq <= 4; seq++) ring.push(change(room, seq, 16));
    const writing = takeOne(fast);
    assert.equal(room.take(512), undefined);
    writing?.done();
    assert.ok(room.take(512));
    assert.deepEqual(takeAll(slow), [-1, 2, 3, 4]);
  });

  it('H3 gives a mirror that leaves what was pushed before, and nothing else; one that joins only what comes then', () => {
    const { room, ring } = setUp();
    const stays = ring.join(() => assert.fail());
    const leaves = ring.join(() => assert.fail());
    ring.push(change(room, 1));
    ring.push(change(room, 2));
    ring.leave(leaves);
    ring.leave(leaves);
    const joins = ring.join(() => assert.fail());
    ring.push(change(room, 3));
    ring.pushBarrier({ seq: 4, at: 0n, lu: 'iqn.test/0' });
    assert.deepEqual([stays.length, leaves.length, joins.length], [4, 2, 2]);
    assert.deepEqual(takeAll(joins), [3, 4]);
    assert.deepEqual(takeAll(stays), [1, 2, 3, 4]);
    assert.equal(room.freeBytes, BYTES - 1024, 'the one that leaves still needs two');
    const waiting: number[] = [];
    leaves.forEach(({ change }) => void waiting.push(change?.seq ?? -1));
    assert.deepEqual(waiting, [1, 2]);
    const writing = takeOne(leaves);
    assert.deepEqual(takeAll(leaves), [2]);
    writing?.done();
    assert.equal(leaves.peek(), undefined);
    assert.equal(room.freeBytes, BYTES);
    ring.push(change(room, 5));
    assert.deepEqual([takeAll(stays), takeAll(joins), takeAll(leaves)], [[5], [5], []]);
    assert.equal(ring.heldBytes, 0);
  });

  it('H3 sheds and gives up of a mirror that leaves as of any other, and is never in the way of the rest', () => {
    const { room, ring } = setUp(4);
    const missed: number[] = [];
    const stays = ring.join(() => assert.fail());
    const leaves = ring.join(({ seq }) => missed.push(seq));
    for (let seq = 1; seq <= 4; seq++) ring.push(change(room, seq, 16));
    takeAll(stays);
    ring.leave(leaves);
    // Short of room: the oldest of it goes. Then of entries: all of it.
    ring.push(change(room, 5, 16));
    takeAll(stays);
    assert.deepEqual(missed, [1, 2, 3, 4]);
    for (let seq = 6; seq <= 20; seq++) {
      ring.push(change(room, seq));
      assert.deepEqual(takeAll(stays), [seq]);
    }
    assert.deepEqual(takeAll(leaves), []);
    assert.equal(room.freeBytes, BYTES);
    assert.equal(ring.crowded, false);
  });

  it('with too many entries the furthest-behind mirror misses its backlog and moves to the head', () => {
    const { room, ring } = setUp(4);
    const missed: number[] = [];
    const fast = ring.join(() => assert.fail());
    const slow = ring.join(({ seq }) => missed.push(seq));
    for (let seq = 1; seq <= 3; seq++) ring.push(change(room, seq));
    assert.equal(ring.crowded, true, 'a source that can wait should');
    takeAll(fast);
    const writing = takeOne(slow);
    for (let seq = 4; seq <= 6; seq++) {
      ring.push(change(room, seq));
      takeAll(fast);
    }
    assert.deepEqual(missed, [2, 3, 4, 5]);
    assert.deepEqual(takeAll(slow), [6]);
    assert.equal(room.freeBytes, BYTES - 512, 'what it is writing is kept');
    writing?.done();
    assert.equal(room.freeBytes, BYTES);
    assert.equal(ring.crowded, false);
  });

  it('counts a change of many pieces as many, and keeps one that is larger than the bound', () => {
    const { ring } = setUp(8);
    let missed = 0;
    const place = ring.join(() => missed++);
    const pieces = Array.from({ length: 20 }, (_, i) => ({ offset: i * 1024, length: 512, payload: 'zeros' as const }));
    const push = (seq: number): void => ring.push({ seq, at: 0n, lu: 'iqn.test/0', pieces, fua: false });
    push(1);
    assert.equal(place.length, 1);
    push(2);
    assert.equal(missed, 1);
    assert.deepEqual(takeAll(place), [2]);
  });

  it('a place with a bound of its own loses what is pushed beyond it, at once and alone', () => {
    const { room, ring } = setUp();
    const lost: number[] = [];
    const whole = ring.join(() => assert.fail());
    const bound = ring.join(() => assert.fail(), { bytes: 1024, lost: ({ seq }) => lost.push(seq) });
    ring.push(change(room, 1));
    ring.push(change(room, 2, 2));
    assert.deepEqual(lost, [2]);
    ring.push(change(room, 3));
    ring.push(change(room, 4));
    assert.deepEqual(lost, [2, 4], 'a smaller one fitted after the first');
    const first = takeOne(bound);
    ring.push(change(room, 5));
    assert.deepEqual(lost, [2, 4, 5], 'what is being written counts');
    first?.done();
    ring.push(change(room, 6));
    assert.deepEqual(takeAll(whole), [1, 2, 3, 4, 5, 6]);
    assert.deepEqual(takeAll(bound), [-2, 3, -4, -5, 6]);
    assert.equal(room.freeBytes, BYTES);
    for (const seq of [7, 8, 9]) ring.push(change(room, seq));
    assert.deepEqual(lost, [2, 4, 5, 9], 'nothing is left over of what was lost before');
  });

  it('what the room has shed does not count against a place with a bound', () => {
    const { room, ring } = setUp();
    const whole = ring.join(() => assert.fail());
    const bound = ring.join(() => assert.fail(), { bytes: BYTES, lost: () => assert.fail() });
    for (let seq = 1; seq <= 64; seq++) ring.push(change(room, seq));
    takeAll(whole);
    ring.push(change(room, 65));
    assert.deepEqual(takeAll(bound).slice(0, 2), [-1, 2]);
  });

  it('data that only a place without room for it needed goes back at once', () => {
    const { room, ring } = setUp();
    ring.join(() => assert.fail(), { bytes: 0 });
    ring.push(change(room, 1));
    assert.equal(room.freeBytes, BYTES);
    assert.equal(ring.heldBytes, 0);
  });

  it('bookmarks of a backlog that is given up are told, in order with the changes', () => {
    const { room, ring } = setUp(3);
    const missed: (number | string)[] = [];
    const missedMark = ({ name = '' }): void => void missed.push(name);
    const place = ring.join(({ seq }) => missed.push(seq), { missedMark });
    ring.push(change(room, 1));
    ring.pushBarrier({ seq: 1, at: 0n, lu: 'iqn.test/0', name: 'here' });
    ring.pushBarrier({ seq: 2, at: 0n, lu: 'iqn.test/0' });
    assert.equal(place.position, 0);
    ring.push(change(room, 3));
    assert.deepEqual(missed, [1, 'here']);
    assert.equal(place.position, 3);
    assert.equal(room.freeBytes, BYTES - 512);
  });

  it('gives leases back at once when no mirror is there', () => {
    const { room, ring } = setUp();
    ring.push(change(room, 1));
    assert.equal(room.freeBytes, BYTES);
  });
});
