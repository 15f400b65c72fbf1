import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Settle } from '../../../../src/snoop/parallel/settle.ts';

function settled(steps: readonly (readonly [time: number, word: number])[]): [number, number][] {
  const out: [number, number][] = [];
  const settle = new Settle((time, word) => void out.push([time, word]));
  for (const [time, word] of steps) settle.push(time, word);
  settle.flush();
  return out;
}

describe('glitches of a parallel bus', () => {
  it('takes out a pulse that is shorter than any assertion (SPI-5 section 9.1)', () => {
    const steps = [
      [0, 0],
      [100, 1],
      [125, 0],
      [300, 2],
    ] as const;
    assert.deepEqual(settled(steps), [
      [0, 0],
      [300, 2],
    ]);
  });

  it('leaves the other lines of the same sample alone', () => {
    const steps = [
      [0, 0],
      [100, 5],
      [110, 4],
    ] as const;
    assert.deepEqual(settled(steps), [
      [0, 0],
      [100, 4],
    ]);
  });

  it('takes an edge with a dip behind it as the edge after the dip', () => {
    const steps = [
      [0, 0],
      [100, 1],
      [110, 0],
      [120, 1],
    ] as const;
    assert.deepEqual(settled(steps), [
      [0, 0],
      [120, 1],
    ]);
  });

  it('leaves edges of lines that rest for longer where they were', () => {
    const slow = fc.array(fc.tuple(fc.integer({ min: 28, max: 200 }), fc.integer({ min: 0, max: 0x7ffffff })), {
      minLength: 1,
      maxLength: 200,
    });
    fc.assert(
      fc.property(slow, (gaps) => {
        let time = 0;
        let last = -1;
        const steps: [number, number][] = [];
        for (const [gap, word] of gaps) {
          time += gap;
          if (word !== last) steps.push([time, word]);
          last = word;
        }
        assert.deepEqual(settled(steps), steps);
      }),
    );
  });
});
