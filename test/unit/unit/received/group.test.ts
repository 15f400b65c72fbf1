import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copyOf } from '../../../../src/base/bytes.ts';
import { Room } from '../../../../src/buffer/room.ts';
import type { HistoryStore } from '../../../../src/unit/history/historyTypes.ts';
import { GroupOrder } from '../../../../src/unit/link/groupOrder.ts';
import type { JourneyVolume, LinkKeys } from '../../../../src/unit/link/journeyTypes.ts';
import { openJourneyVolume } from '../../../../src/unit/link/journeyVolume.ts';
import { VolumeUnit } from '../../../../src/unit/mirror/volumeUnit.ts';
import { ReceivedGroup } from '../../../../src/unit/received/groupReceived.ts';
import { ReceivedVolume, type RewindOrder } from '../../../../src/unit/received/receivedVolume.ts';
import { CutProxy } from '../../../kit/cutProxy.ts';
import { Authority, journeyOptions, monotonic, serve, until } from '../../../kit/journey.ts';
import { until as eventually } from '../../../live/kit/until.ts';
import { Lab, Medium } from '../history/historyKit.ts';

const BYTES = 64 * 1024;
const BLOCK = 512;
const NAMES = ['data', 'log'] as const;

/** A host that writes what depends on its last write, to either volume, and a unit that mirrors both. */
class Host {
  readonly images: Uint8Array[] = NAMES.map(() => new Uint8Array(BYTES));
  readonly units: VolumeUnit[];
  readonly order: GroupOrder;
  #seq = 0;

  constructor(volumes: readonly JourneyVolume[]) {
    this.order = new GroupOrder([{ name: 'books', side: 'bus', volumes: [...NAMES] }], Date.now());
    this.units = volumes.map(
      (volume, i) =>
        new VolumeUnit({
          lu: NAMES[i],
          room: new Room({ bytes: 1 << 20, threshold: 0.25, whenFull: 'lbn' }),
          mirrors: [{ to: `journey://far/${NAMES[i]}`, volume }],
          now: monotonic,
          notice: () => undefined,
          order: this.order.start,
          wall: () => 0,
        }),
    );
  }

  write(volume: number): void {
    const offset = BLOCK * Math.floor(Math.random() * (BYTES / BLOCK));
    const bytes = randomBytes(BLOCK);
    this.images[volume].set(bytes, offset);
    const seq = ++this.#seq;
    const change = { seq, at: BigInt(seq) * 1000n, lu: NAMES[volume], fua: false, order: this.order.next() };
    this.units[volume].push({ ...change, pieces: [{ offset, length: BLOCK, payload: [bytes] }] });
  }

  mark(name: string): void {
    const order = this.order.next();
    for (const unit of this.units) unit.mark(name, order);
  }

  tell(): void {
    const due = this.order.due(Number.POSITIVE_INFINITY);
    if (due) for (const unit of this.units) unit.reach(due.number);
  }
}

describe('C5 a consistency group over two links', function () {
  this.timeout(60_000);
  const lab = new Lab();
  const open: { close: () => Promise<void> }[] = [];
  let keysA: LinkKeys;
  let keysB: LinkKeys;
  let root: string;
  let stores: HistoryStore[];
  let group: ReceivedGroup;
  let port: number;
  let folders: string[];
  let media: Medium[];
  let keeping: { windowNs?: bigint } = {};

  before(async () => {
    const authority = await Authority.make();
    [keysA, keysB] = [await authority.unit('a'), await authority.unit('b')];
  });
  beforeEach(async () => {
    await lab.begin();
    root = mkdtempSync(join(tmpdir(), 'group-'));
    stores = [];
    folders = NAMES.map(() => lab.folder());
    media = NAMES.map((name) => new Medium(BYTES, name));
    for (const [i, base] of media.entries()) stores.push(await lab.open({ folder: folders[i], base, ...keeping }));
    const served = await serve(keysB, { data: stores[0], log: stores[1] });
    open.push(served.service);
    port = served.port;
    group = groupOf(stores);
  });
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.close();
    await lab.end();
    rmSync(root, { recursive: true });
  });

  const groupOf = (of: readonly HistoryStore[]): ReceivedGroup => {
    const told = () => undefined;
    const received = of.map((store, i) => {
      return new ReceivedVolume({ name: NAMES[i], to: 'file:x', store, history: store, now: monotonic, told });
    });
    return new ReceivedGroup('books', received);
  };
  const hosting = async (ports: readonly number[] = [port, port]): Promise<Host> => {
    const epoch = randomUUID();
    const volumes: JourneyVolume[] = [];
    for (const [i, volume] of NAMES.entries()) {
      const link = await openJourneyVolume(journeyOptions(ports[i], keysA, { volume, epoch, bytes: BYTES }));
      open.push(link);
      volumes.push(link);
    }
    return new Host(volumes);
  };
  const idle = async (host: Host): Promise<void> => {
    for (const unit of host.units) await unit.whenIdle();
  };
  const rewind = async (to: RewindOrder['to'], rest: Partial<RewindOrder> = {}) => {
    const out = join(root, randomUUID());
    const signal = new AbortController().signal;
    const report = await group.rewind({ to, out, force: false, progress: () => undefined, signal, ...rest });
    const images = NAMES.map((name) => new Uint8Array(readFileSync(join(report.out, `${name}.img`))));
    return { report, images };
  };

  it('writes an image of each volume, all of one moment: by bookmark, number and time', async () => {
    const host = await hosting();
    const kept: { number: number; at: bigint; images: Uint8Array[] }[] = [];
    for (let n = 0; n < 200; n++) {
      host.write(n % 3 === 0 ? 1 : 0);
      if (n === 100) host.mark('noon');
      if (n % 20 === 0) {
        const images = host.images.map((image) => copyOf(image));
        kept.push({ number: host.order.due(Number.POSITIVE_INFINITY)?.number ?? 0, at: BigInt(n + 1) * 1000n, images });
      }
    }
    await idle(host);
    const { bookmarks, newest, spans } = group.report();
    assert.deepEqual(
      bookmarks.map(({ name, consistent }) => [name, consistent]),
      [['noon', true]],
    );
    assert.ok(newest.consistent && spans.length === 1);
    const noon = kept[5];
    const marked = await rewind({ words: 'noon', mark: 'noon' });
    assert.deepEqual(marked.images, noon.images);
    assert.equal(marked.report.volumes.length, 2);
    for (const { number, at, images } of kept) {
      assert.deepEqual((await rewind({ words: '', sequence: number })).images, images);
      if (at !== noon.at) assert.deepEqual((await rewind({ words: '', time: at })).images, images, `${at}`);
    }
    assert.equal(
      readdirSync(root).some((name) => name.includes('partial')),
      false,
    );
  });

  it('has no moment that one volume lacks, and all of them once it has come', async () => {
    const proxy = await CutProxy.open(port);
    open.push(proxy);
    const host = await hosting([port, proxy.port]);
    for (let n = 0; n < 20; n++) host.write(n % 2);
    host.mark('before');
    await idle(host);
    proxy.cut();
    host.write(0);
    const lonely = host.order.due(Number.POSITIVE_INFINITY)?.number ?? 0;
    for (let n = 0; n < 9; n++) host.write(1 - (n % 2));
    host.mark('after');
    await host.units[0].whenIdle();
    host.tell();
    assert.deepEqual(
      group.report().bookmarks.map(({ name }) => name),
      ['before'],
    );
    assert.ok(group.report().newest.sequence < lonely);
    await assert.rejects(rewind({ words: 'after', mark: 'after' }), /at one moment of all volumes, but at data/);
    proxy.join();
    await idle(host);
    assert.deepEqual((await rewind({ words: 'after', mark: 'after' })).images, host.images);
  });

  it('is as new as its busiest volume when the others are idle, also after the far unit is killed', async () => {
    const host = await hosting();
    host.write(0);
    host.write(1);
    await idle(host);
    for (let n = 0; n < 10; n++) host.write(0);
    await idle(host);
    const { newest } = group.report();
    const all = host.order.due(Number.POSITIVE_INFINITY)?.number ?? 0;
    assert.ok(newest.sequence < all, 'nobody has said that the other volume has no more');
    host.tell();
    await until(() => group.report().newest.sequence === all);
    assert.deepEqual((await rewind({ words: '', sequence: all })).images, host.images);
    // Nothing is told again: what the queues hold must be enough. They hold it a moment after it was said.
    await eventually('a killed unit knows it, too', async () => {
      const again: HistoryStore[] = [];
      for (const [i, medium] of media.entries()) {
        again.push(await lab.open({ folder: lab.copy(folders[i]), base: new Medium(medium.bytes, NAMES[i]) }));
      }
      return groupOf(again).report().newest.sequence === all || undefined;
    });
  });

  describe('in a window of 20 changes', () => {
    // Before the stores are opened.
    before(() => {
      keeping = { windowNs: 20_000n };
    });
    after(() => {
      keeping = {};
    });
    it('has its last good moment as long as one volume is behind, whatever the window (C3)', async () => {
      const proxy = await CutProxy.open(port);
      open.push(proxy);
      const host = await hosting([port, proxy.port]);
      for (let n = 0; n < 20; n++) host.write(n % 2);
      host.mark('good');
      await idle(host);
      const good = { words: '', sequence: group.report().newest.sequence };
      const images = host.images.map((image) => copyOf(image));
      group.tick(0);
      proxy.cut();
      for (let n = 0; n < 300; n++) host.write(n % 2);
      await host.units[0].whenIdle();
      await stores[0].sync();
      assert.deepEqual((await rewind(good)).images, images);
      const { oldest } = stores[0].moments();
      proxy.join();
      await idle(host);
      host.tell();
      await until(() => group.report().newest.consistent);
      group.tick(2e9);
      host.write(0);
      await until(() => stores[0].moments().oldest.sequence > oldest.sequence + 100, 'it is let go');
    });
  });

  it('says why it has no moment, and leaves nothing behind', async () => {
    assert.match(group.report().why ?? '', /for data, log: name the same group/);
    await assert.rejects(rewind({ words: 'x', sequence: 1 }), /no moment in common/);
    assert.deepEqual(readdirSync(root), []);
  });
});
