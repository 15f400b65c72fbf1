import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { copyOf } from '../../../../src/base/bytes.ts';
import { Fault } from '../../../../src/base/fault.ts';
import type { OrderedEntry } from '../../../../src/base/ordered.ts';
import type { HistoryStore } from '../../../../src/unit/history/historyTypes.ts';
import { Random } from '../../../fuzz/random.ts';
import { apply, change, data, EPOCH, imageOf, Lab, Medium, mark, OTHER_EPOCH } from './historyKit.ts';

const BYTES = 4096;
const SEED = Number(process.env.TAPMIRROR_SEED ?? 4);
/** Every so many bytes are tried; 1 for all of them. */
const STEP = Number(process.env.TAPMIRROR_STEP ?? 17);
/** Opened at once: most of an opening is waiting for its lock. */
const AT_ONCE = 8;

/** Small, and one of each kind. */
const ENTRIES: OrderedEntry[] = [
  change(1, [data(0, 40, 1), data(512, 24, 2)]),
  mark(2, 'first'),
  change(3, [
    { offset: 100, length: 900, payload: 'zeros' },
    { offset: 1500, length: 70, payload: { fill: Uint8Array.of(7, 8, 9) } },
  ]),
  { kind: 'copy', at: 4n, pieces: [data(20, 50, 4)], consistent: false },
  { kind: 'state', at: 5n, consistent: true },
  change(6, [data(600, 33, 5)]),
  mark(7, 'last'),
];

interface Made {
  folder: string;
  base: Medium;
  images: Uint8Array[];
  incarnation: string;
  acked: number;
  /** Of the segment that the last acknowledged entry lies in, as it was then. */
  ackedBytes: number;
}

const segmentsOf = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.queue'))
    .sort()
    .map((name) => join(folder, name));

describe('C6 a queue that is not as it was written', function () {
  this.timeout(600_000);
  const lab = new Lab();
  beforeEach(() => lab.begin());
  afterEach(() => lab.end());

  /** A queue of the entries above, of which the first `acked` were synced, as a killed process leaves it. */
  async function made(acked: number, segmentBytes = 1 << 20): Promise<Made> {
    const folder = lab.folder();
    const base = new Medium(BYTES);
    base.bytes.fill(255);
    const store = await lab.open({ folder, base, segmentBytes });
    const images = [copyOf(base.bytes)];
    let ackedBytes = 64;
    for (const [i, entry] of ENTRIES.entries()) {
      await store.append({ epoch: EPOCH, number: i + 1 }, entry);
      if (i + 1 === acked) {
        await store.sync();
        ackedBytes = readFileSync(segmentsOf(folder).at(-1) as string).length;
      }
      const image = copyOf(images[i]);
      if (entry.kind === 'change' || entry.kind === 'copy') for (const piece of entry.pieces) apply(image, piece);
      images.push(image);
    }
    const copy = lab.copy(folder);
    const { incarnation } = store;
    await store.close();
    return { folder: copy, base, images, incarnation, acked, ackedBytes };
  }

  /** Opens a copy that was tampered with. */
  async function opened({ folder, base }: Made, tamper: (folder: string) => void): Promise<HistoryStore> {
    const copy = lab.copy(folder);
    tamper(copy);
    return lab.open({ folder: copy, base: new Medium(base.bytes) });
  }

  /** Every moment that is kept is one that was; returns the newest one's sequence. */
  async function assertPrefix(store: HistoryStore, { images }: Made): Promise<number> {
    const { oldest, newest } = store.moments();
    assert.ok(newest.sequence < images.length);
    for (let s = oldest.sequence; s <= newest.sequence; s++) {
      assert.equal(Buffer.compare(await imageOf(store, s), images[s]), 0, `moment ${s}`);
    }
    return newest.sequence;
  }

  async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
    for (let i = 0; i < items.length; i += AT_ONCE) await Promise.all(items.slice(i, i + AT_ONCE).map(work));
  }

  for (const acked of [0, 3]) {
    it(`of what was not acknowledged any parts may be missing: with ${acked} acknowledged it is a whole prefix`, async () => {
      const queue = await made(acked);
      const random = new Random(SEED, acked);
      const { length } = readFileSync(segmentsOf(queue.folder)[0]);
      let shorter = 0;
      await each(
        Array.from({ length: 200 }, () => 1 + random.below(4)),
        async (holes) => {
          const store = await opened(queue, (folder) => {
            const [path] = segmentsOf(folder);
            const bytes = readFileSync(path);
            for (let n = 0; n < holes; n++) {
              const from = queue.ackedBytes + random.below(length - queue.ackedBytes);
              bytes.fill(0, from, Math.min(length, from + 1 + random.below(40)));
            }
            writeFileSync(path, bytes);
          });
          // Reading a moment checks every entry that it is made of.
          const newest = await assertPrefix(store, queue);
          assert.ok(newest >= acked);
          assert.equal(store.incarnation, queue.incarnation);
          assert.equal(store.durable?.number ?? 0, newest);
          if (newest < ENTRIES.length) shorter++;
          await store.close();
        },
      );
      assert.ok(shorter > 100, `seed ${SEED}`);
    });
  }

  for (const acked of [ENTRIES.length, 3, 0]) {
    it(`cut at any byte, with ${acked} of ${ENTRIES.length} entries acknowledged, is a whole prefix`, async () => {
      const queue = await made(acked);
      const [path] = segmentsOf(queue.folder);
      const { length } = readFileSync(path);
      let whole = 0;
      await each(
        Array.from({ length: Math.ceil(length / STEP) }, (_, i) => STEP * i),
        async (cut) => {
          const store = await opened(queue, (folder) => truncateSync(segmentsOf(folder)[0], cut));
          const newest = await assertPrefix(store, queue);
          if (newest < acked) assert.notEqual(store.incarnation, queue.incarnation, `cut at ${cut}`);
          else assert.equal(store.incarnation, queue.incarnation, `cut at ${cut}`);
          assert.equal(store.moments().damage !== undefined, newest < acked);
          assert.equal(store.durable?.number ?? 0, newest);
          whole = Math.max(whole, newest);
          // It goes on from there.
          const epoch = store.durable ? OTHER_EPOCH : EPOCH;
          await store.append({ epoch, number: 1 }, change(9, [data(0, 512, 9)]));
          await store.close();
        },
      );
      assert.ok(whole >= ENTRIES.length - 2);
      assert.ok(lab.notices.some((text) => /entry \d+ of the queue, at byte \d+/.test(text)));
    });
  }

  it('with any bit turned round gives no moment that never was, and tells what had been promised', async () => {
    const random = new Random(SEED, 0);
    const queue = await made(ENTRIES.length, 200);
    const files = segmentsOf(queue.folder).flatMap((path, file) =>
      Array.from({ length: Math.ceil(readFileSync(path).length / STEP) }, (_, i) => ({ file, at: STEP * i })),
    );
    assert.ok(segmentsOf(queue.folder).length > 2);
    await each(files, async ({ file, at }) => {
      const bit = 1 << random.below(8);
      const store = await opened(queue, (folder) => {
        const path = segmentsOf(folder)[file];
        const bytes = readFileSync(path);
        if (at >= bytes.length) return;
        bytes[at] ^= bit;
        writeFileSync(path, bytes);
      });
      const where = `bit ${bit} of byte ${at} of segment ${file}`;
      await store.scrub().catch((error: unknown) => assert.ok(error instanceof Fault));
      const newest = await assertPrefix(store, queue);
      assert.ok(newest < ENTRIES.length, `${where}: seed ${SEED}`);
      assert.notEqual(store.incarnation, queue.incarnation, where);
      assert.notEqual(store.moments().damage, undefined, where);
      await store.close();
    });
  });

  it('with any byte of its state turned round gives no moment that never was, or is refused with a mend', async () => {
    const queue = await made(ENTRIES.length);
    const slots = Array.from({ length: Math.floor(512 / STEP) }, (_, i) => i * STEP + (i % STEP));
    await each([...slots, ...slots.map((at) => at + 4096)], async (at) => {
      const turn = (folder: string): void => {
        const bytes = readFileSync(join(folder, 'state'));
        bytes[at] ^= 0x55;
        writeFileSync(join(folder, 'state'), bytes);
      };
      const store = await opened(queue, turn).catch((error: unknown) => {
        assert.ok(error instanceof Fault && error.mend !== undefined, String(error));
      });
      if (!store) return;
      await assertPrefix(store, queue);
      assert.equal(store.durable?.number, ENTRIES.length);
      await store.close();
    });
  });

  it('without its state is refused, with what to do', async () => {
    const queue = await made(ENTRIES.length);
    const begun = opened(queue, (folder) => writeFileSync(join(folder, 'state'), 'nonsense'.repeat(1000)));
    await assert.rejects(begun, (error: unknown) => {
      assert.ok(error instanceof Fault);
      assert.match(error.message, /the state of the queue in .* cannot be read/);
      assert.match(error.mend ?? '', /begin anew.* delete/);
      return true;
    });
  });

  it('without one of its segments keeps the moments before it', async () => {
    const queue = await made(ENTRIES.length, 200);
    const count = segmentsOf(queue.folder).length;
    for (let gone = 0; gone < count; gone++) {
      const store = await opened(queue, (folder) => {
        cpSync(segmentsOf(folder)[gone], `${folder}-gone`);
        const path = segmentsOf(folder)[gone];
        writeFileSync(path, '');
      });
      const newest = await assertPrefix(store, queue);
      assert.ok(newest < ENTRIES.length);
      assert.notEqual(store.incarnation, queue.incarnation);
      assert.match(store.moments().damage ?? '', /lost/);
      await store.close();
    }
  });

  it('met while it is being read is another store from then on, and heals with the next consistent entry', async () => {
    const queue = await made(ENTRIES.length);
    const store = await opened(queue, (folder) => {
      const path = segmentsOf(folder)[0];
      const bytes = readFileSync(path);
      // Of the last change: 33 bytes of 5.
      bytes[bytes.lastIndexOf(Buffer.alloc(33, 5)) + 3] ^= 1;
      writeFileSync(path, bytes);
    });
    assert.equal(store.incarnation, queue.incarnation, 'opening reads no payloads that were acknowledged');
    const late = store.view(7);
    const before = store.view(5);
    await assert.rejects(late.read(0, new Uint8Array(BYTES)), /the moment of sequence 7 was lost/);
    assert.notEqual(store.incarnation, queue.incarnation);
    assert.equal(store.durable?.number, 5);
    assert.match(store.moments().damage ?? '', /entry 6 of the queue is damaged/);
    assert.deepEqual(
      store.moments().bookmarks.map(({ name }) => name),
      ['first'],
    );
    await assert.rejects(store.append({ epoch: EPOCH, number: 8 }, mark(9, 'x')), /entry 8 came behind entry 5/);
    const newest = new Uint8Array(BYTES);
    await store.read(0, newest);
    assert.equal(Buffer.compare(newest, queue.images[5]), 0);
    await before.read(0, newest);
    before.close();
    await store.append({ epoch: OTHER_EPOCH, number: 1 }, { kind: 'state', at: 9n, consistent: false });
    assert.notEqual(store.moments().damage, undefined);
    await store.append({ epoch: OTHER_EPOCH, number: 2 }, { kind: 'state', at: 9n, consistent: true });
    assert.equal(store.moments().damage, undefined);
  });

  it('of a power loss, where a later entry came through and one before it did not, was never promised', async () => {
    const queue = await made(3);
    const store = await opened(queue, (folder) => {
      const path = segmentsOf(folder)[0];
      const bytes = readFileSync(path);
      bytes[bytes.lastIndexOf(Buffer.alloc(50, 4)) + 3] ^= 1;
      writeFileSync(path, bytes);
    });
    assert.equal(store.incarnation, queue.incarnation);
    assert.equal(await assertPrefix(store, queue), 3);
    assert.match(lab.notices.join(), /entry 4 .* never acknowledged: cut/);
  });
});
