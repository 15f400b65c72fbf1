import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RECORD_PAGE_BITS, readBitmapPage } from '../../../parsers/formats/recordPage.ts';
import { isParseFault } from '../../../src/base/fault.ts';
import { Bitmap, MASK_BYTES, PageMask } from '../../../src/record/bitmap.ts';
import { chunksOf, geometryOf, refit } from '../../../src/record/geometry.ts';

const CHUNKS = 2 * RECORD_PAGE_BITS + 1003;
/** Chunks near the ends of pages and of the bitmap, where mistakes are. */
const chunk = fc
  .tuple(fc.constantFrom(0, RECORD_PAGE_BITS, 2 * RECORD_PAGE_BITS, CHUNKS - 1), fc.integer({ min: -40, max: 40 }))
  .map(([at, near]) => Math.min(Math.max(at + near, 0), CHUNKS - 1));

function runsOf(bitmap: Bitmap): [number, number][] {
  const runs: [number, number][] = [];
  bitmap.forEachRun((first, end) => void runs.push([first, end]));
  return runs;
}

function modelRuns(model: Uint8Array): [number, number][] {
  const runs: [number, number][] = [];
  for (let i = model.indexOf(1); i >= 0; ) {
    const zero = model.indexOf(0, i);
    const end = zero < 0 ? model.length : zero;
    runs.push([i, end]);
    i = zero < 0 ? -1 : model.indexOf(1, end);
  }
  return runs;
}

describe('Bitmap', () => {
  it('marks and clears as a plain array does, with every page ready to be written', () =>
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom('set', 'fill', 'clear'), chunk, chunk)), (steps) => {
        const bitmap = new Bitmap(CHUNKS, 5);
        const model = new Uint8Array(CHUNKS);
        for (const [step, one, other] of steps) {
          const [first, end] = [Math.min(one, other), Math.max(one, other)];
          if (step === 'set') {
            assert.equal(bitmap.set(one), model[one] === 0);
            model[one] = 1;
          } else if (step === 'fill') {
            const before = model.subarray(first, end).filter((bit) => bit === 0).length;
            assert.equal(bitmap.fill(first, end), before);
            model.fill(1, first, end);
          } else {
            const page = Math.floor(one / RECORD_PAGE_BITS);
            const mask = new PageMask();
            for (let bit = 3; bit < RECORD_PAGE_BITS; bit += 7) mask.bytes[bit >> 3] |= 1 << (bit & 7);
            bitmap.clear(page, mask);
            const base = page * RECORD_PAGE_BITS;
            for (let bit = 3; bit < RECORD_PAGE_BITS && base + bit < CHUNKS; bit += 7) model[base + bit] = 0;
          }
          assert.equal(bitmap.has(one), model[one] === 1);
        }
        assert.deepEqual(runsOf(bitmap), modelRuns(model));
        assert.equal(bitmap.marked, model.filter((bit) => bit === 1).length);
        const read = new Bitmap(CHUNKS, 6);
        bitmap.pages.forEach((page, i) => {
          const bits = readBitmapPage(page, i + 1, 5);
          assert.ok(!isParseFault(bits));
          read.load(i, bits);
          assert.equal(read.markedIn(i), bitmap.markedIn(i));
        });
        assert.deepEqual(runsOf(read), runsOf(bitmap));
      }),
      { numRuns: 60 },
    ));

  it('names a page as dirty once, however much of it changed', () => {
    const bitmap = new Bitmap(CHUNKS, 1);
    bitmap.set(1);
    bitmap.set(2);
    bitmap.fill(10, RECORD_PAGE_BITS + 1);
    bitmap.set(1);
    assert.deepEqual(bitmap.dirty, [0, 1]);
    bitmap.written();
    assert.deepEqual(bitmap.dirty, [0]);
    bitmap.set(RECORD_PAGE_BITS + 2);
    assert.deepEqual(bitmap.dirty, [0, 1]);
  });

  it('believes no bit beyond its chunks', () => {
    const bitmap = new Bitmap(13, 1);
    bitmap.load(0, new Uint8Array(MASK_BYTES).fill(255));
    assert.equal(bitmap.marked, 13);
    assert.deepEqual(runsOf(bitmap), [[0, 13]]);
  });
});

describe('geometry of a record', () => {
  it('takes larger chunks where the bits would exceed 4 MiB', () => {
    assert.equal(geometryOf(2 * 2 ** 40, 65_536).chunkBytes, 65_536);
    assert.equal(geometryOf(2 * 2 ** 40 + 1, 65_536).chunkBytes, 131_072);
    assert.equal(geometryOf(64 * 2 ** 40, 65_536).chunkBytes, 2 * 1024 * 1024);
    assert.equal(geometryOf(Number.MAX_SAFE_INTEGER, 512).chunkBytes, 2 ** 28);
    for (const wrong of [0, 256, 65_535, 2 ** 32, Number.NaN]) assert.throws(() => geometryOf(1, wrong), /chunk/);
  });

  it('covers in another geometry all that was marked, what the volume grew by, and nothing far from it', () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 9, max: 13 }),
        fc.integer({ min: 9, max: 13 }),
        fc.nat(200_000),
        fc.nat(200_000),
        fc.array(fc.nat(200_000), { maxLength: 20 }),
        (oldPower, newPower, oldBytes, newBytes, marks) => {
          const from = geometryOf(oldBytes, 2 ** oldPower);
          const to = geometryOf(newBytes, 2 ** newPower);
          const old = new Bitmap(chunksOf(from), 1);
          for (const at of marks) if (at < oldBytes) old.set(Math.floor(at / from.chunkBytes));
          const fitted = refit(old, from, to, 2);
          for (let c = 0; c < fitted.chunks; c++) {
            const [start, end] = [c * to.chunkBytes, (c + 1) * to.chunkBytes];
            let expected = newBytes > oldBytes && end > oldBytes;
            for (let at = start; at < Math.min(end, oldBytes); at += 512) {
              expected ||= old.has(Math.floor(at / from.chunkBytes));
            }
            assert.equal(fitted.has(c), expected, `chunk ${c}`);
          }
        },
      ),
      { numRuns: 200 },
    ));
});
