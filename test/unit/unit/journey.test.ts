import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { Piece } from '../../../src/base/change.ts';
import type { OrderedEntry } from '../../../src/base/ordered.ts';
import type { JourneyVolume } from '../../../src/unit/journeyTypes.ts';
import { openJourneyVolume } from '../../../src/unit/journeyVolume.ts';
import type { LinkService } from '../../../src/unit/receiverTypes.ts';
import { MemoryFarStore } from '../../kit/farStore.ts';
import { Authority, journeyOptions, serve } from '../../kit/journey.ts';

const SIZE = 4 * 1024 * 1024;

function change(...pieces: Piece[]): OrderedEntry {
  return { kind: 'change', at: 1n, pieces, consistent: true };
}

function piece(offset: number, bytes: Uint8Array): Piece {
  return { offset, length: bytes.length, payload: [bytes] };
}

describe('D1 a volume at another unit, over TLS 1.3', () => {
  const open: (JourneyVolume | LinkService)[] = [];
  let authority: Authority;

  before(async () => {
    authority = await Authority.make();
  });

  afterEach(async () => {
    for (const one of open.splice(0)) await one.close();
  });

  it('carries changes of every kind', async () => {
    const store = new MemoryFarStore(SIZE);
    const { service, port } = await serve(await authority.unit('b'), { vol1: store });
    open.push(service);
    const volume = await openJourneyVolume(journeyOptions(port, await authority.unit('a')));
    open.push(volume);
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
  });
});
