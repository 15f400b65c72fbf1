import assert from 'node:assert/strict';
import { Unresolved } from '../../../src/record/unresolved.ts';

describe('B6 Unresolved', () => {
  it('rounds doubt outwards and proof inwards to whole blocks', () => {
    const record = new Unresolved();
    record.blockSize = 4096;
    record.add(5000, 1, 'hole');
    assert.deepEqual(record.below(1 << 20).toRanges(), [[4096, 4096]]);
    record.clear(4096, 4095);
    assert.equal(record.isEmpty, false, 'a part of a block proves nothing of the rest');
    record.clear(4000, 5000);
    assert.equal(record.isEmpty, true);
  });

  it('keeps a LU of unknown capacity in doubt whole until the capacity cuts it', () => {
    const record = new Unresolved();
    record.addWhole('lost-command');
    record.clear(0, 1024);
    assert.deepEqual(record.below(4096).toRanges(), [[1024, 3072]]);
    assert.equal(record.namedEnd, 1024);
    record.add(8192, 512, 'hole');
    assert.equal(record.namedEnd, 8704);
    assert.equal(record.intersects(512, 1024), false);
    assert.equal(record.intersects(512, 1025), true);
  });

  it('keeps the reasons apart and clears all of them', () => {
    const record = new Unresolved();
    record.add(0, 1024, 'hole');
    record.add(512, 1024, 'aborted');
    const seen: unknown[] = [];
    record.forEachBelow(1024, (...range) => seen.push(range));
    assert.deepEqual(seen, [
      ['hole', 0, 1024],
      ['aborted', 512, 1024],
    ]);
    record.clear(512, 512);
    assert.deepEqual(record.below(4096).toRanges(), [
      [0, 512],
      [1024, 512],
    ]);
  });

  it('stays within its bound and then covers more, never less', () => {
    const record = new Unresolved(8);
    for (let i = 0; i < 1000; i++) record.add(i * 2048, 512, 'hole');
    assert.ok(record.below(1 << 30).count <= 8);
    for (let i = 0; i < 1000; i++) assert.ok(record.intersects(i * 2048, i * 2048 + 512));
  });
});
