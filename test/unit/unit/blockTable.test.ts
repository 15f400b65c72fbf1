import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { copyFile, mkdtemp, open, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openTableFile } from '../../../hw/blockTable.ts';
import { openFileVolume } from '../../../hw/files.ts';
import { TABLE_HEADER_BYTES } from '../../../parsers/formats/blockTable.ts';
import type { Change } from '../../../src/base/change.ts';
import { Extents } from '../../../src/base/extents.ts';
import type { FarStore } from '../../../src/base/ordered.ts';
import type { Volume } from '../../../src/base/volume.ts';
import { sumOf } from '../../../src/blocks/sums.ts';
import { Room } from '../../../src/buffer/room.ts';
import { Unresolved } from '../../../src/record/unresolved.ts';
import { type KeptTable, openKeptTable } from '../../../src/unit/blockTable.ts';
import { nearSums } from '../../../src/unit/blockTableNear.ts';
import { tabledStore, tabledVolume } from '../../../src/unit/blockTableOpen.ts';
import type { TabledStore } from '../../../src/unit/blockTableStore.ts';
import { TabledVolume } from '../../../src/unit/blockTableVolume.ts';
import { openHistoryStore } from '../../../src/unit/historyStore.ts';
import type { HistoryStore } from '../../../src/unit/historyTypes.ts';
import type { JourneyVolume } from '../../../src/unit/journeyTypes.ts';
import { openJourneyVolume } from '../../../src/unit/journeyVolume.ts';
import { openPlainStore } from '../../../src/unit/plainStore.ts';
import { VolumeUnit } from '../../../src/unit/volumeUnit.ts';
import { CutProxy } from '../../kit/cutProxy.ts';
import { Authority, journeyOptions, monotonic, serve, until } from '../../kit/journey.ts';
import { change, data, EPOCH, Medium } from './historyKit.ts';

const PAGE = 4096;
const MIB = 1024 * 1024;

let folder: string;
const ends: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tapmirror-blocks-'));
});

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  await rm(folder, { recursive: true });
});

const at = (name: string): string => join(folder, name);

async function fileVolume(name: string, bytes: Uint8Array): Promise<Volume> {
  await writeFile(at(name), bytes);
  return openFileVolume(at(name), { writable: true });
}

function quiet(text: string): void {
  assert.fail(text);
}

function extentsOf(...ranges: [number, number][]): Extents {
  const all = new Extents();
  for (const [start, length] of ranges) all.add(start, start + length);
  return all;
}

describe('D4 a block table and its file', () => {
  const SIZE = 100 * PAGE;
  const medium = randomBytes(SIZE);
  const keep = (name: string, more: object = {}): Promise<KeptTable> =>
    openKeptTable({
      path: at(name),
      identity: 'm',
      medium: at('medium'),
      blockSize: 512,
      bytes: SIZE,
      notice: quiet,
      ...more,
    });

  const learn = ({ table }: KeptTable): void => {
    for (let one = table.next(0); one; one = table.next(one.group + 1)) {
      table.known(one, medium.subarray(one.offset, one.offset + one.length));
    }
  };

  /** Blocks that are known to whoever opens it next. */
  const found = async (name: string, more: object = {}): Promise<number> => {
    const kept = await keep(name, more);
    const { current } = kept.table;
    await kept.close(false);
    return current;
  };

  beforeEach(() => writeFile(at('medium'), medium));

  it('is believed after a kill, and after an end in order', async () => {
    const kept = await keep('a');
    learn(kept);
    kept.table.begin(5 * PAGE, 1);
    await copyFile(at('a'), at('killed'));
    assert.equal(await found('killed'), 99);
    await kept.close(true);
    assert.equal(await found('a'), 99);
    assert.equal(await found('a'), 99, 'in this boot also after one that was not in order');
  });

  it('is not believed for another medium, nor when somebody changed the medium since it was closed', async () => {
    const kept = await keep('a');
    learn(kept);
    await kept.close(true);
    await copyFile(at('a'), at('b'));
    await copyFile(at('a'), at('c'));
    assert.equal(await found('b', { identity: 'another' }), 0);
    await utimes(at('medium'), 1, 1);
    assert.equal(await found('c'), 0);
    assert.equal(await found('c'), 0);
  });

  it('is not believed after a power loss, nor with a bit of its header turned', async () => {
    const kept = await keep('a');
    learn(kept);
    await copyFile(at('a'), at('open'));
    await kept.close(true);
    const boot = await openTableFile(at('open'));
    assert.ok(boot.found && !boot.found.clean);
    boot.putHeader({ ...boot.found, bootId: new Uint8Array(16).fill(7) });
    await boot.close();
    await copyFile(at('open'), at('clean'));
    assert.equal(await found('open'), 0);
    const closed = await openTableFile(at('clean'));
    assert.ok(closed.found);
    closed.putHeader({ ...closed.found, clean: true });
    await closed.close();
    assert.equal(await found('clean'), 100, 'what was closed in order survives one');
    const whole = await readFile(at('a'));
    for (let bit = 0; bit < TABLE_HEADER_BYTES * 8; bit += 7) {
      const bytes = Uint8Array.from(whole);
      bytes[bit >> 3] ^= 1 << (bit & 7);
      await writeFile(at('turned'), bytes);
      assert.equal(await found('turned'), 0, `bit ${bit}`);
    }
  });

  it('knows nothing of what the volume grew by while it was closed, and of where it ended', async () => {
    const kept = await keep('a');
    learn(kept);
    await kept.close(true);
    assert.equal(await found('a', { bytes: SIZE + 1000 * PAGE }), 64, 'the first group is known still');
    assert.equal(await found('a', { bytes: SIZE }), 64);
  });
});

describe('D4 media and stores with a block table', () => {
  const sound = async ({ table }: TabledStore | TabledVolume, read: FarStore['read']): Promise<void> => {
    const bytes = new Uint8Array(table.bytes);
    await read(0, bytes);
    for (let block = 0; block < table.blocks; block++) {
      const sum = table.sum(0, block);
      const own = sumOf(bytes.subarray(block * PAGE, (block + 1) * PAGE));
      if (sum) assert.equal(Buffer.compare(sum, own), 0, `block ${block}`);
    }
  };

  it('never know what was written since, and know it again once it was read', async () => {
    const SIZE = 200 * PAGE + 512;
    const volume = await tabledVolume(await fileVolume('m', randomBytes(SIZE)), {
      path: at('t'),
      medium: at('m'),
      notice: quiet,
      background: false,
    });
    ends.push(() => volume.close());
    assert.ok(volume instanceof TabledVolume);
    for (let turn = 0; turn < 30; turn++) {
      const whole = volume.scrub.whole();
      const bytes = randomBytes(1 + ((turn * 7919) % 30_000));
      const offset = (turn * 104_729) % (SIZE - bytes.length);
      const writes = [
        volume.writev([{ offset, length: bytes.length, payload: [bytes] }], { fua: turn % 2 === 0 }),
        volume.zero((offset + 50 * PAGE) % (SIZE - 100), 100),
      ];
      await Promise.all([whole, ...writes]);
      await sound(volume, (from, into) => volume.read(from, into));
    }
    await volume.scrub.whole();
    assert.equal(volume.table.current, volume.table.blocks);
    await volume.grow(300 * PAGE);
    assert.equal(volume.table.blocks, 300);
    await sound(volume, (from, into) => volume.read(from, into));
  });

  it('give the table up when the medium fails to make durable what it was given', async () => {
    const notices: string[] = [];
    const medium = new Medium(64 * PAGE);
    const place = {
      path: at('t'),
      medium: at('none'),
      notice: (text: string) => void notices.push(text),
      background: false,
    };
    const store = await tabledStore(await openPlainStore({ statePath: at('s'), volume: medium, notice: quiet }), place);
    assert.ok(store);
    ends.push(() => store.close().catch(() => undefined));
    await store.scrub.whole();
    assert.equal(store.table.current, 64);
    await store.append({ epoch: EPOCH, number: 1 }, change(1, [data(0, 512, 1)]));
    assert.equal(store.table.current, 63);
    medium.obstacle = (what) => {
      if (what === 'flush') throw new Error('the medium fails');
    };
    await assert.rejects(store.sync());
    assert.equal(store.table.current, 0);
    assert.equal(store.table.over, true);
    assert.equal((await readFile(at('t'))).length, 0, 'nor is anything left for the next one');
    assert.equal(notices.length, 1);
    medium.obstacle = () => undefined;
  });

  it('follow a history that folds, is rolled back and opened again', async () => {
    const base = new Medium(100 * PAGE);
    let table: TabledStore | undefined;
    const openAll = async (): Promise<HistoryStore> => {
      const options = { folder: at('q'), base, windowNs: 1n << 60n, bytes: 1 << 30, notice: () => undefined };
      const history = await openHistoryStore({ ...options, cutting: () => table?.lost() });
      table = await tabledStore(history, { path: at('t'), medium: at('none'), notice: quiet, background: false });
      assert.ok(table);
      return history;
    };
    let history = await openAll();
    ends.push(async () => table?.close());
    const read: FarStore['read'] = (offset, into) => history.read(offset, into);
    let number = 0;
    const write = async (offset: number): Promise<void> => {
      const entry = change(++number, [data(offset, 3 * PAGE, number)]);
      await table?.append({ epoch: EPOCH, number }, entry);
    };
    for (let n = 0; n < 10; n++) await write(n * 5000);
    await table?.scrub.whole();
    assert.equal(table?.table.current, 100);
    const { sequence } = history.moments().newest;
    await write(0);
    await write(90 * PAGE);
    await table?.scrub.whole();
    await history.rollBack(sequence);
    assert.equal(table?.table.current, 0, 'the newest moment is another one');
    await table?.scrub.whole();
    assert.ok(table);
    await sound(table, read);
    number = 10;
    // The first one after it learns that the store is another one.
    await write(0);
    assert.equal(table.table.current, 0);
    await table.scrub.whole();
    assert.equal(table.table.current, 100);
    await sound(table, read);
    await table.close();
    history = await openAll();
    assert.equal(table.table.current, 100, 'it was closed in order');
    await sound(table, read);
  });
});

describe('D4 a resync by block tables, over a link', function () {
  this.timeout(60_000);
  const SIZE = 24 * MIB + 512;
  let authority: Authority;

  before(async () => {
    authority = await Authority.make();
  });

  interface Site {
    unit: VolumeUnit;
    far: TabledStore;
    link: JourneyVolume;
    local: TabledVolume;
    /** Of the link's mirror and the local one's. */
    records: Unresolved[];
    proxy: CutProxy;
  }

  /** A first volume, a local mirror that is equal, and a far one; nothing is known of the latter. */
  async function site(first: Uint8Array, far: Uint8Array, tables: { near: boolean; far: boolean }): Promise<Site> {
    const [firstVolume, localFile, farFile] = [
      await fileVolume('first', first),
      await fileVolume('local', first),
      await fileVolume('far', far),
    ];
    ends.push(() => firstVolume.close());
    const local = await tabledVolume(localFile, {
      path: at('local.t'),
      medium: at('local'),
      notice: quiet,
      background: false,
    });
    assert.ok(local instanceof TabledVolume);
    const plain = await openPlainStore({ statePath: at('far.s'), volume: farFile, notice: quiet });
    const store = await tabledStore(plain, { path: at('far.t'), medium: at('far'), notice: quiet, background: false });
    assert.ok(store);
    ends.push(() => store.close());
    if (tables.near) await local.scrub.whole();
    if (tables.far) await store.scrub.whole();
    const { service, port } = await serve(await authority.unit('b'), { vol1: store });
    ends.push(() => service.close());
    const proxy = await CutProxy.open(port);
    ends.push(() => proxy.close());
    const link = await openJourneyVolume(journeyOptions(proxy.port, await authority.unit('a'), { bytes: SIZE }));
    const room = new Room({ bytes: 8 * MIB, threshold: 0.25, whenFull: 'lbn' });
    const records = [new Unresolved(), new Unresolved()];
    records[0].addWhole('unseen');
    const unit: VolumeUnit = new VolumeUnit({
      lu: 'x/0',
      room,
      mirrors: [
        { to: 'journey://far:1/vol1', volume: link, record: records[0] },
        { to: 'file:local', volume: local, record: records[1] },
      ],
      first: { name: 'file:first', volume: firstVolume },
      now: monotonic,
      notice: quiet,
      near: () => nearSums(unit.arms[1]),
    });
    ends.push(() => unit.close());
    unit.facts({ lu: 'x/0', blockSize: 512, blocks: SIZE / 512, designators: [] });
    return { unit, far: store, link, local, records, proxy };
  }

  async function assertEqual(first = 'first'): Promise<void> {
    const [one, other] = await Promise.all([readFile(at(first)), readFile(at('far'))]);
    assert.equal(Buffer.compare(one, other), 0, 'the far volume is equal');
  }

  it('reads and sends only what differs', async () => {
    const first = randomBytes(SIZE);
    const far = Uint8Array.from(first);
    const blocks = Math.floor(SIZE / PAGE);
    for (let n = 0; n < 60; n++) far[((n * 40_503) % blocks) * PAGE + n] ^= 1;
    far[SIZE - 1] ^= 1;
    const { unit, far: store, link, proxy } = await site(first, far, { near: true, far: true });
    const before = proxy.carried;
    await unit.finish();
    await store.sync();
    await assertEqual();
    assert.ok(store.consistent);
    const [{ pump, record }] = unit.arms;
    assert.ok(record.below(SIZE).isEmpty);
    assert.equal(pump.comparedBytes, 60 * PAGE + 512, 'the rest of the first volume was not read');
    const exchanged = proxy.carried - before;
    assert.ok(exchanged < 1.3 * 61 * PAGE + 256 * 1024, `${exchanged} bytes were exchanged`);
    assert.equal(link.link.reconnects, 0);
    assert.equal(store.table.current, store.table.blocks - 61);
  });

  it('comes to the same where tables know a part, or nothing', async () => {
    for (const tables of [
      { near: true, far: false },
      { near: false, far: true },
    ]) {
      const first = randomBytes(SIZE);
      const far = Uint8Array.from(first);
      for (let n = 0; n < 40; n++) far[n * 600_011] ^= 1;
      const { unit, far: store } = await site(first, far, tables);
      await unit.finish();
      await store.sync();
      await assertEqual();
      // The far end reads what it does not know; the near end has the first volume read.
      const { comparedBytes } = unit.arms[0].pump;
      if (tables.near) assert.equal(comparedBytes, 40 * PAGE);
      else assert.equal(comparedBytes, SIZE);
      for (const end of ends.splice(0).reverse()) await end();
    }
  });

  it('does without where the far end keeps no table, also when it keeps none any more', async () => {
    const bytes = randomBytes(SIZE);
    const { unit, far, link, proxy } = await site(bytes, bytes, { near: true, far: true });
    const near = nearSums(unit.arms[1]);
    assert.ok(near);
    const plain: FarStore = {
      ...{ blockSize: 512, bytes: SIZE, incarnation: far.incarnation, consistent: false },
      get durable() {
        return far.durable;
      },
      append: (place, entry) => far.append(place, entry),
      sync: () => far.sync(),
      read: (offset, into) => far.read(offset, into),
      grow: (length) => far.grow(length),
      close: async () => undefined,
    };
    const served = await serve(await authority.unit('b'), { vol1: plain });
    ends.push(() => served.service.close());
    // Asked while the link is cut; who answers then is of an older version.
    proxy.cut();
    await until(() => !link.link.connected);
    const asked = assert.rejects(link.survey?.(extentsOf([0, SIZE]), near) ?? Promise.resolve(), /no block table/);
    proxy.join(served.port);
    await asked;
    assert.equal(await link.survey?.(extentsOf([0, SIZE]), near), undefined);
    await unit.finish();
    assert.ok(unit.arms[0].record.below(SIZE).isEmpty, 'what is compared is read then');
    assert.equal(unit.arms[0].pump.comparedBytes, SIZE);
  });

  it('keeps to the truth while hosts write, connections break and the local mirror is in doubt', async () => {
    const first = randomBytes(SIZE);
    const far = randomBytes(SIZE);
    far.set(first.subarray(0, 20 * MIB));
    const { unit, far: store, proxy, local } = await site(first, far, { near: true, far: true });
    // What the local mirror has wrong, and knows.
    await local.writev([{ offset: 5 * MIB, length: PAGE, payload: [randomBytes(PAGE)] }], { fua: false });
    unit.doubt(extentsOf([5 * MIB, PAGE]), 'unseen');
    await local.scrub.whole();
    const disk = await open(at('first'), 'r+');
    ends.push(() => disk.close());
    const finishing = unit.finish();
    for (let seq = 1; seq <= 200; seq++) {
      const bytes = randomBytes(PAGE);
      const offset = ((seq * 7919) % Math.floor(SIZE / PAGE)) * PAGE;
      await disk.write(bytes, 0, PAGE, offset);
      const one: Change = {
        seq,
        at: BigInt(seq),
        lu: 'x/0',
        pieces: [{ offset, length: PAGE, payload: [bytes] }],
        fua: false,
      };
      unit.push(one);
      if (seq % 50 === 0) proxy.breakAll();
    }
    await finishing;
    await unit.finish();
    await store.sync();
    await assertEqual();
    await assertEqual('local');
    assert.ok(store.consistent);
  });
});
