import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { copyOf } from '../../../../src/base/bytes.ts';
import { Fault } from '../../../../src/base/fault.ts';
import { ELIDE_AFTER_NS } from '../../../../src/link/elision.ts';
import { openJourneyVolume } from '../../../../src/unit/link/journeyVolume.ts';
import { MemoryFarStore } from '../../../kit/farStore.ts';
import { journeyOptions, monotonic, serve, until } from '../../../kit/journey.ts';
import { change, Journeys, page, piece, SIZE } from './journeyKit.ts';

/** A clock by which nothing waits so long that it becomes one entry with others (D2), however late the connection is back. */
function slow(): number {
  return monotonic() / 1000;
}

describe('D1 a volume at another unit, over TLS 1.3', () => {
  let journeys: Journeys;

  before(async () => {
    journeys = await Journeys.make();
  });
  afterEach(() => journeys.close());

  it('carries changes of every kind', async () => {
    const store = new MemoryFarStore(SIZE);
    const { service, port } = await journeys.serving({ vol1: store });
    const volume = await journeys.opening(port);
    assert.equal(volume.blocks * volume.blockSize, SIZE);
    assert.deepEqual(volume.identity(), { kind: 'lu', id: `journey:${store.incarnation}` });
    const data = randomBytes(3_000_000);
    await Promise.all([
      volume.append(change(piece(512, data))),
      volume.append(change({ offset: 0, length: 1024, payload: { fill: Uint8Array.of(1, 2, 3, 4) } })),
      volume.append(change({ offset: 1024, length: 8192, payload: 'zeros' })),
      volume.append(change({ offset: 4096, length: 16, payload: { or: [new Uint8Array(16).fill(6)] } })),
      volume.append({ kind: 'mark', at: 2n, name: 'now', consistent: true }),
    ]);
    assert.equal(store.durable?.number, 5);
    assert.deepEqual(store.names, ['now']);
    const expected = new Uint8Array(SIZE);
    expected.set(data, 512);
    for (let i = 0; i < 1024; i++) expected[i] = 1 + (i % 4);
    expected.fill(0, 1024, 1024 + 8192);
    expected.fill(6, 4096, 4096 + 16);
    assert.ok(Buffer.compare(store.contents, expected) === 0);
    const back = new Uint8Array(SIZE - 3);
    await volume.read(3, back);
    assert.ok(Buffer.compare(back, expected.subarray(3)) === 0);
    const { link } = volume;
    assert.ok(
      link.connected && link.durable === 5 && link.appended === 5 && link.waitingBytes === 0 && link.peer === 'b',
    );
    assert.ok(link.wireBytes > 3_000_000 && link.wireBytes < 3_000_000 * 1.01, `${link.wireBytes}`);
    const sender = service.sender('vol1');
    assert.ok(sender?.peer === 'a' && sender.durable === 5 && sender.waitingBytes === 0);
    assert.equal(service.sender('vol2'), undefined);
  });

  it('gathers what comes together into few syncs', async () => {
    const store = new MemoryFarStore(SIZE);
    const { port } = await journeys.serving({ vol1: store });
    const volume = await journeys.opening(port);
    await Promise.all(Array.from({ length: 500 }, (_, n) => volume.append(page(4096 * n, n))));
    assert.equal(store.durable?.number, 500);
    assert.ok(store.syncs < 250, `${store.syncs} syncs`);
  });

  it('goes on where it was after breaks, and no append fails', async () => {
    const store = new MemoryFarStore(SIZE);
    const { port } = await journeys.serving({ vol1: store });
    const proxy = await journeys.proxied(port);
    const notices: string[] = [];
    const volume = await journeys.opening(proxy.port, { notice: (text) => notices.push(text), now: slow });
    const image = new Uint8Array(SIZE);
    const appends: Promise<void>[] = [];
    for (let n = 0; n < 300; n++) {
      const bytes = randomBytes(20_000);
      const at = (n * 7919 * 512) % (SIZE - bytes.length);
      image.set(bytes, at);
      appends.push(volume.append(change(piece(at, bytes))));
      if (n % 60 === 30) {
        await until(() => store.seen.length > n / 2);
        proxy.breakAll();
        await until(() => !volume.link.connected);
      }
      if (n % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(appends);
    assert.equal(store.seen.length, 300, 'each once');
    assert.ok(Buffer.compare(store.contents, image) === 0);
    assert.ok(volume.link.reconnects >= 2, `${volume.link.reconnects}`);
    assert.ok(!volume.down);
    assert.match(notices.join('\n'), /changes wait until it is connected again[\s\S]*the connection is back/);
  });

  it('waits for a unit that is away, and for one that was started anew', async () => {
    const store = new MemoryFarStore(SIZE);
    const first = await serve(journeys.farKeys, { vol1: store });
    const proxy = await journeys.proxied(first.port);
    const volume = await journeys.opening(proxy.port, { now: slow });
    await volume.append(page(0, 1));
    proxy.cut();
    await until(() => !volume.link.connected);
    let durable = 0;
    const appends = [2, 3, 4].map(async (n) => {
      await volume.append(page(0, n));
      durable++;
    });
    await first.service.close();
    const again = await journeys.serving({ vol1: store });
    assert.equal(durable, 0);
    proxy.join(again.port);
    await Promise.all(appends);
    assert.equal(store.contents[0], 4);
    assert.equal(store.seen.length, 4);
    assert.ok(volume.link.lastFault !== undefined);
  });

  it('rejects everything when the far end has lost what was durable, or is another', async () => {
    for (const lose of [(store: MemoryFarStore) => store.crashTo(1), (store: MemoryFarStore) => store.renew()]) {
      const store = new MemoryFarStore(SIZE);
      const { port, service } = await serve(journeys.farKeys, { vol1: store });
      const proxy = await journeys.proxied(port);
      const volume = await journeys.opening(proxy.port);
      const before = volume.identity().id;
      for (let n = 0; n < 3; n++) await volume.append(page(0, n));
      proxy.cut();
      await until(() => !volume.link.connected);
      const waiting = [volume.append(page(4096, 9)), volume.flush(), volume.differing(0, new Uint8Array(512))];
      lose(store);
      proxy.join();
      for (const one of waiting) await assert.rejects(one, Fault);
      assert.ok(volume.down);
      await assert.rejects(volume.append(page(0, 1)), Fault);
      await volume.revive();
      assert.ok(!volume.down);
      assert.notEqual(volume.identity().id, before);
      await volume.append(page(8192, 5));
      assert.equal(store.contents[8192], 5);
      await volume.close();
      await service.close();
    }
  });

  it('tells whether another unit wrote meanwhile', async () => {
    const store = new MemoryFarStore(SIZE);
    const { port } = await journeys.serving({ vol1: store });
    const name = `journey:${store.incarnation}`;
    for (const [unit, id] of [
      ['one', name],
      ['one', name],
      ['two', /^journey:.* after /],
      ['two', name],
      ['one', /^journey:.* after /],
    ] as const) {
      const volume = await openJourneyVolume(journeyOptions(port, journeys.nearKeys, { unit }));
      if (typeof id === 'string') assert.equal(volume.identity().id, id, unit);
      else assert.match(volume.identity().id, id);
      await volume.append(page(0, 1));
      await volume.close();
    }
  });

  it('refuses a second unit while one is connected; the same unit anew takes over', async () => {
    const store = new MemoryFarStore(SIZE);
    const { port, notices } = await journeys.serving({ vol1: store });
    const volume = await journeys.opening(port);
    await volume.append(page(0, 1));
    await assert.rejects(journeys.opening(port, { unit: 'unit-c' }), (fault: Fault) => {
      assert.match(fault.message, /volume vol1 is being sent by unit a at 127\.0\.0\.1/);
      return fault.unreachable;
    });
    const later = await journeys.opening(port);
    await later.append(page(0, 2));
    assert.match(notices.join('\n'), /is being sent by unit a[\s\S]*the unit has connected anew/);
    assert.equal(store.contents[0], 2);
  });

  it('leaves a store alone that an older connection is still at work with', async () => {
    const store = new MemoryFarStore(SIZE);
    const { port } = await journeys.serving({ vol1: store });
    let go = (): void => undefined;
    store.turn = () => new Promise((resolve) => (go = resolve));
    const openings = openJourneyVolume(journeyOptions(port, journeys.nearKeys));
    await until(() => store.syncs === 1);
    go();
    const first = await openings;
    journeys.later(first);
    first.append(page(0, 1)).catch(() => undefined);
    const stuck = go;
    await until(() => go !== stuck);
    let welcomed = false;
    const second = journeys.opening(port).then((volume) => {
      welcomed = true;
      return volume;
    });
    await until(() => first.link.lastFault !== undefined);
    assert.equal(store.syncs, 1);
    assert.ok(!welcomed);
    store.turn = async () => undefined;
    go();
    await (await second).append(page(0, 2));
    // Both are one unit, and take the volume from each other: whatever order that has, the store saw each entry in its turn.
    assert.ok(store.seen.length >= 2);
  });

  it('waits while the far end has no room, with words at both ends', async () => {
    const store = new MemoryFarStore(SIZE);
    const { port, service, notices } = await journeys.serving({ vol1: store });
    const near: string[] = [];
    const volume = await journeys.opening(port, { notice: (text) => near.push(text) });
    for (const failure of ['appendFailure', 'syncFailure'] as const) {
      store[failure] = new Fault('local', 'the disk is full', 'make room');
      const append = volume.append(page(0, 7));
      await until(() => volume.link.paused !== undefined);
      assert.equal(volume.link.paused, 'the disk is full');
      assert.equal(service.sender('vol1')?.paused, 'the disk is full');
      store[failure] = undefined;
      await append;
      assert.equal(volume.link.paused, undefined);
      assert.equal(service.sender('vol1')?.paused, undefined);
    }
    assert.match(notices.join('\n'), /changes wait: the disk is full \(make room\)[\s\S]*applied again/);
    assert.match(near.join('\n'), /the far end is paused: the disk is full \(make room\)[\s\S]*goes on/);
    assert.equal(store.seen.length, 2);
  });

  it('grows, or says why not', async () => {
    const store = new MemoryFarStore(SIZE);
    const { port } = await journeys.serving({ vol1: store });
    const volume = await journeys.opening(port);
    const sizes: number[] = [];
    volume.onSizeChange((blocks) => sizes.push(blocks));
    await volume.grow(SIZE);
    await volume.grow(2 * SIZE);
    assert.deepEqual(sizes, [(2 * SIZE) / 512]);
    await volume.append(page(2 * SIZE - 4096, 3));
    store.growFailure = new Fault('local', 'the device cannot grow', 'enlarge it');
    await assert.rejects(volume.grow(3 * SIZE), (fault: Fault) => {
      assert.match(fault.message, /the device cannot grow/);
      return fault.mend === 'enlarge it';
    });
    assert.equal(volume.blocks, (2 * SIZE) / 512);
  });

  it('refuses what lies beyond the volume, for good', async () => {
    const store = new MemoryFarStore(SIZE);
    const { port, notices } = await journeys.serving({ vol1: store });
    const volume = await journeys.opening(port);
    await assert.rejects(
      volume.append(page(SIZE - 512, 1)),
      /change 1 reaches to 4197888, and the volume ends at 4194304/,
    );
    assert.ok(volume.down);
    assert.match(notices.join('\n'), /change 1 reaches to/);
    assert.equal(store.seen.length, 0);
    await volume.revive();
    await volume.append(page(0, 1));
    await assert.rejects(volume.read(SIZE, new Uint8Array(512)), /ends at 4194304/);
    assert.ok(!volume.down, 'a question that fails is nothing more');
  });

  it('does not send what was written over while it was cut off', async () => {
    const store = new MemoryFarStore(SIZE);
    const { port } = await journeys.serving({ vol1: store });
    const proxy = await journeys.proxied(port);
    let later = 0;
    const volume = await journeys.opening(proxy.port, { now: () => monotonic() + later });
    await volume.append(page(0, 1));
    proxy.cut();
    await until(() => !volume.link.connected);
    const image = copyOf(store.contents);
    const appends: Promise<void>[] = [];
    for (let n = 0; n < 200; n++) {
      const bytes = randomBytes(8192);
      const at = (n % 10) * 4096;
      image.set(bytes, at);
      appends.push(volume.append(change(piece(at, bytes))));
    }
    appends.push(volume.append({ kind: 'mark', at: 0n, name: 'back', consistent: true }));
    later += ELIDE_AFTER_NS;
    const before = volume.link.wireBytes;
    proxy.join();
    await Promise.all(appends);
    assert.ok(Buffer.compare(store.contents, image) === 0);
    const { link } = volume;
    assert.equal(link.elidedBytes, 200 * 8192 - 11 * 4096);
    assert.ok(link.wireBytes - before < 11 * 4096 + 16_384, `${link.wireBytes - before} bytes on the wire`);
    assert.equal(store.seen.length, 3, 'what was there, what became one, and the bookmark');
    assert.ok(link.durable === 202 && link.appended === 202 && link.waitingBytes === 0);
  });

  it('keeps to its limit', async () => {
    const store = new MemoryFarStore(SIZE);
    const { port } = await journeys.serving({ vol1: store });
    const volume = await journeys.opening(port, { limitBytesPerSecond: 4_000_000 });
    const started = performance.now();
    await volume.append(change(piece(0, randomBytes(1_600_000))));
    const took = performance.now() - started;
    // A tenth of a second may go at once.
    assert.ok(took > 250, `${took} ms for 0.4 s of bytes`);
  });

  it('compresses where it is told to, and comes out the same', async () => {
    const store = new MemoryFarStore(SIZE);
    const { port } = await journeys.serving({ vol1: store });
    const volume = await journeys.opening(port, { compress: true });
    const text = Buffer.alloc(2_000_000, 'all work and no play makes Jack a dull boy. ');
    const noise = randomBytes(100_000);
    await Promise.all([
      volume.append(change(piece(0, text))),
      volume.append(page(2_100_000, 3)),
      volume.append(change(piece(2_200_000, noise))),
      volume.append({ kind: 'state', at: 0n, consistent: true }),
    ]);
    assert.ok(Buffer.compare(store.contents.subarray(0, text.length), text) === 0);
    assert.ok(Buffer.compare(store.contents.subarray(2_200_000, 2_300_000), noise) === 0);
    assert.ok(volume.link.wireBytes < 300_000, `${volume.link.wireBytes}`);
    assert.notEqual(volume.link.compression, 'none');
  });

  it('fails what waits when it is closed, and says so to the far end', async () => {
    const store = new MemoryFarStore(SIZE);
    const { port, notices, service } = await journeys.serving({ vol1: store });
    const volume = await journeys.opening(port);
    store.syncFailure = new Fault('local', 'not now');
    const append = volume.append(page(0, 1));
    await until(() => volume.link.paused !== undefined);
    await volume.close();
    await assert.rejects(append, /was closed/);
    await assert.rejects(volume.revive(), /is closed/);
    await until(() => service.sender('vol1') === undefined);
    assert.match(notices.join('\n'), /the sender ended the connection: .*was closed/);
  });

  it('waits for a far end that ends in order', async () => {
    const store = new MemoryFarStore(SIZE);
    const { port, service } = await serve(journeys.farKeys, { vol1: store });
    const volume = await journeys.opening(port);
    await volume.append(page(0, 1));
    await service.close();
    await until(() => !volume.link.connected);
    await until(() => /the unit ends|refuses the connection/.test(volume.link.lastFault ?? ''));
    assert.ok(!volume.down);
  });
});
