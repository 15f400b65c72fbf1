import assert from 'node:assert/strict';
import fc from 'fast-check';
import { READ, WRITE } from '../../../src/stat/natures.ts';
import { Regions } from '../../../src/stat/regions.ts';

describe('H3 hot regions', () => {
  it('counts a command where it begins and its blocks where they lie', () => {
    const regions = new Regions(4);
    regions.record(READ, 60, 8);
    regions.record(READ, 64, 1);
    regions.record(WRITE, 0, 1);
    const { regionBlocks, byReads, byWrites, map } = regions.snapshot();
    assert.equal(regionBlocks, 64);
    assert.deepEqual(byReads, [
      { lbn: 0, reads: 1, writes: 1, blocksRead: 4, blocksWritten: 1 },
      { lbn: 64, reads: 1, writes: 0, blocksRead: 5, blocksWritten: 0 },
    ]);
    assert.deepEqual(
      byWrites.map(({ lbn }) => lbn),
      [0],
    );
    assert.deepEqual(map, { blocksRead: [4, 5], blocksWritten: [1, 0] });
  });

  it('doubles its regions for an LBN beyond the last one', () => {
    const regions = new Regions(2);
    regions.record(READ, 0, 1);
    regions.record(READ, 100, 1);
    regions.record(READ, 1000, 24);
    const { regionBlocks, byReads } = regions.snapshot();
    assert.equal(regionBlocks, 512);
    assert.deepEqual(
      byReads.map(({ lbn, reads, blocksRead }) => [lbn, reads, blocksRead]),
      [
        [0, 2, 2],
        [512, 1, 24],
      ],
    );
  });

  it('keeps every command and block of any traffic, the most read first', () => {
    const extent = fc.tuple(
      fc.oneof(fc.nat(1000), fc.nat(2 ** 31 - 1), fc.maxSafeNat()),
      fc.integer({ min: 1, max: 2 ** 20 }),
    );
    fc.assert(
      fc.property(fc.array(extent, { maxLength: 50 }), (list) => {
        const regions = new Regions(16);
        for (const [lbn, blocks] of list) regions.record(READ, Math.min(lbn, 2 ** 53 - 2 ** 21), blocks);
        const { byReads, map } = regions.snapshot(16);
        assert.equal(
          byReads.reduce((sum, { reads }) => sum + reads, 0),
          list.length,
        );
        assert.equal(
          map.blocksRead.reduce((sum, blocks) => sum + blocks, 0),
          list.reduce((sum, [, blocks]) => sum + blocks, 0),
        );
        assert.deepEqual(
          byReads.map(({ reads }) => reads),
          byReads.map(({ reads }) => reads).sort((a, b) => b - a),
        );
      }),
    );
  });
});
