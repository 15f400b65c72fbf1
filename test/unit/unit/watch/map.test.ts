import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Extents } from '../../../../src/base/extents.ts';
import { mapOf } from '../../../../src/unit/watch/map.ts';
import { Heat, MAP_BINS } from '../../../../src/unit/watch/mapHeat.ts';

const MIB = 1 << 20;

describe('H4 the map of a volume', () => {
  it('has every byte that was written lately in its bin, wherever it lies', () => {
    const writes = fc.array(fc.tuple(fc.nat(64 * MIB), fc.integer({ min: 1, max: 3 * MIB })), { maxLength: 40 });
    fc.assert(
      fc.property(writes, (all) => {
        const heat = new Heat();
        for (const [offset, length] of all) heat.add(offset, length);
        const bytes = 128 * MIB;
        const { hot, binBytes } = mapOf({ lu: 'a/0', blockSize: 512, bytes, heat, mirrors: [] });
        assert.equal(hot.length, MAP_BINS);
        const model = new Array<number>(hot.length).fill(0);
        for (const [offset, length] of all) {
          for (let at = offset; at < offset + length; at += 1 << 12) {
            const end = Math.min(offset + length, at - (at % (1 << 12)) + (1 << 12));
            model[Math.floor(at / binBytes)] += end - at;
            at -= at % (1 << 12);
          }
        }
        assert.deepEqual(hot, model);
        assert.equal(
          heat.bytes,
          all.reduce((sum, [, length]) => sum + length, 0),
        );
      }),
      { numRuns: 40 },
    );
  });

  it('lets what was written cool: half after a minute, for ever so long', () => {
    const heat = new Heat();
    heat.look(0);
    heat.add(0, 4096);
    const warm = (): number => {
      let found = 0;
      heat.forEach((_, bytes) => {
        found += bytes;
      });
      return Math.round(found);
    };
    heat.look(60_000);
    assert.equal(warm(), 2048);
    heat.add(8192, 4096);
    assert.equal(warm(), 6144);
    for (let minute = 2; minute < 200; minute++) heat.look(minute * 60_000);
    assert.equal(warm(), 0);
    heat.add(0, 100);
    assert.equal(warm(), 100);
  });

  it('takes writes at the end of what a number can tell', () => {
    const heat = new Heat();
    heat.add(2 ** 52, 4096);
    assert.ok(heat.binBytes * MAP_BINS >= 2 ** 52 + 4096);
  });

  it('has what is marked and what is unresolved, cut at the end of the volume', () => {
    const dirty = new Extents();
    dirty.add(4096, 12_288);
    dirty.add(MIB - 512, Number.MAX_SAFE_INTEGER);
    const unresolved = new Extents();
    unresolved.add(0, 1);
    const map = mapOf({ lu: 'a/0', blockSize: 512, bytes: MIB, mirrors: [{ to: 'file:a', dirty, unresolved }] });
    assert.equal(map.binBytes, 4096);
    const [{ dirty: bins, unresolved: left }] = map.mirrors;
    assert.deepEqual([bins.length, bins[0], bins[1], bins[2], bins[3], bins.at(-1)], [256, 0, 4096, 4096, 0, 512]);
    assert.deepEqual([left[0], left[1]], [1, 0]);
  });
});
