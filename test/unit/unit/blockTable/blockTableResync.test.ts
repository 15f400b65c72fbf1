import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import type { Change } from '../../../../src/base/change.ts';
import { Extents } from '../../../../src/base/extents.ts';
import type { FarStore } from '../../../../src/base/ordered.ts';
import { Room } from '../../../../src/buffer/room.ts';
import { Unresolved } from '../../../../src/record/unresolved.ts';
import { nearSums } from '../../../../src/unit/blockTable/blockTableNear.ts';
import { tabledStore, tabledVolume } from '../../../../src/unit/blockTable/blockTableOpen.ts';
import type { TabledStore } from '../../../../src/unit/blockTable/blockTableStore.ts';
import { TabledVolume } from '../../../../src/unit/blockTable/blockTableVolume.ts';
import { openPlainStore } from '../../../../src/unit/history/plainStore.ts';
import type { JourneyVolume } from '../../../../src/unit/link/journeyTypes.ts';
import { openJourneyVolume } from '../../../../src/unit/link/journeyVolume.ts';
import { VolumeUnit } from '../../../../src/unit/mirror/volumeUnit.ts';
import { CutProxy } from '../../../kit/cutProxy.ts';
import { Authority, journeyOptions, monotonic, serve, until } from '../../../kit/journey.ts';
import { PAGE, quiet, tablesFolder } from './blockTableKit.ts';

const MIB = 1024 * 1024;

function extentsOf(...ranges: [number, number][]): Extents {
  const all = new Extents();
  for (const [start, length] of ranges) all.add(start, start + length);
  return all;
}

describe('D4 a resync by block tables, over a link', function () {
  this.timeout(60_000);
  const { at, ends, fileVolume } = tablesFolder();
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
