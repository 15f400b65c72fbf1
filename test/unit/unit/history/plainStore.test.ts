import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fault } from '../../../../src/base/fault.ts';
import type { FarStore, OrderedEntry } from '../../../../src/base/ordered.ts';
import { openPlainStore } from '../../../../src/unit/history/plainStore.ts';
import { change, data, EPOCH, Medium, mark, OTHER_EPOCH } from './historyKit.ts';

describe('C1 a plain store', () => {
  let folder: string;
  let volume: Medium;
  const stores: FarStore[] = [];
  const notices: string[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'plain-'));
    volume = new Medium(16 * 1024);
    notices.length = 0;
  });

  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close().catch(() => undefined);
    await rm(folder, { recursive: true });
  });

  async function open(statePath = join(folder, 'state'), medium = volume): Promise<FarStore> {
    const store = await openPlainStore({ statePath, volume: medium, notice: (text) => void notices.push(text) });
    stores.push(store);
    return store;
  }

  /** What a killed process leaves. */
  async function killed(): Promise<FarStore> {
    const copy = join(folder, `copy-${stores.length}`);
    cpSync(join(folder, 'state'), copy);
    return open(copy, new Medium(volume.bytes));
  }

  const at = (number: number, epoch = EPOCH) => ({ epoch, number });
  const doubtful = (entry: OrderedEntry): OrderedEntry => ({ ...entry, consistent: false });

  it('applies entries in order, pieces in any, and ORs into what lies there', async () => {
    const store = await open();
    assert.equal(store.consistent, false);
    assert.equal(store.durable, undefined);
    await store.append(at(1), change(1, [data(2048, 512, 6), data(0, 1024, 1)]));
    await store.append(
      at(2),
      change(2, [{ offset: 512, length: 512, payload: { or: [new Uint8Array(512).fill(8)] } }]),
    );
    await store.append(at(3), mark(3, 'not kept'));
    const into = new Uint8Array(1024);
    await store.read(0, into);
    assert.deepEqual([into[0], into[512]], [1, 9]);
    assert.equal(volume.bytes[2048], 6);
    assert.equal(store.durable, undefined, 'nothing was flushed');
    await store.sync();
    assert.equal(volume.flushes, 2, 'at opening, and now');
    assert.deepEqual(store.durable, at(3));
    assert.equal(store.consistent, true);
  });

  it('is the moment before while an entry is being written, and none after one that failed half way', async () => {
    const store = await open();
    await store.append(at(1), change(1, [data(0, 512, 1)]));
    const seen: boolean[] = [];
    volume.obstacle = () => void seen.push(store.consistent);
    await store.append(at(2), change(2, [data(0, 512, 2), data(1024, 512, 2)]));
    assert.deepEqual(seen, [true, true], 'ordinary writes are no repair');
    volume.obstacle = () => {
      if (volume.bytes[0] === 3) throw new Fault('local', 'full');
    };
    const third = change(3, [data(0, 512, 3), data(1024, 512, 3)]);
    await assert.rejects(store.append(at(3), third), /full/);
    assert.equal(store.consistent, false);
    volume.obstacle = undefined;
    await store.append(at(3), third);
    assert.equal(store.consistent, true);
  });

  it('knows its place, its incarnation and its moment after a stop in order', async () => {
    let store = await open();
    const { incarnation } = store;
    await store.append(at(1), change(1, [data(0, 512, 1)]));
    await store.close();
    store = await open();
    assert.deepEqual([store.durable, store.incarnation, store.consistent], [at(1), incarnation, true]);
    await store.append(at(2), mark(1, 'x'));
    assert.equal(store.consistent, true);
  });

  it('is not consistent after a kill before everything that may have been applied has come again', async () => {
    let store = await open();
    await store.append(at(1), change(1, [data(0, 512, 1)]));
    await store.sync();
    for (let i = 2; i <= 20; i++) await store.append(at(i), change(i, [data(i * 512, 512, i)]));
    store = await killed();
    assert.deepEqual(store.durable, at(1));
    assert.equal(store.consistent, false, 'entries up to 20 lie there');
    let number = 1;
    while (!store.consistent) {
      await store.append(at(++number), change(number, [data((number % 20) * 512, 512, number)]));
      assert.ok(number < 200);
    }
    assert.ok(number >= 20, `consistent with ${number}`);
  });

  it('is not consistent after a kill in a new epoch, and begins with its first entry', async () => {
    let store = await open();
    await store.append(at(1), change(1, [data(0, 512, 1)]));
    await store.sync();
    await store.append(at(1, OTHER_EPOCH), change(2, [data(0, 512, 2)]));
    assert.equal(store.durable, undefined, 'of this epoch');
    const { incarnation } = store;
    store = await killed();
    assert.equal(store.durable, undefined);
    assert.notEqual(store.incarnation, incarnation, 'whoever sent before must not believe that nobody did since');
    assert.equal(store.consistent, false);
    await store.append(at(1, OTHER_EPOCH), change(2, [data(0, 512, 2)]));
    assert.equal(store.consistent, false);
  });

  it('says durably that it is inconsistent before the first entry that makes it so', async () => {
    let store = await open();
    await store.append(at(1), change(1, [data(0, 512, 1)]));
    await store.sync();
    volume.obstacle = () => {
      throw new Fault('local', 'no space left');
    };
    await assert.rejects(store.append(at(2), doubtful(change(2, [data(0, 512, 2)]))), /no space left/);
    store = await killed();
    assert.equal(store.consistent, false);
  });

  it('takes an entry again that the medium could not take', async () => {
    const store = await open();
    await store.append(at(1), change(1, [data(0, 512, 1)]));
    let calls = 0;
    volume.obstacle = (what) => {
      if (what === 'write' && calls++ === 1) throw new Fault('local', 'no space left');
    };
    const entry = change(2, [data(0, 512, 2), data(1024, 512, 2)]);
    await assert.rejects(store.append(at(2), entry), /no space left/);
    assert.equal(store.consistent, false, 'a part of it lies there');
    await assert.rejects(store.append(at(3), entry), /entry 3 came behind entry 1/);
    await store.append(at(2), entry);
    assert.equal(store.consistent, true);
  });

  it('goes back to what is durable when a flush fails: the medium may have lost what it had', async () => {
    const store = await open();
    await store.append(at(1), change(1, [data(0, 512, 1)]));
    await store.sync();
    await store.append(at(2), change(2, [data(0, 512, 2)]));
    volume.obstacle = (what) => {
      if (what === 'flush') throw new Fault('local', 'input/output error');
    };
    await assert.rejects(store.sync(), /input\/output error/);
    volume.obstacle = undefined;
    assert.deepEqual(store.durable, at(1));
    assert.equal(store.consistent, false);
    await store.append(at(2), change(2, [data(0, 512, 2)]));
    assert.equal(store.consistent, true);
    await store.sync();
    assert.deepEqual(store.durable, at(2));
  });

  it('is no moment before an entry that came in part has come whole, whatever comes again before it', async () => {
    const store = await open();
    await store.append(at(1), change(1, [data(0, 512, 1)]));
    await store.sync();
    await store.append(at(2), change(2, [data(512, 512, 2)]));
    const torn = change(3, [data(1024, 512, 3), data(4096, 512, 3)]);
    let writes = 0;
    volume.obstacle = (what) => {
      if (what === 'flush' || (what === 'write' && writes++ > 0)) throw new Fault('local', 'input/output error');
    };
    await assert.rejects(store.append(at(3), torn), /input\/output error/);
    await assert.rejects(store.sync(), /input\/output error/);
    volume.obstacle = undefined;
    await store.append(at(2), change(2, [data(512, 512, 2)]));
    assert.equal(volume.bytes[1024], 3, 'a part of entry 3 lies there');
    assert.equal(store.consistent, false);
    await store.append(at(3), torn);
    assert.equal(store.consistent, true);
  });

  it('is another store over another medium', async () => {
    let store = await open();
    const { incarnation } = store;
    await store.append(at(1), change(1, [data(0, 512, 1)]));
    await store.close();
    store = await open(join(folder, 'state'), new Medium(16 * 1024, 'other'));
    assert.notEqual(store.incarnation, incarnation);
    assert.deepEqual([store.durable, store.consistent], [undefined, false]);
    assert.match(notices.join(), /another medium/);
  });

  it('refuses what is out of range and grows where that is asked for', async () => {
    const store = await open();
    const far = change(1, [data(16 * 1024, 512, 1)]);
    await assert.rejects(store.append(at(1), far), /not within a volume of 16384 bytes/);
    await store.grow(32 * 1024);
    assert.equal(store.bytes, 32 * 1024);
    await store.append(at(1), far);
  });
});
