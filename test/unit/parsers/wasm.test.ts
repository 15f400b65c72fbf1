import assert from 'node:assert/strict';
import { CrcFold } from '../../../parsers/iscsi/crc32cFold.ts';
import { VectorSum } from '../../../parsers/net/checksumVectors.ts';

describe('functions in WebAssembly', () => {
  it('are there on this machine, and done without where there are none', () => {
    assert.ok(VectorSum.make() && CrcFold.make());
    const before = Object.getOwnPropertyDescriptor(globalThis, 'WebAssembly');
    assert.ok(before);
    Object.defineProperty(globalThis, 'WebAssembly', { ...before, value: undefined });
    try {
      assert.equal(VectorSum.make(), undefined);
      assert.equal(CrcFold.make(), undefined);
    } finally {
      Object.defineProperty(globalThis, 'WebAssembly', before);
    }
  });
});
