import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  headBytesOf,
  headLength,
  headTail,
  putHead,
  type QueueHead,
  type QueueKind,
  type QueuePiece,
  readHead,
} from '../../../../parsers/formats/queueEntry.ts';
import { readSegmentHeader, saltState, segmentHeader } from '../../../../parsers/formats/queueSegment.ts';
import { readStateSlot, type StoreState, stateSlot } from '../../../../parsers/formats/queueState.ts';
import { uuidBytes, uuidText } from '../../../../parsers/formats/queueUuid.ts';
import { copyOf } from '../../../../src/base/bytes.ts';
import { isParseFault } from '../../../../src/base/fault.ts';

const SALT = saltState(Uint8Array.from({ length: 16 }, (_, i) => i));
const safe = fc.nat(Number.MAX_SAFE_INTEGER);
const place = fc.tuple(fc.uuid(), safe).map(([epoch, number]) => ({ epoch, number }));

const piece: fc.Arbitrary<QueuePiece> = fc
  .record({
    offset: fc.nat(2 ** 52),
    length: fc.integer({ min: 1, max: 2 ** 20 }),
    kind: fc.constantFrom('bytes' as const, 'fill' as const, 'zeros' as const),
    block: fc.integer({ min: 1, max: 4096 }),
  })
  .map(({ offset, length, kind, block }) => {
    const stored = kind === 'bytes' ? length : kind === 'fill' ? block : 0;
    return { offset, length, kind, stored };
  });

const head: fc.Arbitrary<QueueHead> = fc
  .record({
    sequence: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    durable: safe,
    at: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    kind: fc.constantFrom<QueueKind>('change', 'copy', 'mark', 'state', 'size'),
    consistent: fc.boolean(),
    place: fc.option(place, { nil: undefined }),
    pieces: fc.array(piece, { maxLength: 5 }),
    name: fc.string({ unit: 'binary', maxLength: 60 }),
    bytes: safe,
    payloadCrc: fc.nat(0xffffffff),
    shared: fc.option(fc.record({ number: safe, joined: fc.boolean(), before: safe }), { nil: undefined }),
  })
  .map(({ shared, ...made }) => ({
    ...made,
    ...(shared ? { order: { ...shared } } : {}),
    name: made.kind === 'mark' ? made.name : '',
    bytes: made.kind === 'size' ? made.bytes : 0,
    payloadBytes: made.pieces.reduce((sum, { stored }) => sum + stored, 0),
  }));

function bytesOf(made: QueueHead): Uint8Array {
  const tail = headTail(made.kind, made.name, made.bytes);
  const bytes = new Uint8Array(headBytesOf(made.pieces.length, tail.length, made.order));
  assert.equal(putHead(bytes, 0, made, tail, SALT), bytes.length);
  return bytes;
}

describe('C6 the bytes of a queue', () => {
  it('are read back as they were written: heads', () => {
    fc.assert(
      fc.property(head, (made) => {
        const bytes = bytesOf(made);
        assert.equal(headLength(bytes), bytes.length);
        const read = readHead(bytes, SALT);
        assert.ok(!isParseFault(read));
        assert.deepEqual(read, { ...made, headBytes: bytes.length });
      }),
    );
  });

  it('are refused with any bit turned round, cut, or under another segment: heads', () => {
    fc.assert(
      fc.property(head, fc.nat(), (made, random) => {
        const bytes = bytesOf(made);
        const turned = copyOf(bytes);
        turned[Math.floor(random / 8) % bytes.length] ^= 1 << (random % 8);
        const length = headLength(turned);
        if (length === bytes.length) assert.ok(isParseFault(readHead(turned, SALT)));
        assert.ok(isParseFault(readHead(bytes, SALT ^ 1)));
        assert.ok(isParseFault(readHead(bytes.subarray(0, bytes.length - 1), SALT)));
      }),
    );
  });

  it('that hold together and mean nothing are refused: pieces beyond 2^53-1, payloads of another length', () => {
    const made: QueueHead = {
      sequence: 1,
      durable: 0,
      at: 0n,
      kind: 'change',
      consistent: true,
      place: undefined,
      pieces: [{ offset: 0, length: 512, kind: 'bytes', stored: 512 }],
      name: '',
      bytes: 0,
      payloadBytes: 512,
      payloadCrc: 0,
    };
    const wrong: Partial<QueueHead>[] = [
      { payloadBytes: 511 },
      { pieces: [{ offset: Number.MAX_SAFE_INTEGER, length: 512, kind: 'bytes', stored: 512 }] },
      { pieces: [{ offset: 0, length: 1024, kind: 'bytes', stored: 512 }] },
      { pieces: [{ offset: 0, length: 512, kind: 'zeros', stored: 512 }] },
      { pieces: [{ offset: 0, length: 0, kind: 'fill', stored: 512 }] },
      { sequence: 0 },
    ];
    assert.ok(!isParseFault(readHead(bytesOf(made), SALT)));
    for (const change of wrong) {
      assert.ok(isParseFault(readHead(bytesOf({ ...made, ...change }), SALT)), Object.keys(change).join());
    }
  });

  it('are read back as they were written, and refused when they are not: segment headers', () => {
    const made = {
      store: uuidBytes('01234567-89ab-cdef-0123-456789abcdef'),
      salt: new Uint8Array(16).fill(3),
      first: 77,
    };
    const bytes = segmentHeader(made);
    assert.deepEqual(readSegmentHeader(bytes), made);
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const turned = copyOf(bytes);
      turned[bit >> 3] ^= 1 << (bit & 7);
      assert.ok(isParseFault(readSegmentHeader(turned)), `bit ${bit}`);
    }
    assert.ok(isParseFault(readSegmentHeader(bytes.subarray(0, 63))));
  });

  it('are read back as they were written, and refused when they are not: state slots', () => {
    const state = fc
      .record({
        generation: safe,
        kind: fc.constantFrom('history' as const, 'plain' as const),
        store: fc.uuid(),
        incarnation: fc.uuid(),
        consistent: fc.boolean(),
        place: fc.option(place, { nil: undefined }),
        at: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
        bytes: safe,
        blockSize: fc.nat(0xffffffff),
        clean: fc.boolean(),
        damaged: fc.boolean(),
        base: fc.nat(2 ** 50),
        reach: fc.nat(2 ** 50),
        cutFrom: safe,
        acked: safe,
        reserved: safe,
        identity: fc.string({ maxLength: 200 }),
        order: fc.option(fc.record({ base: safe, through: safe, space: fc.uuid().map((id) => id.slice(-17)) }), {
          nil: undefined,
        }),
      })
      .map(({ reach, order, ...rest }): StoreState => {
        return { ...rest, foldTo: rest.base + reach, ...(order ? { shared: { ...order } } : {}) };
      });
    fc.assert(
      fc.property(state, fc.nat(), (made, random) => {
        const slot = stateSlot(made);
        assert.deepEqual(readStateSlot(slot), made);
        slot[Math.floor(random / 8) % slot.length] ^= 1 << (random % 8);
        assert.ok(isParseFault(readStateSlot(slot)));
      }),
    );
  });

  it('name stores by UUID', () => {
    fc.assert(fc.property(fc.uuid(), (text) => assert.equal(uuidText(uuidBytes(text)), text)));
    assert.throws(() => uuidBytes('not one'), /is not a UUID/);
  });
});
