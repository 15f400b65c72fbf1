import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { QueueSegment } from '../../../../hw/queueSegment.ts';
import { Fault } from '../../../../src/base/fault.ts';
import type { FarStore } from '../../../../src/base/ordered.ts';
import { openHistoryStore } from '../../../../src/unit/history/historyStore.ts';
import { openPlainStore } from '../../../../src/unit/history/plainStore.ts';
import { openJourneyVolume } from '../../../../src/unit/link/journeyVolume.ts';
import { Authority, journeyOptions, serve } from '../../../kit/journey.ts';
import { change, data, EPOCH, Medium } from '../history/historyKit.ts';

const SIZE = 64 * 1024;

function once(what: string): () => void {
  let failed = false;
  return () => {
    if (failed) return;
    failed = true;
    throw new Fault('local', what);
  };
}

describe('D1, C1: what a store has taken back comes again', () => {
  let authority: Authority;
  let folder: string;
  const ends: (() => Promise<unknown>)[] = [];

  before(async () => {
    authority = await Authority.make();
  });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'taken-'));
  });

  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
    await rm(folder, { recursive: true });
  });

  /** Sends three changes, and lets the medium fail once while the second is made durable. */
  async function resent(store: FarStore, fail: () => void): Promise<void> {
    ends.push(() => store.close());
    const { service, port } = await serve(await authority.unit('unit-b'), { vol1: store });
    ends.push(() => service.close());
    const volume = await openJourneyVolume(journeyOptions(port, await authority.unit('unit-a'), { bytes: SIZE }));
    ends.push(() => volume.close());
    await volume.append(change(1, [data(0, 512, 1)]));
    assert.equal(store.durable?.number, 1);
    fail();
    await volume.append(change(2, [data(512, 512, 2)]));
    assert.equal(store.durable?.number, 2, 'what is acknowledged is durable');
    await volume.append(change(3, [data(1024, 512, 3)]));
    assert.equal(store.durable?.number, 3);
    const into = new Uint8Array(1536);
    await store.read(0, into);
    assert.deepEqual([into[0], into[512], into[1024]], [1, 2, 3]);
  }

  it('at a plain store whose medium fails to flush', async () => {
    const medium = new Medium(SIZE);
    const store = await openPlainStore({ statePath: join(folder, 'state'), volume: medium, notice: () => undefined });
    await resent(store, () => {
      const fail = once('the medium fails');
      medium.obstacle = (what) => what === 'flush' && fail();
    });
  });

  it('at a queue that fails to become durable', async () => {
    const options = { folder, base: new Medium(SIZE), windowNs: 1n << 60n, bytes: 1 << 30, notice: () => undefined };
    const store = await openHistoryStore(options);
    const { sync } = QueueSegment.prototype;
    ends.push(async () => {
      QueueSegment.prototype.sync = sync;
    });
    await resent(store, () => {
      const fail = once('the queue fails');
      QueueSegment.prototype.sync = async function (this: QueueSegment): Promise<void> {
        fail();
        return sync.call(this);
      };
    });
  });

  it('a sender is told of a store that was rolled back under it', async () => {
    const options = { folder, base: new Medium(SIZE), windowNs: 1n << 60n, bytes: 1 << 30, notice: () => undefined };
    const store = await openHistoryStore(options);
    ends.push(() => store.close());
    const { service, port } = await serve(await authority.unit('unit-b'), { vol1: store });
    ends.push(() => service.close());
    const volume = await openJourneyVolume(journeyOptions(port, await authority.unit('unit-a'), { bytes: SIZE }));
    ends.push(() => volume.close());
    const { id } = volume.identity();
    await volume.append(change(1, [data(0, 512, 1)]));
    const { sequence } = store.moments().newest;
    await volume.append(change(2, [data(512, 512, 2)]));
    await store.rollBack(sequence);
    await assert.rejects(volume.append(change(3, [data(1024, 512, 3)])), /keeps another volume now/);
    assert.equal(volume.down, true);
    await volume.revive();
    assert.notEqual(volume.identity().id, id);
  });

  it('nothing that waited for its turn is put behind a gap', async () => {
    const options = { folder, base: new Medium(SIZE), windowNs: 1n << 60n, bytes: 1 << 30, notice: () => undefined };
    const store = await openHistoryStore(options);
    const { sync } = QueueSegment.prototype;
    ends.push(async () => {
      QueueSegment.prototype.sync = sync;
      await store.close();
    });
    await store.append({ epoch: EPOCH, number: 1 }, change(1, [data(0, 512, 1)]));
    await store.sync();
    for (let turns = 0; turns < 12; turns++) {
      const number = store.durable?.number ?? 0;
      await store.append({ epoch: EPOCH, number: number + 1 }, change(2, [data(512, 512, 2)]));
      let fail = (): void => undefined;
      QueueSegment.prototype.sync = () =>
        new Promise((_, reject) => {
          fail = () => reject(new Fault('local', 'the queue fails'));
        });
      const syncing = store.sync();
      await new Promise(setImmediate);
      fail();
      QueueSegment.prototype.sync = sync;
      for (let n = 0; n < turns; n++) await Promise.resolve();
      const last = await store.append({ epoch: EPOCH, number: number + 2 }, change(3, [data(1024, 512, 3)])).then(
        () => true,
        () => false,
      );
      await assert.rejects(syncing, /taken back/);
      await store.sync();
      assert.equal(store.durable?.number, number, `${last} after ${turns}: an entry stands behind a gap`);
    }
  });

  it('a volume that grew without an entry of that says so with the next one', async () => {
    const base = new Medium(SIZE);
    const options = { folder, base, windowNs: 1n << 60n, bytes: 1 << 30, notice: () => undefined };
    const store = await openHistoryStore(options);
    const { append } = QueueSegment.prototype;
    ends.push(async () => {
      QueueSegment.prototype.append = append;
      await store.close();
    });
    await store.append({ epoch: EPOCH, number: 1 }, change(1, [data(0, 512, 1)]));
    const fail = once('no space is left');
    QueueSegment.prototype.append = async function (this: QueueSegment, ...all): Promise<void> {
      fail();
      return append.apply(this, all);
    };
    await assert.rejects(store.grow(2 * SIZE), /no space/);
    await store.grow(2 * SIZE);
    await store.append({ epoch: EPOCH, number: 2 }, change(2, [data(SIZE, 512, 2)]));
    const view = store.view(store.moments().newest.sequence);
    assert.equal(view.bytes, 2 * SIZE);
    view.close();
  });

  it('what an earlier process applied is durable before anybody compares with it', async () => {
    const medium = new Medium(SIZE);
    await openPlainStore({ statePath: join(folder, 'state'), volume: medium, notice: () => undefined }).then((store) =>
      ends.push(() => store.close()),
    );
    assert.equal(medium.flushes, 1);
    const base = new Medium(SIZE);
    const options = { folder: join(folder, 'queue'), base, windowNs: 1n, bytes: 1 << 30, notice: () => undefined };
    await openHistoryStore(options).then((store) => ends.push(() => store.close()));
    assert.equal(base.flushes, 1);
  });
});
