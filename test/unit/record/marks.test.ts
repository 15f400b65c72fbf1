import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RECORD_PAGE_BITS } from '../../../parsers/formats/recordPage.ts';
import { copyOf } from '../../../src/base/bytes.ts';
import { Extents } from '../../../src/base/extents.ts';
import { Fault } from '../../../src/base/fault.ts';
import type { ClearTicket, RecordReset } from '../../../src/base/record.ts';
import { Marks } from '../../../src/record/marks.ts';
import type { Keeping } from '../../../src/record/stored.ts';
import { KEEPING, MemoryStorage, OTHER_BOOT } from './memoryStorage.ts';

const CHUNK = 512;
const NONE = new Extents();

function extents(...ranges: [number, number][]): Extents {
  const set = new Extents();
  for (const [start, length] of ranges) set.add(start, start + length);
  return set;
}

/** A record that was opened for the first time and cleared: nothing is marked. */
async function emptyRecord(keeping: Keeping = KEEPING): Promise<{ storage: MemoryStorage; marks: Marks }> {
  const storage = new MemoryStorage();
  const marks = await Marks.open(storage, new Uint8Array(0), keeping);
  marks.clear(marks.candidates(NONE, true), NONE);
  return { storage, marks };
}

function reopened(storage: MemoryStorage, keeping: Partial<Keeping> = {}): Promise<Marks> {
  return Marks.open(new MemoryStorage(), storage.after(), { ...KEEPING, ...keeping });
}

function chunksIn(marks: Marks, limit = 100 * CHUNK): number[] {
  const chunks: number[] = [];
  for (const [start, length] of marks.below(limit).toRanges()) {
    for (let at = start; at < start + length; at += CHUNK) chunks.push(at / CHUNK);
  }
  return chunks;
}

describe('B7 Marks', () => {
  it('begins with everything marked when there was no record', async () => {
    const storage = new MemoryStorage();
    const marks = await Marks.open(storage, new Uint8Array(0), KEEPING);
    assert.equal(marks.reset, 'new');
    assert.equal(marks.marked, 100);
    assert.equal(marks.excess, 100);
    assert.deepEqual(marks.below(1e9).toRanges(), [[0, 100 * CHUNK]]);
    assert.equal((await reopened(storage)).reset, undefined);
  });

  it('marks and clears as a plain set with a plain list of the hottest does', () => {
    // Mostly a few chunks, so that they are met again and again.
    const offset = fc.oneof({ weight: 3, arbitrary: fc.nat(9 * CHUNK) }, fc.nat(102 * CHUNK));
    const length = fc.oneof(fc.nat(3 * CHUNK), fc.constantFrom(0, 1, CHUNK, 100 * CHUNK, Number.MAX_SAFE_INTEGER));
    const needed = fc.array(fc.tuple(fc.nat(99 * CHUNK), fc.integer({ min: 1, max: 2 * CHUNK })), { maxLength: 4 });
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ kind: fc.constant('mark' as const), offset, length }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('ask' as const), needed, all: fc.boolean() }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('clear' as const), needed, old: fc.boolean() }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('all' as const, 'reopen' as const) }) },
    );
    return fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        let { storage, marks } = await emptyRecord();
        const model = new Set<number>();
        let hot: number[] = [];
        let asked: Set<number> | undefined;
        let tickets: ClearTicket[] = [];
        const touches = (ranges: [number, number][], chunk: number): boolean =>
          ranges.some(([start, size]) => start < (chunk + 1) * CHUNK && start + size > chunk * CHUNK);
        for (const one of steps) {
          if (one.kind === 'mark') {
            marks.mark(one.offset, one.length);
            const end = Math.min(one.offset + one.length, 100 * CHUNK);
            for (let c = Math.floor(one.offset / CHUNK); one.length > 0 && c * CHUNK < end; c++) {
              model.add(c);
              asked?.delete(c);
              hot = [c, ...hot.filter((other) => other !== c)].slice(0, 4);
            }
          } else if (one.kind === 'ask') {
            const ticket = marks.candidates(extents(...one.needed), one.all);
            asked = new Set([...model].filter((c) => !touches(one.needed, c) && (one.all || !hot.includes(c))));
            assert.equal(ticket.chunks, asked.size);
            tickets.push(ticket);
          } else if (one.kind === 'clear') {
            const ticket = one.old ? tickets.shift() : tickets.pop();
            const newest = ticket !== undefined && (!one.old || tickets.length === 0);
            if (ticket) marks.clear(ticket, extents(...one.needed));
            if (newest && asked) for (const c of asked) if (!touches(one.needed, c)) model.delete(c);
            if (newest) asked = undefined;
            hot = hot.filter((c) => model.has(c));
          } else if (one.kind === 'all') {
            marks.markAll();
            for (let c = 0; c < 100; c++) model.add(c);
            asked?.clear();
          } else {
            const bytes = storage.after();
            storage = new MemoryStorage();
            marks = await Marks.open(storage, bytes, KEEPING);
            storage.log.unshift({ index: 1, bytes: copyOf(bytes, 4096) });
            hot = [];
            asked = undefined;
            tickets = [];
          }
          const expected = [...model].sort((a, b) => a - b);
          assert.deepEqual(chunksIn(marks), expected);
          assert.equal(marks.marked, expected.length);
          assert.equal(marks.excess, expected.length - hot.length);
          assert.deepEqual(chunksIn(await reopened(storage)), expected);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('writes nothing for what is marked already, and each page once for many chunks', async () => {
    const { storage, marks } = await emptyRecord({ ...KEEPING, bytes: 3 * RECORD_PAGE_BITS * CHUNK });
    const before = storage.log.length;
    marks.mark(5 * CHUNK, 1);
    marks.mark(5 * CHUNK + 7, 100);
    assert.deepEqual(
      storage.log.slice(before).map(({ index }) => index),
      [1],
    );
    marks.mark((RECORD_PAGE_BITS - 3) * CHUNK, 6 * CHUNK);
    assert.deepEqual(
      storage.log
        .slice(before + 1)
        .map(({ index }) => index)
        .sort(),
      [1, 2],
    );
    marks.hold(0, 1);
    marks.hold(9 * CHUNK, 1);
    assert.equal(storage.log.length, before + 3);
    marks.write();
    assert.equal(storage.log.length, before + 4);
  });

  it('clears many chunks of a page with one write', async () => {
    const { storage, marks } = await emptyRecord();
    for (let c = 0; c < 60; c += 2) marks.mark(c * CHUNK, 1);
    const before = storage.log.length;
    const ticket = marks.candidates(NONE, false);
    assert.equal(ticket.chunks, 26);
    marks.clear(ticket, NONE);
    assert.equal(storage.log.length, before + 1);
    assert.deepEqual(chunksIn(marks), [52, 54, 56, 58]);
  });

  it('does not let a long run drive out what hosts write again and again', async () => {
    const { marks } = await emptyRecord({ ...KEEPING, bytes: 1000 * CHUNK });
    marks.mark(3 * CHUNK, 1);
    marks.mark(0, 1000 * CHUNK);
    marks.clear(marks.candidates(NONE, false), NONE);
    assert.deepEqual(chunksIn(marks, 1000 * CHUNK), [3]);
  });

  it('syncs only when a mark was added since, and shares nothing with one that came too early', async () => {
    const { storage, marks } = await emptyRecord();
    const before = storage.syncedAt.length;
    await marks.sync();
    assert.equal(storage.syncedAt.length, before, 'clearing needs no sync');
    marks.mark(0, 1);
    await marks.sync();
    marks.mark(0, 1);
    await marks.sync();
    assert.equal(storage.syncedAt.length, before + 1);
    marks.mark(9 * CHUNK, 1);
    const early = marks.sync();
    marks.mark(20 * CHUNK, 1);
    await early;
    await marks.sync();
    assert.equal(storage.syncedAt.length, before + 3);
    assert.equal(storage.syncedAt.at(-1), storage.log.length);
  });

  describe('believes what was stored', () => {
    const attempts: [string, Partial<Keeping>, Partial<Keeping>, boolean | undefined, RecordReset | undefined][] = [
      ['after a kill', {}, {}, undefined, undefined],
      ['after a kill, not after a power loss', {}, { bootId: OTHER_BOOT }, undefined, 'power-loss'],
      ['not when the boot cannot be told', { bootId: undefined }, { bootId: undefined }, undefined, 'power-loss'],
      ['after a clean end, whatever came between', {}, { bootId: OTHER_BOOT }, true, undefined],
      ['after an end that was not clean as after a kill', {}, { bootId: OTHER_BOOT }, false, 'power-loss'],
      ['after a power loss, when hosts waited for it', { synced: true }, { bootId: OTHER_BOOT }, undefined, undefined],
      ['not for another LU', {}, { lu: 'iqn.x:y/2' }, true, 'other-volume'],
      ['not for another mirror', {}, { mirrorId: 'other' }, true, 'other-volume'],
      ['not for another first volume', {}, { firstId: 'other' }, true, 'other-volume'],
      ['for media that do not answer yet', {}, { firstId: undefined, mirrorId: undefined }, undefined, undefined],
      ['not when a tap opens it', {}, { looking: false }, true, 'not-looking'],
      ['not when a tap kept it', { looking: false }, {}, true, 'not-looking'],
    ];
    for (const [title, kept, now, clean, reset] of attempts) {
      it(title, async () => {
        const { storage, marks } = await emptyRecord({ ...KEEPING, ...kept });
        marks.mark(3 * CHUNK, 1);
        await marks.sync();
        if (clean !== undefined) await marks.close(clean);
        const again = await reopened(storage, now);
        assert.equal(again.reset, reset);
        assert.equal(again.damagedBytes, 0);
        assert.deepEqual(chunksIn(again), reset === undefined ? [3] : Array.from({ length: 100 }, (_, i) => i));
      });
    }
  });

  it('does not believe a clean end any more once it was opened again', async () => {
    const { storage, marks } = await emptyRecord();
    await marks.close(true);
    const second = new MemoryStorage();
    await Marks.open(second, storage.after(), KEEPING);
    for (const { index, bytes } of second.log.slice(0, second.syncedAt.at(-1))) storage.writePage(index, bytes);
    assert.equal((await reopened(storage, { bootId: OTHER_BOOT })).reset, 'power-loss');
  });

  it('says clean only over marks that are durable', async () => {
    const { storage, marks } = await emptyRecord();
    marks.mark(3 * CHUNK, 1);
    await marks.close(true);
    const writes = storage.log.length;
    assert.equal(storage.log[writes - 1].index, 0);
    assert.deepEqual(storage.syncedAt.slice(-2), [writes - 1, writes]);
  });

  it('does not clear what a long run or a whole volume marked since the ticket was made', async () => {
    const { marks } = await emptyRecord({ ...KEEPING, bytes: 1000 * CHUNK });
    const again: (() => void)[] = [() => marks.markAll(), () => marks.mark(0, 300 * CHUNK)];
    for (const mark of again) {
      marks.mark(0, 10 * CHUNK);
      const ticket = marks.candidates(NONE, true);
      mark();
      marks.clear(ticket, NONE);
      assert.equal(chunksIn(marks, 10 * CHUNK).length, 10);
    }
  });

  it('refuses marks once it is closed', async () => {
    const { marks } = await emptyRecord();
    await marks.close(true);
    await marks.close(true);
    assert.throws(() => marks.mark(0, 1), Fault);
  });

  it('counts a damaged page as marked for its span, and a damaged header for all', async () => {
    const keeping = { ...KEEPING, bytes: 3 * RECORD_PAGE_BITS * CHUNK };
    const { storage, marks } = await emptyRecord(keeping);
    marks.mark(7 * CHUNK, 1);
    const bytes = storage.after();
    bytes[2 * 4096 + 100] ^= 1;
    const mended = new MemoryStorage();
    const damaged = await Marks.open(mended, bytes, keeping);
    const span = RECORD_PAGE_BITS * CHUNK;
    assert.equal(damaged.reset, undefined);
    assert.equal(damaged.damagedBytes, span);
    assert.deepEqual(damaged.below(1e12).toRanges(), [
      [7 * CHUNK, CHUNK],
      [span, span],
    ]);
    assert.deepEqual(
      mended.log.map(({ index }) => index),
      [2, 0],
    );
    const cut = await Marks.open(new MemoryStorage(), storage.after().subarray(0, 3 * 4096 - 1), keeping);
    assert.equal(cut.damagedBytes, 2 * span);
    bytes[20] ^= 1;
    for (const bad of [bytes, undefined]) {
      const all = await Marks.open(new MemoryStorage(), bad, keeping);
      assert.equal(all.reset, 'damaged');
      assert.equal(all.marked, 3 * RECORD_PAGE_BITS);
    }
  });

  it('marks what the volume grows by, also from an unknown length and while it was away', async () => {
    const { storage, marks } = await emptyRecord({ ...KEEPING, bytes: 10 * CHUNK + 1 });
    marks.resize(14 * CHUNK);
    assert.deepEqual(chunksIn(marks), [10, 11, 12, 13]);
    assert.deepEqual(chunksIn(await reopened(storage, { bytes: 16 * CHUNK })), [10, 11, 12, 13, 14, 15]);
    assert.deepEqual(chunksIn(await reopened(storage, { bytes: 0 })), [10, 11, 12, 13]);
    marks.resize(12 * CHUNK);
    assert.deepEqual(chunksIn(await reopened(storage, { bytes: 0 })), [10, 11]);
    marks.resize(13 * CHUNK);
    assert.deepEqual(chunksIn(await reopened(storage, { bytes: 0 })), [10, 11, 12]);

    const unknown = await Marks.open(new MemoryStorage(), new Uint8Array(0), { ...KEEPING, bytes: 0 });
    assert.deepEqual(unknown.below(4096).toRanges(), [[0, 4096]]);
    unknown.mark(100, 100);
    unknown.resize(8 * CHUNK);
    assert.equal(unknown.marked, 8);
  });

  it('remembers that something was marked beyond the length it knows', async () => {
    const { marks } = await emptyRecord();
    marks.mark(0, Number.MAX_SAFE_INTEGER);
    assert.deepEqual(marks.below(200 * CHUNK).toRanges(), [[0, 100 * CHUNK]]);
    marks.clear(marks.candidates(NONE, true), NONE);
    marks.mark(150 * CHUNK, 1);
    assert.deepEqual(marks.below(200 * CHUNK).toRanges(), [[100 * CHUNK, 100 * CHUNK]]);
    marks.resize(200 * CHUNK);
    assert.equal(marks.marked, 100);
  });

  it('stays as it was when the storage has no room to grow', async () => {
    const { storage, marks } = await emptyRecord();
    marks.mark(5 * CHUNK, 1);
    storage.full = (index) => index > 1;
    assert.throws(() => marks.resize(2 * RECORD_PAGE_BITS * CHUNK), /no space left/);
    marks.mark(6 * CHUNK, 1);
    assert.deepEqual(chunksIn(marks), [5, 6]);
    assert.deepEqual(chunksIn(await reopened(storage)), [5, 6]);
    storage.full = undefined;
    marks.resize(2 * RECORD_PAGE_BITS * CHUNK);
    assert.equal(marks.marked, 2 * RECORD_PAGE_BITS - 98);
  });

  it('takes larger chunks as the volume outgrows 4 MiB of bits', async () => {
    const { marks } = await emptyRecord();
    marks.mark(0, 1);
    marks.resize(2 ** 25 * CHUNK);
    assert.equal(marks.chunkBytes, CHUNK);
    marks.clear(marks.candidates(extents([0, CHUNK]), true), NONE);
    assert.equal(marks.marked, 1);
    marks.resize(2 ** 25 * CHUNK + 1);
    assert.equal(marks.chunkBytes, 2 * CHUNK);
    assert.deepEqual(marks.below(2 ** 35).toRanges(), [
      [0, 2 * CHUNK],
      [2 ** 34, 2 * CHUNK],
    ]);
  });

  it('owes the storage a mark that it did not take, and says so until it does', async () => {
    const { storage, marks } = await emptyRecord();
    storage.full = () => true;
    assert.throws(() => marks.mark(3 * CHUNK, 1), /no space left/);
    assert.throws(() => marks.mark(3 * CHUNK, 1), /no space left/, 'it is marked, yet not stored');
    await assert.rejects(marks.sync(), /no space left/);
    storage.full = undefined;
    marks.mark(3 * CHUNK, 1);
    assert.deepEqual(chunksIn(await reopened(storage)), [3]);
  });

  it('writes all of it anew after a sync that failed: the system does not try again', async () => {
    const { storage, marks } = await emptyRecord();
    marks.mark(3 * CHUNK, 1);
    storage.sick = true;
    await assert.rejects(marks.sync(), /input\/output error/);
    storage.sick = false;
    const before = storage.log.length;
    await marks.sync();
    assert.deepEqual(
      storage.log.slice(before).map(({ index }) => index),
      [1, 0],
    );
    assert.equal(storage.syncedAt.at(-1), storage.log.length);
  });

  it('B6b: learns identities later, and marks everything when one is another medium', async () => {
    const { storage, marks } = await emptyRecord();
    await marks.close(true);
    const later = new MemoryStorage();
    const again = await Marks.open(later, storage.after(), { ...KEEPING, mirrorId: undefined, firstId: undefined });
    assert.equal(again.identify({ mirrorId: 'mirror' }), true);
    assert.equal(again.identify({ firstId: 'first', mirrorId: 'mirror' }), true);
    assert.equal(again.marked, 0);
    assert.equal(again.identify({ firstId: 'replaced' }), false);
    assert.equal(again.marked, 100);
    assert.equal((await reopened(later)).reset, 'other-volume');
    assert.equal((await reopened(later, { firstId: 'replaced' })).reset, undefined);
  });

  it('refuses numbers that are no run of bytes', async () => {
    const { marks } = await emptyRecord();
    for (const [offset, length] of [
      [-1, 5],
      [0, -1],
      [Number.NaN, 1],
      [1, Number.NaN],
    ]) {
      assert.throws(() => marks.mark(offset, length), Fault);
    }
  });
});
