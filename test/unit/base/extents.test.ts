import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Extents } from '../../../src/base/extents.ts';
import { Fault } from '../../../src/base/fault.ts';

const SPACE = 64;
const range = fc
  .tuple(fc.nat(SPACE), fc.nat(SPACE))
  .map(([a, b]): [number, number] => [Math.min(a, b), Math.max(a, b)]);
const operations = fc.array(fc.record({ add: fc.boolean(), range }), { maxLength: 60 });

function members(set: Extents): Set<number> {
  const out = new Set<number>();
  for (const [start, length] of set.toRanges()) for (let i = start; i < start + length; i++) out.add(i);
  return out;
}

function assertWellFormed(set: Extents): void {
  let before = -1;
  let total = 0;
  for (const [start, length] of set.toRanges()) {
    assert.ok(start > before || (before === -1 && start === 0), 'sorted and not touching');
    assert.ok(length > 0);
    before = start + length;
    total += length;
  }
  assert.equal(set.total, total);
  assert.equal(set.count, set.toRanges().length);
  assert.equal(set.isEmpty, total === 0);
}

describe('Extents', () => {
  it('equals a plain set of integers after any adds and removes', () => {
    fc.assert(
      fc.property(operations, range, (steps, [qs, qe]) => {
        const set = new Extents();
        const model = new Set<number>();
        for (const {
          add,
          range: [start, end],
        } of steps) {
          if (add) set.add(start, end);
          else set.remove(start, end);
          for (let i = start; i < end; i++) {
            if (add) model.add(i);
            else model.delete(i);
          }
          assertWellFormed(set);
        }
        assert.deepEqual(members(set), model);
        const asked = Array.from({ length: qe - qs }, (_, i) => qs + i);
        assert.equal(
          set.covers(qs, qe),
          asked.every((i) => model.has(i)),
        );
        assert.equal(
          set.intersects(qs, qe),
          asked.some((i) => model.has(i)),
        );
        const inside: number[] = [];
        set.forEachIn(qs, qe, (s, e) => {
          assert.ok(s < e);
          for (let i = s; i < e; i++) inside.push(i);
        });
        assert.deepEqual(
          inside,
          asked.filter((i) => model.has(i)),
        );
        const outside: number[] = [];
        set.gaps(qs, qe, (s, e) => {
          assert.ok(s < e);
          for (let i = s; i < e; i++) outside.push(i);
        });
        assert.deepEqual(
          outside,
          asked.filter((i) => !model.has(i)),
        );
        const lowest = model.size === 0 ? undefined : Math.min(...model);
        assert.equal(set.first()?.[0], lowest);
        assert.equal(set.last()?.[1], model.size === 0 ? undefined : Math.max(...model) + 1);
      }),
    );
  });

  it('with a limit never has more ranges, and never covers less than was added', () => {
    fc.assert(
      fc.property(operations, fc.integer({ min: 1, max: 20 }), (steps, limit) => {
        const set = new Extents(limit);
        const model = new Set<number>();
        for (const {
          add,
          range: [start, end],
        } of steps) {
          if (add) set.add(start, end);
          else set.remove(start, end);
          for (let i = start; i < end; i++) {
            if (add) model.add(i);
            else model.delete(i);
          }
          assertWellFormed(set);
          assert.ok(set.count <= limit);
          const held = members(set);
          for (const i of model) assert.ok(held.has(i));
        }
      }),
    );
  });

  it('merges across the smallest gap when the limit is exceeded', () => {
    const set = new Extents(3);
    set.add(0, 10);
    set.add(100, 110);
    set.add(112, 120);
    set.add(500, 510);
    assert.deepEqual(set.toRanges(), [
      [0, 10],
      [100, 20],
      [500, 10],
    ]);
  });

  it('keeps up with many scattered ranges under a limit', () => {
    const set = new Extents(1024);
    for (let i = 0; i < 50_000; i++) set.add((i * 7919) % 1_000_003, ((i * 7919) % 1_000_003) + 1);
    assert.ok(set.count <= 1024);
    assert.ok(set.count > 512, 'a limit is not undershot by more than it must be');
  });

  it('works up to 2^53-1 and refuses what is not a range', () => {
    const set = new Extents();
    set.add(Number.MAX_SAFE_INTEGER - 1, Number.MAX_SAFE_INTEGER);
    assert.deepEqual(set.toRanges(), [[Number.MAX_SAFE_INTEGER - 1, 1]]);
    for (const [start, end] of [
      [-1, 1],
      [2, 1],
      [0.5, 1],
      [0, Number.MAX_SAFE_INTEGER + 1],
      [Number.NaN, 1],
    ] as const) {
      assert.throws(() => set.add(start, end), Fault);
      assert.throws(() => set.remove(start, end), Fault);
      assert.throws(() => set.covers(start, end), Fault);
    }
    assert.throws(() => new Extents(0), Fault);
  });

  it('clones and clears independently', () => {
    const set = new Extents();
    set.add(1, 3);
    const copy = set.clone();
    set.clear();
    assert.ok(set.isEmpty);
    assert.deepEqual(copy.toRanges(), [[1, 2]]);
  });
});
