import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { QueueSegment } from '../../../../hw/queueSegment.ts';
import { copyOf } from '../../../../src/base/bytes.ts';
import { Fault } from '../../../../src/base/fault.ts';
import type { HistoryStore } from '../../../../src/unit/history/historyTypes.ts';
import { until } from '../../../kit/journey.ts';
import { apply, change, data, EPOCH, imageOf, Lab, Medium, mark, OTHER_EPOCH } from './historyKit.ts';

const MINUTE = 60_000_000_000n;

const faultOf = (what: RegExp, mend?: RegExp) => (error: unknown) => {
  assert.ok(error instanceof Fault, String(error));
  assert.match(error.message, what);
  if (mend) assert.match(error.mend ?? '', mend);
  return true;
};

describe('C1 C2 C3 a history store', function () {
  this.timeout(60_000);
  const lab = new Lab();
  let base: Medium;
  let folder: string;

  beforeEach(async () => {
    await lab.begin();
    base = new Medium(64 * 1024);
    folder = lab.folder();
  });
  afterEach(() => lab.end());

  const at = (number: number, epoch = EPOCH) => ({ epoch, number });
  const newest = (store: HistoryStore): number => store.moments().newest.sequence;

  it('begins inconsistent, without a place, and is the same store when it is opened again', async () => {
    let store = await lab.open({ folder, base });
    assert.equal(store.consistent, false);
    assert.equal(store.durable, undefined);
    assert.equal(store.bytes, 64 * 1024);
    assert.equal(store.blockSize, 512);
    const { incarnation } = store;
    assert.match(incarnation, /^[0-9a-f-]{36}$/);
    await store.close();
    store = await lab.open({ folder, base });
    assert.equal(store.incarnation, incarnation);
  });

  it('says durable only what was synced, of the epoch that sent it', async () => {
    const store = await lab.open({ folder, base });
    await store.append(at(1), change(1, [data(0, 512, 1)]));
    assert.equal(store.durable, undefined);
    await store.append(at(2), mark(2, 'a'));
    await store.sync();
    assert.deepEqual(store.durable, at(2));
    await store.append(at(1, OTHER_EPOCH), change(3, [data(0, 512, 2)]));
    assert.deepEqual(store.durable, at(2));
    await Promise.all([store.sync(), store.sync(), store.sync()]);
    assert.deepEqual(store.durable, at(1, OTHER_EPOCH));
  });

  it('refuses entries out of order or out of range, and goes on with those that are right', async () => {
    const store = await lab.open({ folder, base });
    await store.append(at(1), mark(1, 'a'));
    await assert.rejects(store.append(at(3), mark(1, 'b')), faultOf(/entry 3 came behind entry 1/));
    const far = change(1, [data(64 * 1024 - 100, 512, 1)]);
    await assert.rejects(store.append(at(2), far), faultOf(/512 bytes at 65436 are not within a volume of 65536/));
    await assert.rejects(store.append(at(2), mark(1, 'x'.repeat(2000))), faultOf(/name of 2000 bytes/));
    await store.append(at(2), mark(1, 'b'));
    assert.equal(newest(store), 2);
  });

  it('takes another epoch from its first entry on only, also where a failed sync has taken back all of it', async () => {
    const store = await lab.open({ folder, base });
    await assert.rejects(store.append(at(2), mark(1, 'a')), faultOf(/entry 2 came behind entry 0/));
    await store.append(at(1), change(1, [data(0, 512, 1)]));
    await store.sync();
    await store.append(at(1, OTHER_EPOCH), change(2, [data(0, 512, 2)]));
    const { sync } = QueueSegment.prototype;
    QueueSegment.prototype.sync = () => Promise.reject(new Fault('local', 'input/output error'));
    try {
      await assert.rejects(store.sync(), faultOf(/1 entries .* taken back/));
    } finally {
      QueueSegment.prototype.sync = sync;
    }
    const second = change(3, [data(512, 512, 3)]);
    await assert.rejects(store.append(at(2, OTHER_EPOCH), second), faultOf(/entry 2 came behind entry 0/));
    await store.append(at(1, OTHER_EPOCH), change(2, [data(0, 512, 2)]));
    await store.append(at(2, OTHER_EPOCH), second);
    assert.equal(newest(store), 3);
  });

  it('makes durable one after the other: a loss is told to one alone, and another would call durable what is gone', async () => {
    const store = await lab.open({ folder, base, windowNs: 1n });
    const { sync } = QueueSegment.prototype;
    let running = 0;
    let most = 0;
    let all = 0;
    QueueSegment.prototype.sync = async function (this: QueueSegment) {
      all++;
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      await sync.call(this);
      running--;
    };
    try {
      const ends: Promise<void>[] = [];
      // Folding, which begins behind each entry here, makes durable what it folds; the receiver does so too.
      for (let i = 1; i <= 20; i++) {
        await store.append(at(i), change(i * 1000, [data(0, 512, i)]));
        ends.push(store.sync());
        // Where one takes long, all that come meanwhile are satisfied by the next.
        if (i % 5 === 0) await Promise.all(ends);
      }
    } finally {
      QueueSegment.prototype.sync = sync;
    }
    assert.ok(all > 2);
    assert.equal(most, 1);
  });

  it('takes back what a failed sync may have lost: it comes again from what is durable', async () => {
    const store = await lab.open({ folder, base, segmentBytes: 1024 });
    for (let i = 1; i <= 4; i++) await store.append(at(i), change(i, [data(0, 512, i)]));
    await store.sync();
    for (let i = 5; i <= 9; i++) await store.append(at(i), change(i, [data(0, 512, i)]));
    const late = store.view(8);
    const { sync } = QueueSegment.prototype;
    QueueSegment.prototype.sync = () => Promise.reject(new Fault('local', 'input/output error'));
    try {
      await assert.rejects(store.sync(), faultOf(/input\/output error; 5 entries .* taken back/));
    } finally {
      QueueSegment.prototype.sync = sync;
    }
    assert.deepEqual(store.durable, at(4));
    assert.equal(newest(store), 4);
    assert.equal((await imageOf(store, 4))[0], 4);
    await assert.rejects(late.read(0, new Uint8Array(512)), faultOf(/sequence 8 was lost/));
    await assert.rejects(store.append(at(10), mark(10, 'x')), faultOf(/entry 10 came behind entry 4/));
    await store.append(at(5), change(5, [data(0, 512, 55)]));
    await store.sync();
    assert.deepEqual(store.durable, at(5));
    const copy = await lab.open({ folder: lab.copy(folder), base: new Medium(base.bytes) });
    assert.equal((await imageOf(copy, 5))[0], 55);
    assert.equal(copy.incarnation, store.incarnation);
  });

  it('keeps the window that it is given: by time', async () => {
    const store = await lab.open({ folder, base, windowNs: 10n * MINUTE });
    for (let i = 1; i <= 60; i++) {
      await store.append(
        at(i),
        i === 5 ? mark(BigInt(i) * MINUTE, 'early') : change(BigInt(i) * MINUTE, [data(0, 512, i)]),
      );
      await store.sync();
    }
    // The base follows the window's edge.
    await until(() => base.bytes[0] === 50, 'the oldest moments are folded');
    const { oldest } = store.moments();
    assert.ok(oldest.at <= 50n * MINUTE, 'ten minutes back can still be opened');
    assert.equal((await imageOf(store, oldest.sequence))[0], oldest.sequence);
    assert.equal(base.bytes[0], oldest.sequence);
    assert.deepEqual(store.moments().bookmarks, []);
    assert.match(lab.notices.join(), /bookmarks left the window: early/);
  });

  it('keeps the window that it is given: by bytes, and gives the room back', async () => {
    const store = await lab.open({ folder, base, bytes: 64 * 1024, segmentBytes: 8 * 1024 });
    for (let i = 1; i <= 200; i++) await store.append(at(i), change(i, [data((i % 16) * 4096, 4096, i)]));
    await store.sync();
    await until(() => store.moments().bytes <= 64 * 1024, 'the oldest entries are folded');
    assert.ok(store.moments().entries >= 13, 'and not more than that');
    const used = (): number =>
      readdirSync(folder).reduce(
        (sum, name) => sum + (statSync(`${folder}/${name}`, { throwIfNoEntry: false })?.size ?? 0),
        0,
      );
    // Files go after their entries, one by one.
    await until(() => used() < 64 * 1024 + 3 * 8 * 1024 + 8192, 'the room is given back');
    await store.close();
    const again = await lab.open({ folder, base });
    assert.deepEqual(again.durable, at(200));
  });

  it('writes what was overwritten within a fold only once', async () => {
    const store = await lab.open({ folder, base, bytes: 400 * 4300, segmentBytes: 1 << 20 });
    for (let i = 1; i <= 399; i++) await store.append(at(i), change(i, [data(0, 4096, i)]));
    await store.sync();
    await store.append(at(400), change(400, [data(0, 4096, 1)]));
    await store.append(at(401), change(401, [data(4096, 4096, 1), data(8192, 40_000, 1)]));
    await store.sync();
    // A moment is gone before the base is written.
    await until(() => store.moments().entries < 401, 'something is folded');
    assert.ok(base.writtenBytes > 0 && base.writtenBytes <= 2 * 4096, `${base.writtenBytes} bytes were written`);
  });

  it('holds the last consistent moment while the newest is not, until that takes twice its bytes (D6)', async () => {
    const store = await lab.open({ folder, base, bytes: 40 * 1024, segmentBytes: 4096 });
    let number = 0;
    const append = (consistent: boolean) =>
      store.append(at(++number), { ...change(number, [data(0, 4096, number)]), consistent });
    for (let i = 0; i < 5; i++) await append(true);
    for (let i = 0; i < 13; i++) {
      await append(false);
      await store.sync();
    }
    assert.ok(store.moments().bytes > 50 * 1024);
    assert.ok(store.moments().oldest.sequence <= 5);
    assert.equal((await imageOf(store, 5))[0], 5);
    for (let i = 0; i < 10; i++) {
      await append(false);
      await store.sync();
    }
    await until(() => store.moments().bytes <= 40 * 1024, 'then it is given up');
    assert.match(lab.notices.join(), /the last consistent moment left the window/);
    const { oldest } = store.moments();
    assert.equal(oldest.consistent, false);
    assert.throws(() => store.view(oldest.sequence), faultOf(/not consistent/, /force/));
  });

  /** A store with 30 entries that are due to be folded, over a base that fails after so many calls. */
  async function failing(calls: number) {
    const images = [copyOf(base.bytes)];
    const store = await lab.open({ folder, base, windowNs: 20n });
    let left = calls;
    base.obstacle = () => {
      if (left-- <= 0) throw new Fault('local', 'no space left');
    };
    const appends: Promise<void>[] = [];
    for (let i = 1; i <= 30; i++) {
      const image = copyOf(images[i - 1]);
      const pieces = [data((i % 9) * 512, 1024, i), data(8192 + i * 512, 512, i)];
      for (const piece of pieces) apply(image, piece);
      images.push(image);
      appends.push(store.append(at(i), change(i, pieces)));
    }
    await Promise.all(appends);
    await store.sync();
    return { store, images };
  }

  it('opens to moments that were, wherever a fold ended (every write and flush of the base)', async () => {
    for (let calls = 0, over = false; !over; calls++) {
      base = new Medium(64 * 1024);
      folder = lab.folder();
      lab.notices.length = 0;
      const { store, images } = await failing(calls);
      await until(() => store.moments().oldest.sequence > 0 || lab.notices.length > 0, 'it folds');
      await until(() => lab.notices.length > 0 || store.moments().entries < 30, 'it ends');
      over = lab.notices.length === 0;
      const copy = await lab.open({ folder: lab.copy(folder), base: new Medium(base.bytes) });
      for (const opened of [store, copy]) {
        const { oldest } = opened.moments();
        assert.ok(oldest.sequence <= 11);
        for (let s = oldest.sequence; s <= 30; s++) {
          assert.equal(Buffer.compare(await imageOf(opened, s), images[s]), 0, `moment ${s} after ${calls} calls`);
        }
      }
      base.obstacle = undefined;
      await Promise.all([store.close(), copy.close()]);
      assert.ok(calls < 60);
    }
  });

  it('tells that its base takes nothing, keeps what comes as long as there is room, and recovers', async () => {
    const { store } = await failing(0);
    await until(() => lab.notices.length > 0, 'it is told');
    assert.match(lab.notices.join(), /folding failed: no space left/);
    for (let i = 31; i <= 300; i++) await store.append(at(i), mark(i, `m${i}`));
    const failures = lab.notices.filter((text) => text.startsWith('folding failed'));
    assert.equal(failures.length, 1, 'once');
    base.obstacle = undefined;
    for (let i = 301; i <= 900; i++) await store.append(at(i), mark(i, 'x'));
    await store.sync();
    await until(() => store.moments().oldest.sequence > 800, 'folding goes on');
  });

  it('tells of bookmarks that leave with a fold, also where that fails, and of those of a process that was killed', async () => {
    const store = await lab.open({ folder, base, windowNs: 20n });
    base.obstacle = () => {
      throw new Fault('local', 'no space left');
    };
    await store.append(at(1), mark(1, 'early'));
    for (let i = 2; i <= 60; i++) await store.append(at(i), change(i, [data(0, 512, i)]));
    await until(() => lab.notices.some((text) => text.startsWith('folding failed')), 'it fails');
    assert.equal(store.moments().bookmarks.length, 0);
    assert.ok(lab.notices.includes('bookmarks left the window: early'), `${lab.notices}`);
    const killed = { folder: lab.copy(folder), base: new Medium(copyOf(base.bytes)), windowNs: 20n };
    base.obstacle = undefined;
    lab.notices.length = 0;
    for (let i = 61; i <= 600; i++) await store.append(at(i), change(i, [data(0, 512, i)]));
    await until(() => store.moments().oldest.sequence > 500, 'folding goes on');
    assert.deepEqual(lab.notices, [], 'once');
    await lab.open(killed);
    assert.deepEqual(lab.notices, ['bookmarks left the window: early']);
  });

  it('lets a view stop folding, and refuses to roll back behind it', async () => {
    const store = await lab.open({ folder, base, bytes: 8192, segmentBytes: 4096 });
    await store.append(at(1), change(1, [data(0, 512, 1)]));
    await store.append(at(2), change(2, [data(0, 512, 2)]));
    const view = store.view(2);
    for (let i = 3; i <= 60; i++) await store.append(at(i), change(i, [data(0, 512, i)]));
    await store.sync();
    const into = new Uint8Array(512);
    await view.read(0, into);
    assert.equal(into[0], 2);
    assert.ok(store.moments().oldest.sequence <= 2);
    await assert.rejects(store.rollBack(1), faultOf(/not kept|behind sequence 1 is being read/));
    view.close();
    await assert.rejects(view.read(0, into), faultOf(/is closed/));
  });

  it('rolls back for good: the entries behind are gone, and it is another store', async () => {
    let store = await lab.open({ folder, base, segmentBytes: 1024 });
    for (let i = 1; i <= 20; i++) await store.append(at(i), change(i, [data(0, 512, i)]));
    await store.sync();
    const { incarnation } = store;
    await store.rollBack(7);
    assert.notEqual(store.incarnation, incarnation);
    assert.deepEqual(store.durable, at(7));
    assert.equal((await imageOf(store, 7))[0], 7);
    await store.append(at(1, OTHER_EPOCH), change(30, [data(0, 512, 99)]));
    await store.close();
    store = await lab.open({ folder, base });
    assert.equal(newest(store), 8);
    assert.equal((await imageOf(store, 8))[0], 99);
    assert.equal((await imageOf(store, 6))[0], 6);
  });

  it('grows, and its earlier moments are as long as they were', async () => {
    let store = await lab.open({ folder, base });
    await store.append(at(1), change(1, [data(0, 512, 1)]));
    await store.grow(128 * 1024);
    await store.append(at(2), change(2, [data(100 * 1024, 512, 2)]));
    await store.close();
    store = await lab.open({ folder, base });
    assert.equal(store.bytes, 128 * 1024);
    assert.equal((await imageOf(store, 1)).length, 64 * 1024);
    assert.equal((await imageOf(store, newest(store)))[100 * 1024], 2);
    assert.deepEqual(store.durable, at(2));
  });

  it('knows a base that somebody made longer, and refuses a shorter one or another', async () => {
    let store = await lab.open({ folder, base });
    await store.append(at(1), mark(1, 'a'));
    await store.close();
    await base.grow(80 * 1024);
    store = await lab.open({ folder, base });
    assert.equal(store.view(newest(store)).bytes, 80 * 1024);
    await store.close();
    const shorter = lab.open({ folder, base: new Medium(64 * 1024) });
    await assert.rejects(
      shorter,
      faultOf(/65536 bytes, and the queue .* belongs to one of 81920/, /put that base back/),
    );
    const other = lab.open({ folder, base: new Medium(80 * 1024, 'other') });
    await assert.rejects(other, faultOf(/belongs to another base/, /delete .* to begin anew/));
  });

  it('is locked while it is open', async () => {
    await lab.open({ folder, base });
    await assert.rejects(lab.open({ folder, base }), faultOf(/another unit keeps its store in/, /folder of its own/));
  });

  it('writes a moment as an image with holes into a new file, and nothing when it is stopped', async () => {
    const store = await lab.open({ folder, base });
    await store.grow(8 << 20);
    await store.append(at(1), change(1, [data(512, 512, 1)]));
    await store.append(at(2), mark(2, 'a'));
    await store.append(at(3), change(3, [data(512, 512, 3)]));
    const path = `${folder}-image`;
    const told: number[] = [];
    const { sequence } = store.find({ mark: 'a' });
    await store.writeImage(sequence, path, { progress: (done) => told.push(done) });
    const image = readFileSync(path);
    assert.equal(Buffer.compare(image, await imageOf(store, sequence)), 0);
    assert.equal(told.at(-1), image.length);
    assert.ok(statSync(path).blocks * 512 <= 64 * 1024, 'zeros take no room');
    await assert.rejects(store.writeImage(sequence, path), faultOf(/exists/, /name another file/));
    await assert.rejects(store.writeImage(sequence, `${folder}-no/x`), faultOf(/does not exist/, /make the folder/));
    const stop = new AbortController();
    const stopped = `${folder}-stopped`;
    const options = { signal: stop.signal, progress: () => stop.abort() };
    await assert.rejects(store.writeImage(newest(store), stopped, options), faultOf(/stopped before it was done/));
    assert.equal(existsSync(stopped), false);
    assert.deepEqual(
      readdirSync(`${folder}/..`).filter((name) => name.includes('partial')),
      [],
    );
  });

  it('meets a state folder that is none of its own with words', async () => {
    writeFileSync(folder, '');
    await assert.rejects(lab.open({ folder, base }), (error: unknown) => error instanceof Fault);
  });
});
