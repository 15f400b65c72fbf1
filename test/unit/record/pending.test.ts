import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Marks } from '../../../src/record/marks.ts';
import { Pending } from '../../../src/record/pending.ts';
import { KEEPING, MemoryStorage } from './memoryStorage.ts';

describe('B8 chunks whose marks are not durable yet', () => {
  it('are every one of them told until their count is settled, and no others while there are few', () => {
    const action = fc.oneof(
      fc.record({ kind: fc.constant('add' as const), first: fc.nat(99), length: fc.integer({ min: 1, max: 20 }) }),
      fc.record({ kind: fc.constant('settle' as const), by: fc.nat(4) }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), fc.nat(99), fc.nat(30), (actions, first, length) => {
        const pending = new Pending();
        const model = new Map<number, number>();
        let [count, settled] = [0, 0];
        for (const one of actions) {
          if (one.kind === 'settle') {
            settled = Math.min(count, settled + one.by);
            pending.settled(settled);
            for (const [chunk, needs] of model) if (needs <= settled) model.delete(chunk);
            continue;
          }
          count++;
          for (let chunk = one.first; chunk < one.first + one.length; chunk++) model.set(chunk, count);
          if (one.length === 1) pending.add(one.first, count);
          else pending.addRun(one.first, one.first + one.length, count);
        }
        assert.equal(pending.isEmpty, model.size === 0);
        const touched = [...model.keys()].some((chunk) => chunk >= first && chunk < first + length);
        assert.equal(pending.touches(first, first + length), touched);
      }),
    );
  });

  it('are no fewer when there are too many to tell apart', () => {
    const pending = new Pending();
    for (let i = 0; i < 70_000; i++) pending.add(i * 3, 1);
    for (let i = 0; i < 200; i++) pending.addRun(1_000_000 + i * 10, 1_000_000 + i * 10 + 5, 2);
    for (let i = 0; i < 70_000; i += 999) assert.ok(pending.touches(i * 3, i * 3 + 1));
    for (let i = 0; i < 200; i++) assert.ok(pending.touches(1_000_000 + i * 10, 1_000_001 + i * 10));
    pending.settled(2);
    assert.ok(pending.isEmpty);
  });

  it('are those of the record that were marked since its last sync, or all once a sync has failed', async () => {
    const storage = new MemoryStorage();
    const marks = await Marks.open(storage, new Uint8Array(0), KEEPING);
    assert.ok(marks.durable(0, Number.MAX_SAFE_INTEGER));
    marks.clear(marks.candidates(marks.below(0), true), marks.below(0));
    marks.mark(5 * 512, 512);
    assert.deepEqual([marks.durable(5 * 512, 1), marks.durable(6 * 512, 512)], [false, true]);
    await marks.sync();
    marks.mark(5 * 512, 512);
    assert.equal(marks.durable(5 * 512, 1), true);
    storage.sick = true;
    marks.mark(7 * 512, 512);
    await assert.rejects(marks.sync());
    assert.equal(marks.durable(5 * 512, 1), false);
    storage.sick = false;
    await marks.sync();
    assert.equal(marks.durable(0, Number.MAX_SAFE_INTEGER), true);
    marks.resize(120 * 512);
    assert.equal(marks.durable(0, 512), false);
  });
});
