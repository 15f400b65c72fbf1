import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Ages } from '../../../../src/unit/mirror/lag.ts';

describe('H2 the recovery point of a mirror', () => {
  it('is nothing while nothing is outstanding', () => {
    const ages = new Ages();
    assert.equal(ages.ageMs(0, 5), 0);
    ages.look(10, 100);
    assert.equal(ages.ageMs(10, 5000), 0);
  });

  it('is never younger than the oldest outstanding entry, and at most two looks older', () => {
    const step = fc.record({ ms: fc.integer({ min: 1, max: 900 }), entries: fc.integer({ min: 0, max: 5 }) });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), fc.nat(), (steps, pick) => {
        const ages = new Ages();
        const came: number[] = [];
        let now = 0;
        ages.look(0, now);
        for (const { ms, entries } of steps) {
          now += ms;
          for (let i = 0; i < entries; i++) came.push(now);
          ages.look(came.length, now);
        }
        const position = came.length === 0 ? 0 : pick % (came.length + 1);
        const age = ages.ageMs(position, now);
        if (position === came.length) assert.equal(age, 0);
        else {
          assert.ok(age >= now - came[position], `${age} for one that came at ${came[position]}, now ${now}`);
          assert.ok(age <= now - came[position] + 2000);
        }
      }),
    );
  });

  it('does not grow without end', () => {
    const ages = new Ages();
    for (let second = 0; second < 10_000; second++) ages.look(second + 1, second * 1000);
    // What is older than all looks is as old as the oldest of them.
    assert.equal(ages.ageMs(0, 10_000_000), 10_000_000 - 6400 * 1000);
  });
});
