import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { MemoryFarStore } from '../../../kit/farStore.ts';
import { change, Journeys, page, piece, SIZE } from './journeyKit.ts';

describe('D4 comparing with a volume at another unit', () => {
  let journeys: Journeys;

  before(async () => {
    journeys = await Journeys.make();
  });
  afterEach(() => journeys.close());

  it('compares, in the order of what was appended, and only differences travel', async () => {
    const size = 4 * SIZE;
    const image = randomBytes(size);
    const store = new MemoryFarStore(size);
    store.poke(0, image);
    const { port } = await journeys.serving({ vol1: store });
    const volume = await journeys.opening(port);
    assert.deepEqual(await volume.differing(0, image), []);
    const pages = Array.from({ length: size / 4096 / 100 }, (_, n) => (n * 7919) % (size / 4096));
    for (const at of pages) image[at * 4096 + (at % 4096)] ^= 1;
    const before = volume.link.wireBytes;
    const step = 1024 * 1024;
    let found = 0;
    for (let at = 0; at < size; at += step) {
      const pieces = await volume.differing(at, image.subarray(at, at + step));
      for (const { offset, length } of pieces) {
        found += length;
        assert.ok(offset >= at && offset + length <= at + step);
      }
      if (pieces.length > 0) await volume.append({ kind: 'copy', at: 0n, pieces, consistent: false });
    }
    assert.equal(found, new Set(pages).size * 4096);
    assert.ok(Buffer.compare(store.contents, image) === 0);
    const wire = volume.link.wireBytes - before;
    assert.ok(wire <= 1.3 * found + 1024 * 1024 * (size / 2 ** 30), `${wire} bytes for ${found}`);
    // Behind an append that is not durable yet it sees that append.
    const block = new Uint8Array(4096).fill(9);
    const append = volume.append(change(piece(0, block)));
    assert.deepEqual(await volume.differing(0, block), []);
    await append;
  });

  it('compares what it was asked together, whatever lies in the frames behind a question that waits', async () => {
    const chunk = 1024 * 1024;
    const near = new Uint8Array(16 * chunk);
    for (let at = 0; at < near.length; at += 2 * chunk) near.set(randomBytes(chunk), at);
    const store = new MemoryFarStore(near.length);
    const { port } = await journeys.serving({ vol1: store });
    const volume = await journeys.opening(port);
    const pieces = await volume.differing(0, near);
    await volume.append({ kind: 'copy', at: 0n, pieces, consistent: false });
    assert.ok(Buffer.compare(store.contents, near) === 0);
  });

  it('gives up a question, and answers nobody', async () => {
    const store = new MemoryFarStore(SIZE);
    const { port } = await journeys.serving({ vol1: store });
    const volume = await journeys.opening(port);
    let go = (): void => undefined;
    store.turn = () => new Promise((resolve) => (go = resolve));
    const abort = new AbortController();
    const asked = volume.differing(0, new Uint8Array(SIZE), abort.signal);
    abort.abort();
    await assert.rejects(asked, /stopped before it was done/);
    await assert.rejects(volume.read(0, new Uint8Array(512), abort.signal), /stopped/);
    store.turn = async () => undefined;
    go();
    await volume.append(page(0, 1));
    assert.equal(store.contents[0], 1);
  });
});
