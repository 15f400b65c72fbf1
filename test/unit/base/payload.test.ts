import assert from 'node:assert/strict';
import fc from 'fast-check';
import { copyOf } from '../../../src/base/bytes.ts';
import { isFill, isOr, orInto } from '../../../src/base/payload.ts';

describe('B3 payloads', () => {
  it('are told from one another, arrays too', () => {
    const all = [[new Uint8Array(1)], { fill: new Uint8Array(1) }, { or: [] }, 'zeros', 'lbnOnly'] as const;
    assert.deepEqual(all.map(isFill), [false, true, false, false, false]);
    assert.deepEqual(all.map(isOr), [false, false, true, false, false]);
  });

  it('are ORed from any byte on, whatever the parts (SBC-4 section 4.27.4)', () => {
    const parts = fc.array(fc.uint8Array({ maxLength: 9 }), { maxLength: 6 });
    fc.assert(
      fc.property(parts, fc.uint8Array({ maxLength: 40 }), fc.nat({ max: 40 }), (parts, before, from) => {
        const run = Buffer.concat(parts);
        const target = copyOf(before, 0, Math.max(0, run.length - from));
        const expected = target.map((byte, i) => byte | run[from + i]);
        orInto(target, parts, from);
        assert.deepEqual(target, expected);
      }),
    );
    assert.throws(() => orInto(new Uint8Array(3), [new Uint8Array(2)], 0), { blame: 'bug' });
  });
});
