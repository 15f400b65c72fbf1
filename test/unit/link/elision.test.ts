import assert from 'node:assert/strict';
import fc from 'fast-check';
import { LinkType } from '../../../parsers/formats/linkFrame.ts';
import { copyOf } from '../../../src/base/bytes.ts';
import type { Payload, Piece } from '../../../src/base/change.ts';
import { Fault } from '../../../src/base/fault.ts';
import type { OrderedEntry } from '../../../src/base/ordered.ts';
import { isFill, isOr } from '../../../src/base/payload.ts';
import { BATCH_ENTRIES, ELIDE_AFTER_NS, LEAST_SHARE } from '../../../src/link/elision.ts';
import { pieceBytes } from '../../../src/link/runs.ts';
import { FarCounter } from '../../kit/farCounter.ts';
import { applyPiece } from '../../kit/farStore.ts';

const BLOCK = 512;
const BLOCKS = 12;
const SIZE: number = BLOCKS * BLOCK;

type Written = Extract<OrderedEntry, { pieces: readonly Piece[] }>;
/** Something that is given to a sender. */
type Given = OrderedEntry | 'question';

function write(lbn: number, blocks = 1, kind: 'change' | 'copy' = 'change', at = 1n, consistent = true): Written {
  const length = blocks * BLOCK;
  const payload = [new Uint8Array(length).fill(1 + (Number(at) % 250))];
  return { kind, at, pieces: [{ offset: lbn * BLOCK, length, payload }], consistent };
}

/** Gives a sender all of it while there is no connection, which then stands after it has waited so long. */
function through(all: readonly Given[], waitedNs: number = ELIDE_AFTER_NS): FarCounter {
  const far = new FarCounter();
  far.connect();
  far.break();
  for (const [id, one] of all.entries()) give(far, id, one);
  far.now += waitedNs;
  far.connect();
  return far;
}

function give(far: FarCounter, id: number, one: Given): void {
  const question = { kind: 'check', offset: 0, length: SIZE, coarse: true, hashes: new Uint8Array(16) } as const;
  if (one === 'question') far.sender.ask(1000 + id, question, far.now);
  else far.sender.append(id, one, far.now);
}

/** Writes over each other, with everything that may stand between them; each entry has a time of its own. */
const given: fc.Arbitrary<Given[]> = fc
  .array(
    fc.record({
      dice: fc.nat(40),
      flips: fc.integer({ min: 0, max: 12 }),
      runs: fc.array(fc.record({ lbn: fc.nat(BLOCKS - 1), blocks: fc.integer({ min: 1, max: 5 }), kind: fc.nat(30) }), {
        maxLength: 3,
      }),
      fill: fc.integer({ min: 1, max: 255 }),
    }),
    { maxLength: 60 },
  )
  .map((list) => {
    let consistent = true;
    return list.map(({ dice, flips, runs, fill }, n): Given => {
      const at = BigInt(n + 1);
      if (flips === 0) consistent = !consistent;
      if (dice === 0) return 'question';
      if (dice === 1) return { kind: 'mark', at, name: `m${n}`, consistent };
      if (dice === 2) return { kind: 'state', at, consistent };
      const taken = new Set<number>();
      const pieces: Piece[] = [];
      for (const { lbn, blocks, kind } of runs) {
        const lbns = Array.from({ length: Math.min(blocks, BLOCKS - lbn) }, (_, i) => lbn + i);
        if (lbns.some((one) => taken.has(one))) continue;
        for (const one of lbns) taken.add(one);
        const length = lbns.length * BLOCK;
        pieces.push({ offset: lbn * BLOCK, length, payload: payloadOf(kind, length, fill, n) });
      }
      const order = dice === 3 ? { order: { number: n, joined: true } } : {};
      return { kind: dice < 10 ? 'copy' : 'change', at, pieces, consistent, ...order };
    });
  });

function payloadOf(kind: number, length: number, fill: number, n: number): Payload {
  const bytes = Uint8Array.from({ length }, (_, i) => (fill + n * 7 + i) % 256);
  if (kind === 0) return { or: [bytes.subarray(0, 100), bytes.subarray(100)] };
  if (kind < 3) return 'zeros';
  // Cut anywhere it goes on as it did.
  if (kind === 3) return { fill: Uint8Array.of(fill, n % 256, 3, 4, 5) };
  if (kind < 6) return { fill: Uint8Array.of(fill, n % 256, 3, 4) };
  if (kind < 8) return { fill: bytes.subarray(0, BLOCK) };
  return kind < 12 ? [bytes.subarray(0, 700), bytes.subarray(700)] : [bytes];
}

function bytesOf(entry: OrderedEntry): number {
  return 'pieces' in entry ? pieceBytes(entry.pieces) : 0;
}

function isOdd(payload: Payload): boolean {
  return isFill(payload) && BLOCK % payload.fill.length !== 0;
}

/** A write that means the same wherever it stands. */
function isPlain(entry: OrderedEntry): boolean {
  return 'pieces' in entry && entry.order === undefined && !entry.pieces.some(({ payload }) => isOr(payload));
}

describe('D2 writes that later ones of an unsent batch write over', () => {
  it('do not travel, and every entry that comes leaves behind what those that it stands for do', () => {
    let elided = 0;
    fc.assert(
      fc.property(given, (all) => {
        const far = through(all);
        const near = new Uint8Array(SIZE).fill(0x41);
        const there = copyOf(near);
        const entries = all.filter((one) => one !== 'question');
        let at = 0;
        let saved = 0;
        // What of a fill is no whole block of it travels as bytes.
        const even = !entries.some((one) => 'pieces' in one && one.pieces.some(({ payload }) => isOdd(payload)));
        for (const { entry } of far.came) {
          // Those up to the one that has its time.
          const end = entries.findIndex((one) => one.at === entry.at);
          const some = entries.slice(at, end + 1);
          assert.ok(some.length > 0, 'a time of one that is due');
          at = end + 1;
          for (const one of some) if ('pieces' in one) for (const piece of one.pieces) applyPiece(near, piece);
          if ('pieces' in entry) for (const piece of entry.pieces) applyPiece(there, piece);
          assert.ok(Buffer.compare(near, there) === 0, `the moment of entry ${entry.at}`);
          const last = some[some.length - 1];
          assert.equal(entry.kind, last.kind);
          assert.equal(entry.consistent, last.consistent);
          assert.deepEqual(entry.order, last.order);
          if (some.length === 1) continue;
          assert.ok(some.every(isPlain), 'nothing but writes became one');
          assert.ok(
            some.every(({ consistent }) => consistent === last.consistent),
            'that say the same',
          );
          const from = all.indexOf(some[0]);
          assert.ok(!all.slice(from, all.indexOf(last)).includes('question'), 'no question sees others than before');
          const before = some.reduce((sum, one) => sum + bytesOf(one), 0);
          assert.ok(!even || before - bytesOf(entry) >= Math.max(1, before * LEAST_SHARE), 'and it was worth it');
          saved += before - bytesOf(entry);
        }
        assert.equal(at, entries.length, 'all of it came');
        if (even) assert.equal(far.sender.elidedBytes, saved);
        elided += far.sender.elidedBytes;
        // Numbers go up by one, and each is answered in its turn.
        assert.deepEqual(
          far.came.map(({ number }) => number),
          far.came.map((_, n) => n + 1),
        );
        assert.equal(far.sender.appended, entries.length);
        assert.equal(far.sender.sent, entries.length);
        const ids = all.flatMap((one, id) => (one === 'question' ? [] : [id]));
        if (all.includes('question')) return;
        far.acknowledge(far.came.length);
        assert.deepEqual(far.durable, ids);
        assert.equal(far.sender.durable, entries.length);
        assert.equal(far.sender.waitingBytes, 0);
      }),
      { numRuns: 2000 },
    );
    assert.ok(elided > 0, 'it happened');
  });

  it('only where no moment is lost for nothing: others stay as they were', () => {
    const at = (n: number): bigint => BigInt(n);
    // 1 and 3 are one; 2 lies between them; 4, 5, 6 have moments of their own; 7 and 8 are one.
    const all = [
      write(0, 1, 'change', at(1)),
      write(11, 1, 'change', at(2)),
      write(0, 1, 'copy', at(3)),
      write(2, 1, 'change', at(4)),
      write(3, 1, 'change', at(5)),
      write(4, 1, 'change', at(6)),
      write(5, 4, 'change', at(7)),
      write(6, 2, 'change', at(8)),
    ];
    const far = through(all);
    assert.deepEqual(
      far.came.map(({ entry }) => Number(entry.at)),
      [3, 4, 5, 6, 8],
    );
    assert.equal(far.sender.elidedBytes, 3 * BLOCK);
    const [first] = far.came;
    assert.ok(first.entry.kind === 'copy' && first.entry.pieces.length === 2);
  });

  it('travel all the same where too little would be saved for the moments that it costs', () => {
    const few = Array.from({ length: 40 }, (_, n) => write(n % 39, 1, 'change', BigInt(n + 1)));
    assert.equal(through(few).came.length, 40);
    const many = Array.from({ length: 40 }, (_, n) => write(n % 20, 1, 'change', BigInt(n + 1)));
    const far = through(many);
    assert.equal(far.came.length, 1);
    assert.equal(far.sender.elidedBytes, 20 * BLOCK);
  });

  it('travel while nothing had to wait for long', () => {
    const all = Array.from({ length: 9 }, (_, n) => write(0, 1, 'change', BigInt(n + 1)));
    assert.equal(through(all, ELIDE_AFTER_NS - 1).came.length, 9);
    assert.equal(through(all).came.length, 1);
    // A far end that takes them as they come is given each.
    const far = new FarCounter();
    far.connect();
    for (const [id, one] of all.entries()) {
      far.now += 2 * ELIDE_AFTER_NS;
      far.sender.append(id, one, far.now);
      far.run();
    }
    assert.equal(far.came.length, 9);
    assert.equal(far.sender.elidedBytes, 0);
  });

  it('stay as they are once a connection was given any of them, whatever became of it', () => {
    const far = new FarCounter();
    far.connect();
    far.framesMax = 1;
    // Three frames, of which one comes; the second was not begun, as the flight is as large as it may be.
    const long = write(0, (3 * 64 * 1024) / BLOCK, 'change', 1n);
    far.sender.append(1, long, far.now);
    far.break();
    assert.equal(far.came.length, 0);
    far.sender.append(2, write(0, 1, 'change', 2n), far.now);
    far.sender.append(3, write(0, 1, 'change', 3n), far.now);
    far.now += ELIDE_AFTER_NS;
    far.framesMax = Number.POSITIVE_INFINITY;
    far.connect();
    assert.deepEqual(
      far.came.map(({ number, entry }) => [number, Number(entry.at), bytesOf(entry)]),
      [
        [1, 1, 3 * 64 * 1024],
        [2, 3, BLOCK],
      ],
    );
    // Nor does what became one ever change again: the far end may have it.
    far.break();
    far.sender.append(4, write(0, 1, 'change', 4n), far.now);
    far.now += ELIDE_AFTER_NS;
    far.connect(1);
    assert.deepEqual(
      far.came.slice(2).map(({ number, entry }) => [number, Number(entry.at)]),
      [
        [2, 3],
        [3, 4],
      ],
    );
    assert.deepEqual(far.durable, [1]);
    far.acknowledge(3);
    assert.deepEqual(far.durable, [1, 2, 3, 4]);
  });

  it('wait for the far end to have room, and are looked at as late as that', () => {
    const far = new FarCounter({ windowBytes: 8 * BLOCK });
    far.connect();
    far.sender.append(0, write(0, 8, 'change', 1n), far.now);
    far.run();
    for (let n = 1; n <= 5; n++) far.sender.append(n, write(1, 1, 'change', BigInt(n + 1)), far.now);
    far.now += ELIDE_AFTER_NS;
    far.sender.tick(far.now);
    far.run();
    assert.equal(far.came.length, 1);
    for (let n = 6; n <= 8; n++) far.sender.append(n, write(1, 1, 'change', BigInt(n + 1)), far.now);
    far.now += ELIDE_AFTER_NS;
    far.acknowledge(1);
    assert.deepEqual(
      far.came.map(({ entry }) => Number(entry.at)),
      [1, 9],
    );
    far.acknowledge(2);
    assert.deepEqual(far.durable, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('are taken in bounded batches', () => {
    const all = Array.from({ length: 3000 }, (_, n) => write(0, 1, 'change', BigInt(n + 1)));
    const far = through(all);
    assert.deepEqual(
      far.came.map(({ entry }) => Number(entry.at)),
      [BATCH_ENTRIES, 2 * BATCH_ENTRIES, 3000],
    );
    const mebibyte = (1 << 20) / BLOCK;
    const large = Array.from({ length: 10 }, (_, n) => write(0, mebibyte, 'change', BigInt(n + 1)));
    assert.deepEqual(
      through(large).came.map(({ entry }) => Number(entry.at)),
      [4, 8, 10],
    );
  });

  it('stand before and behind a question as they did', () => {
    const all: Given[] = [write(0, 1, 'change', 1n), 'question', write(0, 1, 'change', 2n), write(0, 1, 'change', 3n)];
    const far = through(all);
    assert.deepEqual(far.frames, [LinkType.entry, LinkType.check, LinkType.entry]);
    assert.deepEqual(
      far.came.map(({ entry }) => Number(entry.at)),
      [1, 3],
    );
  });

  it('all fail when it does', () => {
    const far = new FarCounter({ windowBytes: 1 });
    far.connect();
    far.sender.append(0, write(0), far.now);
    for (let n = 1; n <= 3; n++) far.sender.append(n, write(1), far.now);
    far.now += ELIDE_AFTER_NS;
    far.acknowledge(1);
    far.sender.close(new Fault('local', 'over'), far.now);
    far.run();
    assert.deepEqual(far.durable, [0]);
    assert.deepEqual(far.failed, [1, 2, 3]);
    assert.equal(far.sender.waitingBytes, 0);
  });
});
