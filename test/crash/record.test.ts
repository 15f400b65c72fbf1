import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copyOf } from '../../src/base/bytes.ts';
import { Extents } from '../../src/base/extents.ts';
import { Marks } from '../../src/record/marks.ts';
import { type Keeping, readStored } from '../../src/record/stored.ts';
import { openStoredRecord } from '../../src/unit/live/storedRecord.ts';
import { Random } from '../fuzz/random.ts';
import { KEEPING, MemoryStorage, OTHER_BOOT } from '../unit/record/memoryStorage.ts';
import { CHUNKS, crashOptions } from './recordOptions.ts';
import { follow, killed } from './recordTold.ts';

const ROUNDS = Number(process.env.TAPMIRROR_KILLS ?? 12);
const SEED = Number(process.env.TAPMIRROR_SEED ?? 20_261_121);

describe('B8 the record after a kill', function () {
  this.timeout(120_000);

  it(`${ROUNDS} rounds of kill -9 lose no mark (seed ${SEED})`, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'record-crash-'));
    try {
      const random = new Random(SEED, 0);
      const sure = new Set(Array.from({ length: CHUNKS }, (_, c) => c));
      let cleared = 0;
      for (let round = 0; round < ROUNDS; round++) {
        const lines = await killed('recordChild.js', [folder, SEED, round], random.between(1, 800));
        assert.equal(lines[0], round === 0 ? 'open new 0' : 'open believed 0', `round ${round}`);
        // What the pipe lost with the process cannot be more than the step that was under way.
        for (const line of lines) follow(sure, line);
        const record = await openStoredRecord(crashOptions(folder));
        assert.equal(record.reset, undefined);
        assert.equal(record.damagedBytes, 0);
        const marked = new Uint8Array(CHUNKS);
        for (const [start, length] of record.below(Number.MAX_SAFE_INTEGER).toRanges()) {
          marked.fill(1, start / record.chunkBytes, (start + length) / record.chunkBytes);
        }
        await record.close(random.chance(2));
        for (const c of sure) assert.equal(marked[c], 1, `round ${round}: the mark of chunk ${c} is lost`);
        sure.clear();
        for (let c = 0; c < CHUNKS; c++) {
          if (marked[c] === 1) sure.add(c);
          else cleared++;
        }
      }
      assert.ok(cleared > 0, 'the rounds cleared something');
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

interface Moment {
  /** Writes in the log when it was reached. */
  writes: number;
  /** Chunks whose marks are promised from here on. */
  marked: Set<number>;
}

interface History {
  storage: MemoryStorage;
  keeping: Keeping;
  /** Marks that returned, after each step, and those that a sync made durable. */
  returned: Moment[];
  durable: Moment[];
}

/** One life of a record in memory, with resizes, from its creation on. */
async function history(random: Random, synced: boolean): Promise<History> {
  const storage = new MemoryStorage();
  const keeping = { ...KEEPING, synced };
  const marks = await Marks.open(storage, new Uint8Array(0), keeping);
  const model = new Set(Array.from({ length: 100 }, (_, c) => c));
  const moment = (): Moment => ({ writes: storage.log.length, marked: new Set(model) });
  const returned = [moment()];
  const durable = [moment()];
  let bytes = keeping.bytes;
  for (let step = 0; step < 60; step++) {
    const kind = random.below(10);
    if (kind < 5) {
      const first = random.below(bytes / 512);
      marks.mark(first * 512, 1024);
      for (const c of [first, first + 1]) if (c < bytes / 512) model.add(c);
      returned.push(moment());
    } else if (kind < 8) {
      const needed = new Extents();
      needed.add(0, random.below(bytes));
      const ticket = marks.candidates(needed, random.chance(2));
      for (const c of model) if (!needed.intersects(c * 512, (c + 1) * 512)) model.delete(c);
      // From the moment a clear begins nothing is promised of these, also of what was durable.
      returned.push(moment());
      durable.push({
        writes: storage.log.length,
        marked: new Set([...(durable.at(-1)?.marked ?? [])].filter((c) => model.has(c))),
      });
      marks.clear(ticket, needed);
    } else if (kind === 8) {
      const grown = bytes + 512 * random.below(20);
      // What it grows by counts as marked whatever of this is stored: a shorter record does not know it.
      const last = new Set(durable.at(-1)?.marked);
      for (let c = bytes / 512; c < grown / 512; c++) model.add(c) && last.add(c);
      durable.push({ writes: storage.log.length, marked: last });
      marks.resize(grown);
      bytes = grown;
      returned.push(moment());
    } else {
      await marks.sync();
      durable.push(moment());
    }
  }
  await marks.close(true);
  durable.push(moment());
  return { storage, keeping: { ...keeping, bytes }, returned, durable };
}

/** What a unit that opens these bytes takes as marked; undefined: everything. */
function believed(bytes: Uint8Array, keeping: Keeping): Set<number> | undefined {
  const stored = readStored(bytes, keeping);
  if (stored.reset !== undefined) return undefined;
  const marked = new Set<number>();
  stored.bitmap.forEachRun((first, end) => {
    for (let c = first; c < end; c++) marked.add(c);
  });
  for (let c = stored.header.bytes / 512; c < keeping.bytes / 512; c++) marked.add(c);
  return marked;
}

function assertHas(marked: Set<number> | undefined, promised: Moment | undefined, where: string): void {
  if (marked === undefined || promised === undefined) return;
  for (const c of promised.marked) assert.ok(marked.has(c), `${where}: the mark of chunk ${c} is lost`);
}

const atLast = (moments: readonly Moment[], writes: number): Moment | undefined =>
  moments.findLast((moment) => moment.writes <= writes);

/** Writes that are durable once the syncs that ended at a log of this length have. */
function syncedBy(storage: MemoryStorage, writes: number): number {
  return storage.syncedAt.findLast((length) => length <= writes) ?? 0;
}

describe('B8 every prefix of what a record writes', () => {
  for (let number = 0; number < 8; number++) {
    it(`reads as all marks that returned, also with its last page torn (seed ${SEED}, case ${number})`, async () => {
      const random = new Random(SEED, number);
      const { storage, keeping, returned } = await history(random, false);
      let damaged = 0;
      for (let writes = 0; writes <= storage.log.length; writes++) {
        assertHas(believed(storage.after(writes), keeping), atLast(returned, writes), `after ${writes} writes`);
        if (writes === storage.log.length) break;
        const torn = storage.after(writes + 1);
        const { index } = storage.log[writes];
        const before = storage.after(writes).subarray(index * 4096, (index + 1) * 4096);
        const cut = 512 * random.between(1, 7);
        const whole = copyOf(torn, index * 4096, (index + 1) * 4096);
        if (random.chance(2)) torn.set(before.length > 0 ? before.subarray(0, cut) : new Uint8Array(cut), index * 4096);
        else torn.set(before.length > 0 ? before.subarray(cut) : new Uint8Array(4096 - cut), index * 4096 + cut);
        if (Buffer.compare(whole, torn.subarray(index * 4096, (index + 1) * 4096)) !== 0) damaged++;
        assertHas(believed(torn, keeping), atLast(returned, writes), `torn in write ${writes}`);
      }
      assert.ok(damaged > 10);
    });

    it(`after a power loss reads as all marks that were synced (seed ${SEED}, case ${number})`, async () => {
      const random = new Random(SEED, 100 + number);
      const { storage, keeping, durable } = await history(random, number % 4 !== 3);
      const rebooted = { ...keeping, bootId: OTHER_BOOT };
      const clean = storage.log.length - 1;
      let read = 0;
      for (let writes = 0; writes <= storage.log.length; writes++) {
        for (let attempt = 0; attempt < 4; attempt++) {
          // At the same length of the log: before or after a sync that came there.
          const upTo = attempt < 2 ? writes : writes - 1;
          const synced = syncedBy(storage, upTo);
          // Any of the pages written since the last sync may be missing, older ones of the same place with newer ones there.
          const bytes = storage.after(writes, (write) => write < synced || random.chance(2));
          const marked = believed(bytes, rebooted);
          if (marked) read++;
          if (marked && !keeping.synced) assert.ok(writes > clean, 'only a clean end is believed');
          const promised = keeping.synced ? atLast(durable, upTo) : durable.at(-1);
          assertHas(marked, promised, `after ${writes} writes, ${synced} synced`);
        }
      }
      assert.ok(read > 0, 'some of them were believed');
    });
  }

  it('never mixes in pages that an older record left, when a record begins over a damaged header', async () => {
    const storage = new MemoryStorage();
    const none = new Extents();
    const old = await Marks.open(storage, new Uint8Array(0), { ...KEEPING, synced: true });
    old.clear(old.candidates(none, true), none);
    await old.close(true);
    const page = copyOf(storage.after(), 0, 4096);
    page[60] ^= 1;
    storage.writePage(0, page);
    await storage.sync();
    const begun = storage.log.length;
    const record = await Marks.open(storage, storage.after(), { ...KEEPING, synced: true });
    assert.equal(record.reset, 'damaged');
    const all = { writes: 0, marked: new Set(Array.from({ length: 100 }, (_, c) => c)) };
    for (let writes = begun + 1; writes <= storage.log.length; writes++) {
      for (let lost = syncedBy(storage, writes - 1); lost <= writes; lost++) {
        const bytes = storage.after(writes, (write) => write !== lost);
        assertHas(believed(bytes, { ...KEEPING, bootId: OTHER_BOOT }), all, `write ${lost} lost of ${writes}`);
      }
    }
  });
});
