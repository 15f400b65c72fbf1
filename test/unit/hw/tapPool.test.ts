import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { TapLevel } from '../../../hw/tap.ts';
import { SlotPool } from '../../../hw/tapPool.ts';

const SLOTS = 16;
const RESERVE = 4;

/** Hands slots to a consumer who returns them when told. */
class Consumer {
  readonly pool = new SlotPool(4096, SLOTS, RESERVE);
  readonly held: ArrayBuffer[] = [];
  now = 1000;

  fill(count: number): void {
    for (let i = 0; i < count; i++) {
      const slot = this.pool.take();
      if (slot === undefined) continue;
      this.pool.send();
      this.held.push(slot);
    }
  }

  back(count: number): void {
    for (const slot of this.held.splice(0, count)) this.pool.give(slot);
  }

  level(): TapLevel {
    this.pool.judge(this.now);
    return this.pool.level;
  }
}

describe('A2 memory between the tap and its consumer', () => {
  it('says when only the reserve is left', () => {
    const consumer = new Consumer();
    consumer.fill(11);
    assert.equal(consumer.pool.plenty, true);
    consumer.fill(1);
    assert.equal(consumer.pool.plenty, false);
    assert.equal(consumer.level(), 'full', 'the kernel has room: the consumer is waited for');
    consumer.back(1);
    assert.equal(consumer.pool.plenty, true);
  });

  it('degrades to headers, then drops, and recovers by itself', () => {
    const consumer = new Consumer();
    consumer.fill(12);
    consumer.pool.press(consumer.now);
    assert.equal(consumer.level(), 'headers');
    consumer.fill(4);
    assert.equal(consumer.level(), 'headers');
    assert.equal(consumer.pool.take(), undefined);
    assert.equal(consumer.level(), 'dropping');
    consumer.now += 1000;
    consumer.back(7);
    assert.equal(consumer.level(), 'dropping');
    consumer.back(1);
    assert.equal(consumer.level(), 'headers', 'a half is back');
    consumer.back(4);
    assert.equal(consumer.level(), 'full', 'three quarters are back');
  });

  it('does not waver while the consumer is as slow as the bus', () => {
    const consumer = new Consumer();
    consumer.fill(12);
    consumer.pool.press(consumer.now);
    const levels = new Set<TapLevel>([consumer.level()]);
    for (let i = 0; i < 20; i++) {
      consumer.now += 1000;
      levels.add(consumer.level());
      consumer.back(4);
      levels.add(consumer.level());
      consumer.fill(4);
    }
    assert.deepEqual([...levels], ['headers']);
  });

  it("cuts frames for a second when the kernel's own buffer fills up", () => {
    const consumer = new Consumer();
    consumer.pool.press(consumer.now);
    assert.equal(consumer.level(), 'headers');
    consumer.now += 999;
    assert.equal(consumer.level(), 'headers');
    consumer.now += 1;
    assert.equal(consumer.level(), 'full');
  });

  it('never has more out than there is, and never the same memory twice', () => {
    const steps = fc.array(fc.tuple(fc.boolean(), fc.nat(SLOTS + 2)), { maxLength: 60 });
    fc.assert(
      fc.property(steps, (list) => {
        const consumer = new Consumer();
        for (const [fill, count] of list) {
          if (fill) consumer.fill(count);
          else consumer.back(count);
          assert.equal(consumer.pool.sent, consumer.held.length);
          assert.ok(consumer.held.length <= SLOTS);
          assert.equal(new Set(consumer.held).size, consumer.held.length);
          assert.equal(consumer.pool.plenty, consumer.held.length < SLOTS - RESERVE);
        }
        consumer.back(SLOTS);
        assert.notEqual(consumer.level(), 'dropping');
        assert.equal(consumer.level(), 'full');
      }),
    );
  });
});
