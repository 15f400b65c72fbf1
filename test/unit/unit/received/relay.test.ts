import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { openLog } from '../../../../hw/log.ts';
import { Fault } from '../../../../src/base/fault.ts';
import type { EntryPlace, FarStore, OrderedEntry } from '../../../../src/base/ordered.ts';
import { Room } from '../../../../src/buffer/room.ts';
import type { LiveMirrorConfig } from '../../../../src/unit/config/configTypes.ts';
import { openHistoryStore } from '../../../../src/unit/history/historyStore.ts';
import type { HistoryStore } from '../../../../src/unit/history/historyTypes.ts';
import { openPlainStore } from '../../../../src/unit/history/plainStore.ts';
import type { LinkKeys } from '../../../../src/unit/link/journeyTypes.ts';
import { OpenMedia } from '../../../../src/unit/lu/twins.ts';
import { Relay } from '../../../../src/unit/received/relay.ts';
import { RelayMedia } from '../../../../src/unit/received/relayMedia.ts';
import { MemoryFarStore } from '../../../kit/farStore.ts';
import { Authority, monotonic, serve, until } from '../../../kit/journey.ts';
import { change, data, EPOCH, Medium, mark } from '../history/historyKit.ts';

const SIZE = 64 * 1024;
const SECOND = 1_000_000_000n;

describe('D3 a volume that is passed on, over a real link', () => {
  const open: { close: () => Promise<unknown> }[] = [];
  let keysB: LinkKeys;
  let keysC: LinkKeys;
  let folder: string;
  let medium: Medium;
  let far: MemoryFarStore;
  let notices: string[];

  before(async () => {
    const authority = await Authority.make();
    keysB = await authority.unit('b');
    keysC = await authority.unit('c');
  });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'relay-'));
    medium = new Medium(SIZE, 'middle');
    far = new MemoryFarStore(SIZE);
    notices = [];
  });

  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.close();
    await rm(folder, { recursive: true });
  });

  const history = (): Promise<HistoryStore> =>
    openHistoryStore({
      folder: join(folder, 'queue'),
      base: medium,
      windowNs: 3600n * SECOND,
      bytes: 1 << 20,
      notice: () => undefined,
    });

  /** A far end, and the middle unit before it. */
  async function relayOf(store: FarStore, roomBytes = 1 << 20): Promise<Relay> {
    const { service, port } = await serve(keysC, { vol1: far });
    open.push(service);
    const to = `journey://127.0.0.1:${port}/vol1`;
    const url = { host: '127.0.0.1', port, volume: 'vol1' };
    const mirrors: LiveMirrorConfig[] = [{ kind: 'journey', to, url, compress: false }];
    const own = { name: 'file:middle', volume: medium };
    const notice = (text: string): void => void notices.push(text);
    const identity = { unit: 'unit-b', initiatorName: 'iqn.b', epoch: randomUUID() };
    const shared = { folder, notice, now: monotonic };
    const media = new RelayMedia(mirrors, store, own, {
      ...shared,
      identity,
      tls: keysB,
      media: new OpenMedia(),
      spillBytes: 1 << 20,
    });
    const relay = await Relay.open({ name: 'vol1', store, newestAt: 1n, mirrors }, media, {
      ...shared,
      room: new Room({ bytes: roomBytes, threshold: 0.25, whenFull: 'lbn' }),
      record: { chunkBytes: 4096, hotBytes: 16_384 },
      log: openLog('error', new PassThrough().resume()),
    });
    const ticks = setInterval(() => relay.tick(), 20);
    open.push({
      close: async () => {
        clearInterval(ticks);
        far.turn = async () => undefined;
        await relay.close(AbortSignal.timeout(5000));
        await store.close();
      },
    });
    return relay;
  }

  const at = (number: number): EntryPlace => ({ epoch: EPOCH, number });
  const equal = (relay: Relay): boolean => relay.status().every(({ state }) => state === 'equal');
  const same = (): boolean => Buffer.compare(far.contents, medium.bytes) === 0;

  /** The far end begins with the very bytes of the first. */
  async function level(relay: Relay): Promise<void> {
    await relay.store.append(at(1), { kind: 'state', at: 5n, consistent: true });
    await relay.store.sync();
    await until(() => equal(relay));
    far.seen.length = 0;
  }

  it('gives the far end every entry in order, with its own time and its own consistency, and bookmarks by their names', async () => {
    const relay = await relayOf(await history());
    await level(relay);
    const or = { offset: 0, length: 512, payload: { or: [new Uint8Array(512).fill(0x80)] } };
    const fill = { offset: 8192, length: 4096, payload: { fill: Buffer.alloc(512, 7) } };
    const entries: OrderedEntry[] = [
      change(10, [data(0, 1024, 1), data(4096, 512, 2)]),
      change(11, [or, fill]),
      mark(11, 'first'),
      { ...change(12, [data(512, 512, 3)]), consistent: false },
      { ...mark(12, 'second'), consistent: false },
      { kind: 'copy', at: 13n, pieces: [data(20_480, 512, 4)], consistent: true },
      mark(13, 'third'),
    ];
    for (const [i, entry] of entries.entries()) await relay.store.append(at(i + 2), entry);
    await relay.store.sync();
    fill.payload.fill.fill(0xee);
    await until(() => far.names.length === 3 && equal(relay));
    const told = far.seen.map(({ entry }) => [entry.kind, entry.at, entry.consistent]);
    assert.deepEqual(told, [
      ['change', entries[0].at, true],
      ['change', entries[1].at, true],
      ['mark', entries[2].at, true],
      ['change', entries[3].at, false],
      ['mark', entries[4].at, false],
      ['change', entries[5].at, true],
      ['mark', entries[6].at, true],
    ]);
    assert.deepEqual(far.names, ['first', 'second', 'third']);
    assert.deepEqual([far.contents[0], far.contents[512], far.contents[8192], far.contents[12_287]], [0x81, 3, 7, 7]);
    const { link, record } = relay.status()[0];
    assert.equal(link?.peer, 'c');
    assert.equal(record.chunkBytes, 4096);
  });

  it('is held up by nobody behind it: what finds no room is read back, and the end says so until it has it', async () => {
    const relay = await relayOf(await history(), 32_768);
    await level(relay);
    let go = (): void => undefined;
    const stuck = new Promise<void>((resolve) => {
      go = resolve;
    });
    far.turn = () => stuck;
    for (let n = 2; n < 60; n++) {
      await relay.store.append(at(n), change(n, [data((n % 14) * 4096, 4096, n)]));
      await relay.store.sync();
    }
    assert.equal(relay.store.durable?.number, 59);
    await relay.store.append(at(60), mark(60, 'late'));
    await relay.store.sync();
    assert.notEqual(relay.status()[0].state, 'equal');
    far.turn = async () => undefined;
    go();
    await until(() => equal(relay) && far.names.includes('late'));
    const base = new Uint8Array(SIZE);
    await relay.store.read(0, base);
    assert.deepEqual(Buffer.compare(far.contents, base), 0);
    assert.ok(far.consistent);
  });

  it('grows with the volume', async () => {
    const relay = await relayOf(
      await openPlainStore({ statePath: join(folder, 's'), volume: medium, notice: () => {} }),
    );
    await level(relay);
    await relay.store.grow(2 * SIZE);
    await relay.store.append(at(2), change(2, [data(2 * SIZE - 512, 512, 9)]));
    await relay.store.sync();
    await until(() => equal(relay) && far.bytes === 2 * SIZE);
    assert.ok(same());
  });

  it('puts in doubt what the store takes back, and all of it where the store is another one', async () => {
    const store = await openPlainStore({ statePath: join(folder, 's'), volume: medium, notice: () => {} });
    const relay = await relayOf(store);
    await level(relay);
    await relay.store.append(at(2), change(2, [data(0, 512, 2)]));
    await until(() => far.contents[0] === 2);
    // The medium has lost what it was given, and says so.
    medium.bytes.fill(1, 0, 512);
    medium.obstacle = (what) => {
      if (what === 'flush') throw new Fault('local', 'input/output error');
    };
    await assert.rejects(relay.store.sync(), /input\/output error/);
    medium.obstacle = undefined;
    await until(() => far.contents[0] === 1);
    assert.equal(far.consistent, false, 'the middle holds no moment');
    await relay.store.append(at(2), change(2, [data(0, 512, 2)]));
    await relay.store.sync();
    await until(() => equal(relay) && far.consistent);
    assert.ok(same());
  });

  it('rolled back, it takes the far end with it', async () => {
    const store = await history();
    const relay = await relayOf(store);
    await level(relay);
    await relay.store.append(at(2), change(2, [data(0, 512, 2)]));
    await relay.store.sync();
    const { sequence } = store.moments().newest;
    await relay.store.append(at(3), change(3, [data(0, 512, 3), data(30_720, 512, 3)]));
    await relay.store.sync();
    await until(() => far.contents[30_720] === 3);
    await store.rollBack(sequence);
    await until(() => far.contents[0] === 2 && far.contents[30_720] === 0 && equal(relay));
    assert.ok(far.consistent);
  });
});
