import assert from 'node:assert/strict';
import fc from 'fast-check';
import { luStateBytes, readLuState } from '../../../../parsers/formats/luState.ts';
import { isParseFault } from '../../../../src/base/fault.ts';

const bytes = fc.uint8Array({ maxLength: 300 });
const state = fc.record(
  { id: fc.uuid(), reservations: bytes, modes: bytes },
  { requiredKeys: ['id'], noNullPrototype: true },
);

describe('A5 the state of a logical unit', () => {
  it('reads what it wrote', () => {
    fc.assert(fc.property(state, (one) => assert.deepEqual(readLuState(luStateBytes(one)), one)));
  });

  it('believes nothing that is cut, longer, or has a byte turned', () => {
    fc.assert(
      fc.property(state, fc.nat(), fc.integer({ min: 1, max: 255 }), (one, where, turn) => {
        const file = luStateBytes(one);
        const at = where % file.length;
        assert.ok(isParseFault(readLuState(file.subarray(0, at))));
        assert.ok(isParseFault(readLuState(Uint8Array.of(...file, turn))));
        file[at] ^= turn;
        assert.ok(isParseFault(readLuState(file)));
      }),
    );
  });
});
