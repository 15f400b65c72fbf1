import assert from 'node:assert/strict';
import { Extents } from '../../../src/base/extents.ts';
import { KeptRecord } from '../../../src/record/kept.ts';
import { Marks } from '../../../src/record/marks.ts';
import { readStored } from '../../../src/record/stored.ts';
import { KEEPING, MemoryStorage, OTHER_BOOT } from './memoryStorage.ts';

const CHUNK = 512;
const NONE = new Extents();
const SYNCED = { ...KEEPING, synced: true };

/** A storage whose syncs end when the test says so. */
class HeldStorage extends MemoryStorage {
  readonly waiting: (() => void)[] = [];
  held = false;

  override async sync(): Promise<void> {
    const length = this.log.length;
    if (this.held) await new Promise<void>((resolve) => this.waiting.push(resolve));
    await super.sync();
    this.syncedAt[this.syncedAt.length - 1] = length;
  }

  /** The oldest sync ends, and whoever waited for it has gone on. */
  async release(): Promise<void> {
    assert.ok(this.waiting.length > 0, 'a sync is under way');
    this.waiting.shift()?.();
    await turn();
  }
}

interface Kept {
  storage: HeldStorage;
  record: KeptRecord;
  told: string[];
}

/** A record of a volume of 100 chunks, none of them marked. */
async function emptyRecord(): Promise<Kept> {
  const storage = new HeldStorage();
  const marks = await Marks.open(storage, new Uint8Array(0), SYNCED);
  marks.clear(marks.candidates(NONE, true), NONE);
  await marks.sync();
  const told: string[] = [];
  const record = new KeptRecord(
    marks,
    ({ message }) => told.push(message),
    () => told.push('again'),
  );
  return { storage, record, told };
}

/** The same with one mark that the storage could not take, though it could now; its syncs are held. */
async function failedRecord(): Promise<Kept> {
  const kept = await emptyRecord();
  const { storage, record } = kept;
  storage.full = () => true;
  record.mark(5 * CHUNK, 1);
  await record.sync();
  storage.full = undefined;
  storage.held = true;
  return kept;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Chunks that whoever opens these bytes takes as marked; a word where that is all of them. */
function chunksIn(bytes: Uint8Array, keeping = SYNCED): number[] | string {
  const stored = readStored(bytes, keeping);
  if (stored.reset !== undefined) return stored.reset;
  const chunks: number[] = [];
  stored.bitmap.forEachRun((first, end) => {
    for (let chunk = first; chunk < end; chunk++) chunks.push(chunk);
  });
  return chunks;
}

/** What may lie there after a power loss: any of the writes since the last sync may be missing. */
function* afterPowerLoss({ log, syncedAt }: MemoryStorage, storage: MemoryStorage): Generator<Uint8Array> {
  const synced = syncedAt.at(-1) ?? 0;
  const open = log.length - synced;
  assert.ok(open < 12, `${open} writes are not durable`);
  for (let mask = 0; mask < 2 ** open; mask++) {
    yield storage.after(log.length, (write) => write < synced || (mask & (1 << (write - synced))) !== 0);
  }
}

describe('B8 a record whose storage fails', () => {
  it('is believed by nobody from the moment in which the mark returns', async () => {
    const { storage, record, told } = await emptyRecord();
    record.mark(3 * CHUNK, 1);
    storage.full = () => true;
    record.mark(5 * CHUNK, 1);
    assert.equal(chunksIn(storage.after()), 'new');
    assert.deepEqual(told, ['no space left']);
    assert.ok(record.broken && record.mayKeepAgain);
  });

  it('is kept again with what was marked before, meanwhile and since', async () => {
    const { storage, record, told } = await emptyRecord();
    record.mark(3 * CHUNK, 1);
    storage.full = () => true;
    record.mark(5 * CHUNK, 1);
    record.mark(7 * CHUNK, 1);
    await assert.rejects(record.keepAgain(), /no space left/);
    assert.equal(chunksIn(storage.after()), 'new');
    assert.deepEqual(told, ['no space left'], 'that is known already');
    storage.full = undefined;
    await record.keepAgain();
    assert.deepEqual(told, ['no space left', 'again']);
    assert.deepEqual([record.broken, record.fault, record.mayKeepAgain], [false, undefined, false]);
    assert.deepEqual(chunksIn(storage.after()), [3, 5, 7]);
    record.mark(9 * CHUNK, 1);
    assert.deepEqual(chunksIn(storage.after()), [3, 5, 7, 9]);
    storage.full = () => true;
    record.mark(11 * CHUNK, 1);
    assert.deepEqual(told, ['no space left', 'again', 'no space left']);
    assert.equal(chunksIn(storage.after()), 'new');
  });

  it('at every step of that, a kill or a power loss leaves all marks that anything came of', async () => {
    const { storage, record } = await emptyRecord();
    // A whole page of older marks lies there, durable.
    record.mark(0, 3 * CHUNK);
    await record.sync();
    storage.full = () => true;
    record.mark(10 * CHUNK, 1);
    await record.settled(10 * CHUNK, 1);
    storage.full = undefined;
    storage.held = true;
    /** Marks that returned, and those that nobody waits for any more. */
    const returned = new Set([0, 1, 2, 10]);
    const went = new Set([10]);
    let next = 20;
    const mark = (chunk: number): void => {
      record.mark(chunk * CHUNK, 1);
      returned.add(chunk);
      const wait = record.settled(chunk * CHUNK, 1);
      if (wait === undefined) went.add(chunk);
      else void wait.then(() => went.add(chunk));
    };
    let before = [...returned];
    let looked = storage.log.length;
    const check = (where: string): void => {
      // Killed after any of the writes since the last look: what had returned by then is there.
      for (; looked <= storage.log.length; looked++) {
        const now = chunksIn(storage.after(looked));
        const all = looked === storage.log.length ? returned : before;
        if (typeof now !== 'string') for (const c of all) assert.ok(now.includes(c), `${where}, killed: ${c}`);
      }
      looked--;
      before = [...returned];
      for (const bytes of afterPowerLoss(storage, storage)) {
        const later = chunksIn(bytes, { ...SYNCED, bootId: OTHER_BOOT });
        if (typeof later !== 'string') for (const c of went) assert.ok(later.includes(c), `${where}, power lost: ${c}`);
      }
    };
    let over = false;
    const again = record.keepAgain().then(() => {
      over = true;
    });
    let steps = 0;
    while (!over) {
      mark(next++);
      check(`step ${steps}`);
      await turn();
      // Once more, as whoever writes the same blocks again.
      for (const chunk of [...returned]) mark(chunk);
      mark(next++);
      check(`step ${steps}, a turn later`);
      if (storage.waiting.length > 0) await storage.release();
      check(`step ${steps}, a sync later`);
      assert.ok(++steps < 100);
    }
    await again;
    storage.held = false;
    for (const wake of storage.waiting.splice(0)) wake();
    await record.sync();
    check('at the end');
    assert.ok(steps >= 4, `${steps} steps`);
    assert.deepEqual(
      chunksIn(storage.after()),
      [...returned].sort((a, b) => a - b),
    );
  });

  it('is not kept again when it fails on the way', async () => {
    for (const failing of [0, 1, 2, 3]) {
      const { storage, record, told } = await failedRecord();
      const again = record.keepAgain();
      again.catch(() => {});
      for (let sync = 0; sync < failing; sync++) {
        await turn();
        await storage.release();
      }
      await turn();
      storage.sick = true;
      await storage.release();
      storage.sick = false;
      storage.held = false;
      for (const wake of storage.waiting.splice(0)) wake();
      await assert.rejects(again, /input\/output error/, `sync ${failing}`);
      assert.equal(typeof chunksIn(storage.after()), 'string', `sync ${failing}`);
      assert.ok(record.mayKeepAgain);
      assert.ok(!told.includes('again'));
      await record.keepAgain();
      assert.deepEqual(chunksIn(storage.after()), [5]);
      assert.equal(told.at(-1), 'again');
    }
  });

  it('grows in memory meanwhile', async () => {
    const { storage, record } = await emptyRecord();
    storage.full = () => true;
    record.resize(120 * CHUNK);
    record.mark(5 * CHUNK, 1);
    storage.full = undefined;
    await record.keepAgain();
    const grown = [5, ...Array.from({ length: 20 }, (_, i) => 100 + i)];
    assert.deepEqual(chunksIn(storage.after(), { ...SYNCED, bytes: 120 * CHUNK }), grown);
  });

  it('says that a restart would believe it where it cannot even be emptied, and tries that again', async () => {
    const { storage, record, told } = await emptyRecord();
    storage.full = () => true;
    storage.stuck = true;
    record.mark(5 * CHUNK, 1);
    await record.sync();
    assert.equal(told.length, 2);
    assert.match(told[1], /cannot be discarded/);
    await assert.rejects(record.keepAgain(), /input\/output error/);
    assert.match(record.fault?.message ?? '', /cannot be discarded/);
    storage.stuck = false;
    await assert.rejects(record.keepAgain(), /no space left/);
    assert.equal(chunksIn(storage.after()), 'new');
    storage.full = undefined;
    await record.keepAgain();
    assert.deepEqual(chunksIn(storage.after()), [5]);
  });

  it('is not tried again after a mistake of our own: nobody knows what is not marked', async () => {
    const { record } = await emptyRecord();
    record.mark(-1, 1);
    assert.ok(record.broken && !record.mayKeepAgain);
  });

  it('once forgotten is never begun again, also by an attempt that is under way', async () => {
    for (const synced of [0, 1, 2, 3]) {
      const { storage, record } = await failedRecord();
      const again = record.keepAgain().catch(() => {});
      for (let sync = 0; sync < synced; sync++) {
        await turn();
        await storage.release();
      }
      const forgotten = record.forget();
      await turn();
      storage.held = false;
      for (const wake of storage.waiting.splice(0)) wake();
      await Promise.all([again, forgotten]);
      assert.equal(chunksIn(storage.after()), 'new', `after ${synced} syncs`);
      record.mark(6 * CHUNK, 1);
      assert.equal(chunksIn(storage.after()), 'new');
      assert.equal(record.mayKeepAgain, false);
    }
  });

  it('once closed writes nothing to a file that may be another one by now', async () => {
    const { storage, record } = await failedRecord();
    const again = record.keepAgain();
    again.catch(() => {});
    await turn();
    await storage.release();
    const closed = record.stored.close(false);
    const writes = storage.log.length;
    await storage.release();
    await closed;
    await assert.rejects(again, /the record was closed/);
    await assert.rejects(record.keepAgain(), /the record was closed/);
    assert.equal(storage.log.length, writes);
  });
});
