import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Sequence } from '../../../src/stat/sequence.ts';

describe('H3 sequentiality', () => {
  it('counts commands that begin where an earlier one ended', () => {
    const sequence = new Sequence();
    for (const [frame, lbn] of [
      [1, 0],
      [2, 8],
      [3, 100],
      [4, 108],
      [5, 0],
    ]) {
      sequence.record(frame, lbn, 8);
    }
    assert.equal(sequence.sequential, 2);
    assert.equal(sequence.share, 0.4);
  });

  it('does not take a backward run for a sequential one', () => {
    const sequence = new Sequence();
    for (let i = 0; i < 10; i++) sequence.record(i + 1, (9 - i) * 8, 8);
    assert.equal(sequence.sequential, 0);
  });

  it('finds a run whatever the order in which up to 16 of its commands end', () => {
    const frames = Array.from({ length: 16 }, (_, i) => i);
    fc.assert(
      fc.property(fc.shuffledSubarray(frames, { minLength: 16, maxLength: 16 }), (order) => {
        const sequence = new Sequence();
        for (const i of order) sequence.record(i + 1, i * 8, 8);
        assert.equal(sequence.sequential, 15);
      }),
    );
  });

  it('has no share without commands', () => {
    assert.equal(new Sequence().share, undefined);
  });
});
