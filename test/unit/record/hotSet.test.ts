import assert from 'node:assert/strict';
import fc from 'fast-check';
import { HotSet } from '../../../src/record/hotSet.ts';

describe('HotSet', () => {
  it('keeps what was used last, as a plain list does', () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 70 }),
        fc.array(fc.tuple(fc.constantFrom('use', 'use', 'use', 'delete', 'clear'), fc.nat(100)), { maxLength: 400 }),
        (capacity, steps) => {
          const hot = new HotSet(capacity);
          let model: number[] = [];
          for (const [step, chunk] of steps) {
            if (step === 'clear' && chunk === 0) {
              hot.clear();
              model = [];
            } else if (step === 'delete') {
              hot.delete(chunk);
              model = model.filter((one) => one !== chunk);
            } else {
              const had = model.includes(chunk);
              assert.equal(hot.touch(chunk), had);
              model = [chunk, ...model.filter((one) => one !== chunk)];
              const fallen = model.length > capacity ? (model.pop() as number) : -1;
              if (!had) assert.equal(hot.add(chunk), fallen);
            }
            assert.equal(hot.size, model.length);
            assert.equal(hot.newest, model[0] ?? -1);
            assert.equal(hot.has(chunk), model.includes(chunk));
          }
          const all: number[] = [];
          hot.forEach((chunk) => void all.push(chunk));
          assert.deepEqual(
            all.sort((a, b) => a - b),
            model.sort((a, b) => a - b),
          );
        },
      ),
    ));
});
