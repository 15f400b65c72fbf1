import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Payload, Piece } from '../../../src/base/change.ts';
import { References } from '../../../src/queue/references.ts';
import { SegmentIndex } from '../../../src/queue/referencesIndex.ts';

const VOLUME = 64;
const COPY = Number.POSITIVE_INFINITY;

type Kind = 'bytes' | 'fill' | 'zeros' | 'or' | 'lbnOnly';

function payloadOf(kind: Kind, length: number): Payload {
  if (kind === 'bytes') return [new Uint8Array(length)];
  if (kind === 'fill') return { fill: new Uint8Array(1) };
  if (kind === 'or') return { or: [new Uint8Array(length)] };
  return kind;
}

function piece(offset: number, length: number, kind: Kind = 'bytes'): Piece {
  return { offset, length, payload: payloadOf(kind, length) };
}

/** What each byte of an entry is, `.` where nothing is referred to. */
function drawn(references: References, seq: number): string {
  const bytes = new Array<string>(VOLUME).fill('.');
  let before = 0;
  for (const { offset, length, state, place } of references.get(seq)?.segments ?? []) {
    assert.ok(offset >= before && length > 0, 'sorted, without overlap');
    before = offset + length;
    for (let at = offset; at < before; at++) bytes[at] = state === 'stored' ? `stored ${place + at - offset}` : state;
  }
  return bytes.join(',');
}

/** The same of a plain map for each entry, byte by byte. */
class Model {
  readonly entries = new Map<number, string[]>();
  /** For each byte the changes that are still to write it, in order. */
  readonly writes: { seq: number; pieces: Piece[] }[] = [];
  nextPlace = 0;

  drawn(seq: number): string {
    return (this.entries.get(seq) ?? new Array<string>(VOLUME).fill('.')).join(',');
  }

  refer(seq: number, pieces: readonly Piece[]): void {
    const bytes = new Array<string>(VOLUME).fill('.');
    for (const [i, { offset, length, payload }] of pieces.entries()) {
      let state = 'waiting';
      if (payload === 'zeros') state = 'zeros';
      else if (payload === 'lbnOnly' || (typeof payload === 'object' && 'or' in payload)) state = '.';
      for (let at = offset; at < offset + length; at++) {
        const twice = pieces.slice(0, i).some((p) => at >= p.offset && at < p.offset + p.length);
        bytes[at] = twice ? '.' : state;
      }
    }
    this.entries.set(seq, bytes);
  }

  change(seq: number, start: number, end: number, to: (state: string, at: number) => string): void {
    const bytes = this.entries.get(seq);
    for (let at = start; bytes && at < end; at++) bytes[at] = to(bytes[at], at);
  }

  /** Entries other than `seq` with bytes of the local mirror in `[start, end)`. */
  local(start: number, end: number, seq: number): Set<number> {
    const found = new Set<number>();
    for (const [other, bytes] of this.entries) {
      if (other !== seq && bytes.slice(start, end).includes('local')) found.add(other);
    }
    return found;
  }
}

/** What a write or a copy of `[start, end)` does first: each part that lies there is stored or lost. */
function clear(references: References, model: Model, start: number, end: number, seq: number, lose: boolean): void {
  const found = references.overlapping(start, end - start, seq);
  assert.deepEqual(new Set(found.map(({ reference }) => reference.seq)), model.local(start, end, seq));
  assert.equal(references.touches(start, end - start), model.local(start, end, Number.NaN).size > 0);
  for (const whole of found) {
    const part = references.cut(whole, start, end);
    const owner = part.reference.seq;
    assert.equal(part.state, 'local');
    if (lose) {
      references.forget(part);
      model.change(owner, part.offset, part.offset + part.length, () => '.');
      continue;
    }
    const place = model.nextPlace;
    model.nextPlace += part.length;
    references.stored(part, place);
    model.change(owner, part.offset, part.offset + part.length, (_, at) => `stored ${place + at - part.offset}`);
  }
  assert.deepEqual(references.overlapping(start, end - start, seq), []);
}

const kind: fc.Arbitrary<Kind> = fc.constantFrom('bytes', 'bytes', 'bytes', 'fill', 'zeros', 'or', 'lbnOnly');
const range = fc
  .tuple(fc.nat(VOLUME - 1), fc.integer({ min: 1, max: 24 }))
  .map(([offset, length]): [number, number] => [offset, Math.min(length, VOLUME - offset)]);
const somePieces = fc.array(
  fc.tuple(range, kind).map(([[offset, length], one]) => piece(offset, length, one)),
  { minLength: 1, maxLength: 3 },
);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ op: fc.constant('push' as const), pieces: somePieces, refer: fc.boolean() }) },
  { weight: 6, arbitrary: fc.record({ op: fc.constant('write' as const), pick: fc.nat(), lose: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('copy' as const), range, lose: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('fail' as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('drop' as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('doubt' as const), often: fc.nat(9) }) },
);

describe('C4 references to a local mirror', () => {
  it('are where a plain model says, whatever is written, copied, stored, lost and dropped', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const references = new References();
        const model = new Model();
        let seq = 0;
        const ended = (one: number, written: boolean): void => {
          references.ended(one, written);
          model.change(one, 0, VOLUME, (state) =>
            state === 'waiting' || (!written && state !== 'zeros') ? '.' : state,
          );
        };
        for (const one of steps) {
          if (one.op === 'push') {
            seq++;
            model.writes.push({ seq, pieces: [...one.pieces] });
            if (one.refer) {
              references.refer(seq, one.pieces);
              model.refer(seq, one.pieces);
            }
          } else if (one.op === 'write') {
            // Any change may go on whose next piece touches nothing that an earlier one still has to write.
            const free = model.writes.filter(({ pieces: [next] }, i) =>
              model.writes
                .slice(0, i)
                .every(({ pieces }) => pieces.every((p) => apart(p.offset, p.length, next.offset, next.length))),
            );
            const write = free[one.pick % Math.max(1, free.length)];
            if (!write) continue;
            const { offset, length, payload } = write.pieces.shift() as Piece;
            if (payload !== 'lbnOnly') {
              clear(references, model, offset, offset + length, write.seq, one.lose === 0);
              assert.deepEqual(references.begun(write.seq, offset, length), []);
              model.change(write.seq, offset, offset + length, (state) => (state === 'waiting' ? 'local' : state));
            }
            if (write.pieces.length > 0) continue;
            model.writes.splice(model.writes.indexOf(write), 1);
            ended(write.seq, true);
          } else if (one.op === 'copy') {
            const [offset, length] = one.range;
            clear(references, model, offset, offset + length, COPY, one.lose === 0);
          } else if (one.op === 'fail') {
            const [write] = model.writes.splice(one.pick % Math.max(1, model.writes.length), 1);
            if (write) ended(write.seq, false);
          } else if (one.op === 'drop') {
            const dropped = 1 + (one.pick % Math.max(1, seq));
            references.drop(dropped);
            model.entries.delete(dropped);
          } else if (one.often === 0) {
            references.loseLocal();
            for (const other of model.entries.keys()) {
              model.change(other, 0, VOLUME, (state) => (state === 'local' ? '.' : state));
            }
          }
          for (let other = 1; other <= seq; other++) assert.equal(drawn(references, other), model.drawn(other));
          const known = [...model.entries.values()].filter((bytes) => bytes.some((state) => state !== '.'));
          assert.equal(references.count, known.length);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('free what stood in temporary storage when it is let go', () => {
    const references = new References();
    references.refer(1, [piece(0, 8), piece(16, 8)]);
    references.begun(1, 0, 8);
    references.begun(1, 16, 8);
    references.ended(1, true);
    const [low] = references.overlapping(4, 2, 2);
    references.stored(references.cut(low, 4, 6), 4096);
    const dropped = references.drop(1).map(({ offset, length, place }) => [offset, length, place]);
    assert.deepEqual(dropped, [
      [0, 4, -1],
      [4, 2, 4096],
      [6, 2, -1],
      [16, 8, -1],
    ]);
    assert.equal(references.touches(0, VOLUME), false);
    assert.deepEqual(references.drop(1), []);
  });

  it('lose what was written over bytes that nobody had saved: order is never guessed', () => {
    const references = new References();
    references.refer(1, [piece(0, 8)]);
    references.refer(2, [piece(4, 8)]);
    references.begun(1, 0, 8);
    const lost = references.begun(2, 4, 8);
    assert.deepEqual(
      lost.map(({ reference, offset, length }) => [reference.seq, offset, length]),
      [[2, 4, 8]],
    );
    assert.equal(references.get(2), undefined);
  });

  it('stay busy in both parts when they are cut while they are being read', async () => {
    const references = new References();
    references.refer(1, [piece(0, 8)]);
    references.begun(1, 0, 8);
    const [whole] = references.overlapping(0, 8, 2);
    const reading = Promise.resolve();
    references.busy(whole, reading);
    const behind = references.cut(whole, 4, 8);
    assert.deepEqual([whole.state, whole.length, whole.ended], ['busy', 4, reading]);
    assert.deepEqual([behind.state, behind.length, behind.ended], ['busy', 4, reading]);
  });
});

describe('C4 the index of references', () => {
  it('finds what a plain list finds, over many chunks', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat(0xff_ffff)), (numbers) => {
        const random = (below: number): number => (numbers.next().value as number) % below;
        const index = new SegmentIndex<{ offset: number; length: number }>();
        const plain: { offset: number; length: number }[] = [];
        for (let i = 0; i < 3000; i++) {
          const offset = random(20_000);
          const length = 1 + random(4);
          const within = plain.filter((one) => !apart(one.offset, one.length, offset, length));
          assert.equal(index.touches(offset, offset + length), within.length > 0);
          assert.deepEqual(index.within(offset, offset + length), sorted(within));
          if (within.length === 0) {
            const one = { offset, length };
            plain.push(one);
            index.insert(one);
          } else if (random(3) === 0) {
            const one = within[random(within.length)];
            plain.splice(plain.indexOf(one), 1);
            index.remove(one);
          }
        }
        assert.equal(index.count, plain.length);
        assert.deepEqual(index.within(0, Number.POSITIVE_INFINITY), sorted(plain));
      }),
      { numRuns: 3 },
    );
  });
});

function apart(a: number, aLength: number, b: number, bLength: number): boolean {
  return a + aLength <= b || b + bLength <= a;
}

function sorted<T extends { offset: number }>(runs: readonly T[]): T[] {
  return [...runs].sort((a, b) => a.offset - b.offset);
}
