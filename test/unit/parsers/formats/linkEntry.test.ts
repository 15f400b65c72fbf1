import assert from 'node:assert/strict';
import fc from 'fast-check';
import { LinkScribe } from '../../../../parsers/formats/linkBytes.ts';
import { type EntryPart, entryFrame, readEntryPart } from '../../../../parsers/formats/linkEntry.ts';
import { FRAME_HEADER_BYTES } from '../../../../parsers/formats/linkFrame.ts';
import type { Piece } from '../../../../src/base/change.ts';
import { isParseFault } from '../../../../src/base/fault.ts';
import { bodyOf, plain, word } from './linkBodies.ts';

describe('D2 entries of the journey link', () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 40 });
  const payload = fc.oneof(
    bytes.map((one) => ({ length: one.length, payload: [one] as const })),
    fc.integer({ min: 1, max: 2 ** 40 }).map((length) => ({ length, payload: 'zeros' as const })),
    fc
      .tuple(bytes, fc.integer({ min: 1, max: 1000 }))
      .map(([fill, times]) => ({ length: fill.length * times, payload: { fill } })),
    bytes.map((one) => ({ length: one.length, payload: { or: [one] } })),
  );
  const runs = fc.array(fc.tuple(fc.nat(2 ** 40), payload), { maxLength: 20 }).map((list) => {
    let end = 0;
    return list.map(([gap, one]): Piece => {
      const offset = end + gap;
      end = offset + one.length;
      return { offset, ...one };
    });
  });
  const part: fc.Arbitrary<EntryPart> = fc
    .record({
      number: fc.nat(2 ** 48 - 1),
      part: fc.nat(2 ** 32 - 1),
      more: fc.boolean(),
      kind: fc.constantFrom('change', 'copy', 'mark', 'state'),
      at: fc.bigInt(0n, 2n ** 63n - 1n),
      consistent: fc.boolean(),
      name: word,
      runs,
    })
    .map((one) => ({
      ...one,
      name: one.kind === 'mark' ? one.name : '',
      runs: one.kind === 'change' || one.kind === 'copy' ? one.runs : [],
    }));

  it('come back as they were sent', () => {
    fc.assert(
      fc.property(part, (one) => {
        const frame = entryFrame(one);
        const body = bodyOf(frame);
        assert.equal(body.length, frame.bytes);
        assert.deepEqual(plain(readEntryPart(body)), plain(one));
      }),
    );
  });

  it('cost a change of 4 KiB less than 2 % with their frame', () => {
    const one: Piece = { offset: 2 ** 40, length: 4096, payload: [new Uint8Array(4096)] };
    const frame = entryFrame({
      number: 1e9,
      part: 0,
      more: false,
      kind: 'change',
      at: 2n ** 60n,
      consistent: true,
      name: '',
      runs: [one],
    });
    assert.ok(FRAME_HEADER_BYTES + frame.bytes <= 4096 * 1.015, `${frame.bytes}`);
  });

  it('are refused with empty runs, runs beyond 2^53-1, unknown kinds and fills of broken blocks', () => {
    const prefix = (): LinkScribe => new LinkScribe(0).u48(1).u32(0).u8(0).u8(0).nanos(0n);
    const wrong: [string, LinkScribe][] = [
      ['an empty run', prefix().varint(1).varint(0).varint(0).u8(1)],
      ['beyond the end', prefix().varint(1).varint(Number.MAX_SAFE_INTEGER).varint(1).u8(1)],
      ['an unknown run', prefix().varint(1).varint(0).varint(1).u8(4)],
      ['half a block', prefix().varint(1).varint(0).varint(3).u8(2).varint(2).raw(new Uint8Array(2))],
      ['no block', prefix().varint(1).varint(0).varint(3).u8(2).varint(0)],
      ['runs that are not there', prefix().varint(2 ** 40)],
      [
        'bytes that are not there',
        prefix()
          .varint(1)
          .varint(0)
          .varint(2 ** 40)
          .u8(0),
      ],
      ['bytes behind the last run', prefix().varint(0).u8(0)],
      ['an unknown kind', new LinkScribe(0).u48(1).u32(0).u8(0).u8(9).nanos(0n)],
      ['unknown flags', new LinkScribe(0).u48(1).u32(0).u8(4).u8(3).nanos(0n)],
    ];
    for (const [what, scribe] of wrong) assert.ok(isParseFault(readEntryPart(scribe.done())), what);
  });
});
