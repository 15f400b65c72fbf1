import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { Piece } from '../../../../src/base/change.ts';
import { Extents } from '../../../../src/base/extents.ts';
import { Fault } from '../../../../src/base/fault.ts';
import type { Volume } from '../../../../src/base/volume.ts';
import { Room } from '../../../../src/buffer/room.ts';
import type { UnderWay } from '../../../../src/mirror/orderedHorizon.ts';
import type { VerifyOrder } from '../../../../src/unit/compare/verifyTypes.ts';
import { type VolumeVerifyParts, verifyVolume, Watchers } from '../../../../src/unit/compare/verifyVolume.ts';
import { openJourneyVolume } from '../../../../src/unit/link/journeyVolume.ts';
import { VolumeUnit } from '../../../../src/unit/mirror/volumeUnit.ts';
import { MemoryFarStore } from '../../../kit/farStore.ts';
import { Authority, journeyOptions, monotonic, serve, until } from '../../../kit/journey.ts';
import { Medium } from '../history/historyKit.ts';

const PAGE = 4096;
const SIZE = 300 * PAGE;

describe('D5 verify', () => {
  const ends: (() => Promise<unknown>)[] = [];
  let watchers: Watchers;
  let under: UnderWay;
  let seq: number;
  let media = 0;

  beforeEach(() => {
    watchers = new Watchers();
    under = { tasks: 0, bytes: new Extents() };
    seq = 0;
  });

  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  function medium(bytes: Uint8Array): Medium {
    return new Medium(Uint8Array.from(bytes), `medium ${++media}`);
  }

  /** A unit of one volume, `first` being written by hosts. */
  function unitOf(first: Volume | undefined, mirrors: Volume[]): VolumeVerifyParts {
    const unit = new VolumeUnit({
      lu: 'x/0',
      room: new Room({ bytes: 8 << 20, threshold: 0.25, whenFull: 'lbn' }),
      mirrors: mirrors.map((volume, i) => ({ to: `file:${i}`, volume })),
      ...(first ? { first: { name: 'file:first', volume: first } } : {}),
      now: monotonic,
      notice: () => undefined,
      compare: true,
    });
    unit.facts({ lu: 'x/0', blockSize: 512, blocks: SIZE / 512, designators: [] });
    ends.push(() => unit.close());
    return {
      unit,
      first: first && { name: 'file:first', volume: first },
      underWay: () => under,
      settleMs: 0,
      bytesPerSecond: 1e12,
      againMs: 5,
      now: monotonic,
    };
  }

  function order(more: Partial<VerifyOrder> = {}): VerifyOrder {
    return { repair: false, progress: () => undefined, signal: new AbortController().signal, ...more };
  }

  /** A host's write: the unit is told behind it. */
  function told(parts: VolumeVerifyParts, pieces: Piece[]): void {
    const change = { seq: ++seq, at: BigInt(seq), lu: 'x/0', pieces, fua: false };
    watchers.saw(change);
    parts.unit.push(change);
  }

  it('finds what differs, to the page, and nothing else; and tells how far it is', async () => {
    const bytes = randomBytes(SIZE);
    const [first, same, other] = [medium(bytes), medium(bytes), medium(bytes)];
    for (const page of [0, 7, 8, 299]) other.bytes[page * PAGE + 100] ^= 1;
    const parts = unitOf(first, [same, other]);
    const progress: number[] = [];
    const report = await verifyVolume(parts, watchers, order({ progress: (done) => progress.push(done) }));
    assert.equal(report.equal, false);
    assert.equal(report.source, 'file:first');
    assert.deepEqual(report.mirrors[0].differing, []);
    assert.deepEqual(report.mirrors[1].differing, [
      [0, PAGE],
      [7 * PAGE, 2 * PAGE],
      [299 * PAGE, PAGE],
    ]);
    assert.deepEqual([report.mirrors[1].differingBytes, report.mirrors[1].uncomparedBytes], [4 * PAGE, 0]);
    assert.equal(progress.at(-1), 2 * SIZE);
    // The status, the metrics and the page tell it from there.
    const found = parts.unit.arms.map(({ verified }) => [verified?.comparedBytes, verified?.differingBytes]);
    assert.deepEqual(found, [
      [SIZE, 0],
      [SIZE, 4 * PAGE],
    ]);
    assert.equal((await verifyVolume(parts, watchers, order({ mirror: 'file:0' }))).equal, true);
    await assert.rejects(verifyVolume(parts, watchers, order({ mirror: 'file:9' })), /no mirror.*file:9/);
    assert.equal(Buffer.compare(other.bytes, bytes), other.bytes[100] > bytes[100] ? 1 : -1, 'nothing was written');
  });

  it('has what differs brought up to date when that is wanted, from the first volume', async () => {
    const bytes = randomBytes(SIZE);
    const [first, other] = [medium(bytes), medium(bytes)];
    for (let n = 0; n < 20; n++) other.bytes[n * 50_021] ^= 1;
    const parts = unitOf(first, [other]);
    const { mirrors } = await verifyVolume(parts, watchers, order({ repair: true }));
    assert.deepEqual([mirrors[0].differingBytes, mirrors[0].repairing], [20 * PAGE, true]);
    await parts.unit.finish();
    assert.equal(Buffer.compare(other.bytes, bytes), 0);
    assert.equal(Buffer.compare(first.bytes, bytes), 0);
    assert.equal((await verifyVolume(parts, watchers, order())).equal, true);
  });

  it('never calls different what hosts write meanwhile, however often the two are read apart', async () => {
    const bytes = randomBytes(SIZE);
    const [first, mirror] = [medium(bytes), medium(bytes)];
    mirror.bytes[150 * PAGE] ^= 1;
    const parts = unitOf(first, [mirror]);
    let writing = true;
    // Each read of the volume is followed by a write there before the mirror is read.
    const { read } = first;
    first.read = async (offset, into) => {
      await read.call(first, offset, into);
      if (!writing) return;
      for (let n = 0; n < 5; n++) {
        const at = offset + ((seq * 7919) % (into.length / 512)) * 512;
        if (Math.floor(at / PAGE) === 150) break;
        const data = randomBytes(512);
        first.bytes.set(data, at);
        told(parts, [{ offset: at, length: 512, payload: [data] }]);
      }
      await parts.unit.whenIdle();
    };
    const verifying = verifyVolume(parts, watchers, order());
    await until(() => seq > 100);
    writing = false;
    const { mirrors } = await verifying;
    assert.deepEqual(mirrors[0].differing, [[150 * PAGE, PAGE]]);
    assert.equal(mirrors[0].uncomparedBytes, 0, 'once the hosts rest, everything can be compared');
  });

  it('compares again what was under way, or in doubt, and says so where that never ends', async () => {
    const bytes = randomBytes(SIZE);
    const [first, mirror] = [medium(bytes), medium(bytes)];
    mirror.bytes[3 * PAGE] ^= 1;
    mirror.bytes[9 * PAGE] ^= 1;
    const parts = unitOf(undefined, [first, mirror]);
    // A write is on its way to one of them, and has been for ever.
    under = { tasks: 1, bytes: new Extents() };
    under.bytes?.add(9 * PAGE, 9 * PAGE + 512);
    const { mirrors, source, equal } = await verifyVolume(parts, watchers, order());
    assert.equal(source, 'file:0', 'where there is no first volume, the local mirror stands for it');
    assert.deepEqual(mirrors[0].differing, [[3 * PAGE, PAGE]]);
    assert.deepEqual([mirrors[0].uncomparedBytes, equal], [PAGE, false]);
  });

  it('ends when nobody waits for it, or when a side cannot be read', async () => {
    const bytes = randomBytes(SIZE);
    const [first, mirror] = [medium(bytes), medium(bytes)];
    const parts = { ...unitOf(first, [mirror]), bytesPerSecond: 1000 };
    const abort = new AbortController();
    const verifying = verifyVolume(parts, watchers, order({ signal: abort.signal, progress: () => abort.abort() }));
    await assert.rejects(verifying, { name: 'AbortError' });
    first.read = () => Promise.reject(new Fault('local', 'unreadable'));
    await assert.rejects(verifyVolume(parts, watchers, order()), /unreadable/);
    assert.equal(watchers.any, false, 'nobody watches any more');
  });

  it('compares a volume at another unit by hashes, and reads what differs', async () => {
    const authority = await Authority.make();
    const store = new MemoryFarStore(SIZE);
    const bytes = randomBytes(SIZE);
    store.contents.set(bytes);
    store.contents[77 * PAGE + 5] ^= 1;
    const { service, port } = await serve(await authority.unit('b'), { vol1: store });
    ends.push(() => service.close());
    const link = await openJourneyVolume(journeyOptions(port, await authority.unit('a'), { bytes: SIZE }));
    const parts = unitOf(medium(bytes), [link]);
    const { mirrors } = await verifyVolume(parts, watchers, order({ repair: true }));
    assert.deepEqual(mirrors[0].differing, [[77 * PAGE, PAGE]]);
    await parts.unit.finish();
    assert.equal(Buffer.compare(store.contents, bytes), 0);
  });
});
