import assert from 'node:assert/strict';
import fc from 'fast-check';
import { CHECK_CHUNK_MAX, CHECK_PAGE } from '../../../parsers/formats/linkRequests.ts';
import { copyOf } from '../../../src/base/bytes.ts';
import { Bucket } from '../../../src/link/bucket.ts';
import { ChunkHasher, compareChunk, differingPieces } from '../../../src/link/checks.ts';
import { FarEnd } from '../../../src/link/farEnd.ts';
import { answerHello, sizeNote } from '../../../src/link/greeting.ts';
import { Pulse } from '../../../src/link/pulse.ts';
import { Retry } from '../../../src/link/retry.ts';
import { Thrift } from '../../../src/link/thrift.ts';

const OURS = '11111111-1111-4111-8111-111111111111';
const OTHERS = '22222222-2222-4222-8222-222222222222';
const STORE = '33333333-3333-4333-8333-333333333333';

describe('D4 comparing by hashes, coarse to fine', () => {
  for (const kind of ['sha256', 'blake2b512'] as const) {
    const hasher = new ChunkHasher(kind);

    it(`finds exactly the pages that differ (${kind})`, () => {
      const length = fc.integer({ min: 1, max: 40 * CHECK_PAGE });
      fc.assert(
        fc.property(
          length,
          fc.array(fc.nat(), { maxLength: 6 }),
          fc.boolean(),
          fc.nat(1000),
          (bytes, places, coarse, offset) => {
            const near = new Uint8Array(bytes);
            near.fill(3, bytes >> 1);
            const far = copyOf(near);
            for (const place of places) far[place % bytes] ^= 1 + (place % 255);
            const own = hasher.chunk(near);
            const question = {
              kind: 'check' as const,
              offset,
              length: bytes,
              coarse,
              hashes: coarse ? own.whole : own.groups,
            };
            const found = differingPieces(offset, near, own, compareChunk(question, hasher.chunk(far)));
            assert.ok(typeof found !== 'string');
            const marked = new Set<number>();
            for (const piece of found) {
              assert.ok(piece.offset >= offset && piece.offset + piece.length <= offset + bytes);
              assert.equal((piece.offset - offset) % CHECK_PAGE, 0);
              const [part] = piece.payload as readonly Uint8Array[];
              assert.ok(part.buffer === near.buffer && part.length === piece.length);
              for (let at = piece.offset - offset; at < piece.offset - offset + piece.length; at += CHECK_PAGE)
                marked.add(at / CHECK_PAGE);
            }
            for (let page = 0; page * CHECK_PAGE < bytes; page++) {
              const same =
                Buffer.compare(
                  near.subarray(page * CHECK_PAGE, (page + 1) * CHECK_PAGE),
                  far.subarray(page * CHECK_PAGE, (page + 1) * CHECK_PAGE),
                ) === 0;
              assert.equal(marked.has(page), !same, `page ${page}`);
            }
            for (let n = 1; n < found.length; n++)
              assert.ok(found[n].offset > found[n - 1].offset + found[n - 1].length, 'neighbours are joined');
          },
        ),
      );
    });
  }

  it('costs 16 bytes for a chunk that is equal, and its groups where it is not', () => {
    const hasher = new ChunkHasher('sha256');
    const bytes = new Uint8Array(CHECK_CHUNK_MAX);
    const own = hasher.chunk(bytes);
    assert.equal(own.whole.length, 16);
    assert.equal(own.groups.length, 256);
    const far = copyOf(bytes);
    far[CHECK_CHUNK_MAX - 1] = 1;
    const held = hasher.chunk(far);
    const fine = compareChunk(
      { kind: 'check', offset: 0, length: bytes.length, coarse: false, hashes: own.groups },
      held,
    );
    assert.deepEqual(
      fine.groups.map(({ group, pages }) => [group, pages.length]),
      [[15, 256]],
    );
    const coarse = compareChunk(
      { kind: 'check', offset: 0, length: bytes.length, coarse: true, hashes: own.whole },
      held,
    );
    assert.equal(coarse.groups.length, 16);
  });

  it('does not believe an answer about other pages', () => {
    const hasher = new ChunkHasher('sha256');
    const bytes = new Uint8Array(CHECK_PAGE * 3);
    const own = hasher.chunk(bytes);
    assert.equal(
      typeof differingPieces(0, bytes, own, { kind: 'differ', groups: [{ group: 0, pages: new Uint8Array(16) }] }),
      'string',
    );
    assert.equal(
      typeof differingPieces(0, bytes, own, { kind: 'differ', groups: [{ group: 1, pages: new Uint8Array(48) }] }),
      'string',
    );
  });
});

describe('D1 what a sender believes of the far store', () => {
  const welcome = (number: number | undefined, epoch = OURS, incarnation = STORE) => ({
    incarnation,
    durable: number === undefined ? undefined : { epoch, number },
    consistent: true,
    bytes: 1024,
    blockSize: 512,
    compression: [],
    hash: 'sha256' as const,
    windowBytes: 1,
    entryBytesMax: 1,
  });
  const met = (...first: Parameters<typeof welcome>): FarEnd => {
    const far = new FarEnd(OURS, (epoch) => epoch === OURS);
    assert.equal(far.meet(welcome(...first), 0, 0), undefined);
    return far;
  };

  it('is what it said at first, and no less later', () => {
    const far = met(undefined);
    assert.equal(far.identity, `journey:${STORE}`);
    assert.equal(far.meet(welcome(undefined), 0, 3), undefined);
    assert.equal(far.meet(welcome(2), 0, 3), undefined);
    assert.equal(far.meet(welcome(3), 2, 3), undefined);
    assert.match(far.meet(welcome(2), 3, 3) ?? '', /lost changes 3 to 3/);
  });

  it('is another store, one that somebody else wrote, or one that has too much', () => {
    assert.match(met(1).meet(welcome(1, OURS, OTHERS), 1, 1) ?? '', /another volume now/);
    assert.match(met(undefined).meet(welcome(1, OTHERS), 0, 1) ?? '', /another unit has changed/);
    assert.match(met(1).meet(welcome(undefined), 1, 1) ?? '', /another unit has changed .*it holds nothing/);
    assert.match(met(undefined).meet(welcome(4), 0, 3) ?? '', /has 4 changes, and was sent 3/);
  });

  it('stays what it was while only its own old place is there', () => {
    const far = met(7, OTHERS);
    assert.equal(far.identity, `journey:${STORE} after ${OTHERS}`, 'another unit was the last to write');
    assert.equal(far.meet(welcome(7, OTHERS), 0, 2), undefined);
    assert.match(far.meet(welcome(8, OTHERS), 0, 2) ?? '', /another unit/);
  });

  it('has another name after a loss', () => {
    const far = met(5);
    assert.ok(far.meet(welcome(3), 5, 5));
    far.forget();
    assert.equal(far.meet(welcome(3), 5, 5), undefined);
    assert.equal(far.identity, `journey:${STORE} loss 1 of ${OURS}`);
    assert.equal(far.durableIn(welcome(3)), 3);
    assert.equal(far.durableIn(welcome(3, OTHERS)), 0);
    assert.ok(far.resized(2048));
    assert.ok(!far.resized(2048));
  });
});

describe('D1 what a sender believes of a far store that refused it for a while', () => {
  const welcome = (number: number) => ({
    incarnation: STORE,
    durable: { epoch: OURS, number },
    consistent: true,
    bytes: 1024,
    blockSize: 512,
    compression: [],
    hash: 'sha256' as const,
    windowBytes: 1,
    entryBytesMax: 1,
  });

  it('has another name only where it has lost what it had called durable', () => {
    const far = new FarEnd(OURS, (epoch) => epoch === OURS);
    assert.equal(far.meet(welcome(5), 0, 0), undefined);
    const { identity } = far;
    far.forget();
    assert.equal(far.meet(welcome(6), 5, 7), undefined);
    assert.equal(far.identity, identity);
    far.forget();
    assert.equal(far.meet(welcome(3), 6, 7), undefined);
    assert.notEqual(far.identity, identity);
  });
});

describe('D1 a receiver takes', () => {
  const hello = { volume: 'v', unit: 'u', epoch: OURS, durable: 0, incarnation: undefined, compression: [] };

  it('a volume that it has, with blocks that fit', () => {
    const one = { ...hello, bytes: 0, blockSize: 4096, hashes: ['blake2b512', 'sha256'] as const };
    assert.equal(answerHello(one, { blockSize: 512 }), 'blake2b512');
    assert.match(JSON.stringify(answerHello(one, undefined)), /no volume v here/);
    assert.match(
      JSON.stringify(answerHello({ ...one, blockSize: 512 }, { blockSize: 4096 })),
      /blocks of 4096 bytes here, and of 512/,
    );
    assert.match(JSON.stringify(answerHello({ ...one, hashes: [] }, { blockSize: 512 })), /no hash in common/);
  });

  it('a longer volume with a word', () => {
    const one = { ...hello, bytes: 1024, blockSize: 512, hashes: [] };
    assert.equal(sizeNote(one, 1024), undefined);
    assert.match(sizeNote(one, 4096) ?? '', /4096 bytes here and 1024/);
    assert.equal(sizeNote({ ...one, bytes: 0 }, 4096), undefined);
  });
});

describe('D2 a limit on the wire', () => {
  it('is kept over time, with a burst of a tenth of a second', () => {
    const bucket = new Bucket(1_000_000);
    let sent = 0;
    for (let now = 0; now <= 10e9; now += 5e6) {
      while (bucket.ready(now)) {
        bucket.charge(30_000);
        sent += 30_000;
      }
    }
    assert.ok(Math.abs(sent - 10_000_000) < 200_000, `${sent}`);
  });

  it('lets nothing through that was saved up for long', () => {
    const bucket = new Bucket(1_000_000);
    assert.ok(bucket.ready(0));
    assert.ok(bucket.ready(3600e9));
    bucket.charge(150_000);
    assert.ok(!bucket.ready(3600e9));
    assert.ok(bucket.ready(3600e9 + 60e6));
  });

  it('is none unless there is one', () => {
    const bucket = new Bucket(undefined);
    bucket.charge(1e15);
    assert.ok(bucket.ready(0));
  });
});

describe('D1 signs of life and attempts', () => {
  it('a sign is due after 1.5 s of silence, and the other side is dead after 20', () => {
    const pulse = new Pulse(0);
    assert.equal(pulse.beat(1e9), undefined);
    assert.equal(pulse.beat(2e9), 'ping');
    pulse.sent(9e9);
    assert.equal(pulse.beat(10e9), undefined);
    pulse.heard(10e9);
    assert.equal(pulse.beat(29e9), 'ping');
    assert.equal(pulse.beat(31e9), 'dead');
  });

  it('attempts come ever more seldom, each once', () => {
    const retry = new Retry();
    const waits: number[] = [];
    let now = 0;
    for (let n = 0; n < 8; n++) {
      retry.failed(now);
      const from = now;
      while (!retry.due(now)) now += 0.25e9;
      assert.ok(!retry.due(now));
      waits.push((now - from) / 1e9);
    }
    assert.deepEqual(waits, [0.5, 1, 2, 3.5, 3.5, 3.5, 3.5, 3.5]);
    assert.ok(retry.waiting);
    retry.done();
    assert.ok(!retry.waiting && !retry.due(1e12));
  });
});

describe('D2 compressing', () => {
  /** A link of so many MB/s that has been busy for a second. */
  const busy = (thrift: Thrift, megabytes: number): void => {
    for (let n = 0; n < 10; n++) thrift.carried(megabytes * 1e5, 1e8);
  };

  it('is done where it is wanted and not where it is not', () => {
    assert.ok(new Thrift(true).wants(4096) && !new Thrift(true).wants(100));
    assert.ok(!new Thrift(false).wants(4096));
  });

  it('begins with a look once a link is slow, and goes on where it pays', () => {
    const thrift = new Thrift('auto');
    assert.ok(!thrift.wants(65536), 'an idle link is fast enough');
    busy(thrift, 10);
    assert.ok(thrift.wants(65536));
    assert.ok(!thrift.on && !thrift.wants(65536), 'one look is enough');
    thrift.compressed(65536, 20_000, 65536 * 5);
    assert.ok(thrift.on && thrift.wants(65536));
    for (let n = 0; n < 30; n++) thrift.compressed(65536, 65_000, 65536 * 5);
    assert.ok(!thrift.on, 'the data became random');
  });

  it('is not worth it on a link that is faster than the compressor', () => {
    const thrift = new Thrift('auto');
    busy(thrift, 1000);
    assert.ok(!thrift.wants(1e7));
    busy(thrift, 300);
    busy(thrift, 300);
    thrift.compressed(65536, 20_000, 65536 * 5);
    assert.ok(!thrift.on);
  });
});
