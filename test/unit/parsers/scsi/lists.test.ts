import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Extent } from '../../../../parsers/scsi/bytes.ts';
import { parseWriteUsingToken } from '../../../../parsers/scsi/copy.ts';
import { scatteredLayout, tokenLayout, unmapLayout } from '../../../../parsers/scsi/descriptors.layout.ts';
import { parseReassign } from '../../../../parsers/scsi/reassign.ts';
import { overlapping, parseScattered } from '../../../../parsers/scsi/scattered.ts';
import { parseUnmap } from '../../../../parsers/scsi/unmap.ts';
import { isParseFault } from '../../../../src/base/fault.ts';
import { hex } from './hex.ts';

/** A 16-byte range descriptor; `tail` makes it the 32 bytes of WRITE SCATTERED. */
const range = ({ lbn, blocks }: Extent, tail = '00000000'): string =>
  lbn.toString(16).padStart(16, '0') + blocks.toString(16).padStart(8, '0') + tail;
const u16 = (value: number): string => value.toString(16).padStart(4, '0');
const unmapList = (ranges: string, length = ranges.length / 2): string =>
  `${u16(length + 6)}${u16(length)}00000000${ranges}`;

const extent = fc.record({ lbn: fc.maxSafeNat(), blocks: fc.nat(0xffffffff) }, { noNullPrototype: true });
const usable = ({ lbn, blocks }: Extent): boolean => lbn + blocks <= Number.MAX_SAFE_INTEGER;
const some = ({ blocks }: Extent): boolean => blocks > 0;

function unmap(text: string): Extent[] | 'fault' {
  const bytes = hex(text);
  const extents = parseUnmap(bytes, 0, bytes.length);
  return isParseFault(extents) ? 'fault' : extents;
}

describe('B3 UNMAP parameter list (SBC-4 section 5.35)', () => {
  it('names extents; a count of zero unmaps none', () => {
    const list = range({ lbn: 5, blocks: 6 }) + range({ lbn: 9, blocks: 0 }) + range({ lbn: 0x100000000, blocks: 1 });
    assert.deepEqual(unmap(unmapList(list)), [
      { lbn: 5, blocks: 6 },
      { lbn: 0x100000000, blocks: 1 },
    ]);
  });

  it('may be empty, and ignores a partial last descriptor', () => {
    assert.deepEqual(unmap(''), []);
    assert.deepEqual(unmap(unmapList('')), []);
    assert.deepEqual(unmap(unmapList(`${range({ lbn: 5, blocks: 6 })}ffffffff`)), [{ lbn: 5, blocks: 6 }]);
  });

  it('is refused where it ends before its descriptors, or names LBNs above 2^53-1', () => {
    assert.equal(unmap('00060000'), 'fault');
    assert.equal(unmap(unmapList(range({ lbn: 5, blocks: 6 }), 32)), 'fault');
    assert.equal(unmap(unmapList('0020000000000000 00000001 00000000'.replace(/ /g, ''))), 'fault');
    assert.equal(unmap(unmapList(range({ lbn: Number.MAX_SAFE_INTEGER, blocks: 1 }))), 'fault');
  });

  it('reads like the layout', () => {
    fc.assert(
      fc.property(fc.array(extent, { maxLength: 8 }), (extents) => {
        const bytes = hex(unmapList(extents.map((one) => range(one)).join('')));
        const twin = unmapLayout.parse(bytes).descriptors.map((one: { lbn: bigint; blocks: number }) => ({
          lbn: Number(one.lbn),
          blocks: one.blocks,
        }));
        const parsed = parseUnmap(bytes, 0, bytes.length);
        assert.equal(isParseFault(parsed), !extents.every(usable));
        if (!isParseFault(parsed)) assert.deepEqual(parsed, twin.filter(some));
      }),
    );
  });
});

describe('B3 WRITE SCATTERED parameter list (SBC-4 section 5.55)', () => {
  const header = '00'.repeat(32);

  it('names extents in the order of their data', () => {
    const bytes = hex(
      header + range({ lbn: 9, blocks: 2 }, '00'.repeat(20)) + range({ lbn: 3, blocks: 1 }, '11'.repeat(20)),
    );
    assert.deepEqual(parseScattered(bytes, 0, bytes.length, 2), [
      { lbn: 9, blocks: 2 },
      { lbn: 3, blocks: 1 },
    ]);
    assert.deepEqual(parseScattered(bytes, 0, bytes.length, 1), [{ lbn: 9, blocks: 2 }]);
    assert.deepEqual(parseScattered(bytes, 0, 0, 0), []);
  });

  it('is refused where descriptors are missing', () => {
    const bytes = hex(header + range({ lbn: 9, blocks: 2 }, '00'.repeat(20)));
    assert.ok(isParseFault(parseScattered(bytes, 0, bytes.length, 2)));
    assert.ok(isParseFault(parseScattered(bytes, 0, 63, 1)));
  });

  it('tells extents that share a block: their order on the medium is not known', () => {
    const a = { lbn: 10, blocks: 4 };
    assert.equal(overlapping([a, { lbn: 14, blocks: 1 }, { lbn: 0, blocks: 10 }]), false);
    assert.equal(overlapping([a, { lbn: 0, blocks: 11 }]), true);
    assert.equal(overlapping([{ lbn: 13, blocks: 9 }, a]), true);
    assert.equal(overlapping([a, a]), true);
    assert.equal(overlapping([]), false);
  });

  it('reads like the layout', () => {
    const tail = fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString('hex'));
    fc.assert(
      fc.property(fc.array(fc.tuple(extent, tail), { minLength: 1, maxLength: 8 }), (list) => {
        const bytes = hex(header + list.map(([one, rest]) => range(one, rest)).join(''));
        const twin = scatteredLayout.parse(bytes).descriptors.map((one: { lbn: bigint; blocks: number }) => ({
          lbn: Number(one.lbn),
          blocks: one.blocks,
        }));
        const parsed = parseScattered(bytes, 0, bytes.length, list.length);
        if (!isParseFault(parsed)) assert.deepEqual(parsed, twin.filter(some));
        else assert.ok(!list.every(([one]) => usable(one)));
      }),
    );
  });
});

describe('B3 WRITE USING TOKEN parameter list (SBC-4 section 5.59)', () => {
  const token = (flags: string, ranges: string, length = ranges.length / 2): string =>
    `${u16(534 + length)}${flags}${'00'.repeat(13)}${'77'.repeat(512)}${'00'.repeat(6)}${u16(length)}${ranges}`;

  it('names extents behind the token, and whether GOOD comes before the data', () => {
    const bytes = hex(token('01', range({ lbn: 5, blocks: 6 }) + range({ lbn: 50, blocks: 60 })));
    const extents = [
      { lbn: 5, blocks: 6 },
      { lbn: 50, blocks: 60 },
    ];
    assert.deepEqual(parseWriteUsingToken(bytes, 0, bytes.length), { extents, immed: true });
  });

  it('is refused where it is cut off', () => {
    const bytes = hex(token('00', range({ lbn: 5, blocks: 6 }), 32));
    assert.ok(isParseFault(parseWriteUsingToken(bytes, 0, bytes.length)));
    assert.ok(isParseFault(parseWriteUsingToken(bytes, 0, 535)));
  });

  it('reads like the layout', () => {
    fc.assert(
      fc.property(fc.array(extent, { maxLength: 4 }), fc.boolean(), (extents, immed) => {
        const bytes = hex(token(immed ? '01' : '00', extents.map((one) => range(one)).join('')));
        const twin = tokenLayout.parse(bytes);
        const parsed = parseWriteUsingToken(bytes, 0, bytes.length);
        assert.equal(isParseFault(parsed), !extents.every(usable));
        if (isParseFault(parsed)) return;
        assert.equal(parsed.immed, twin.immed === 1);
        const wanted = twin.descriptors.map((one: { lbn: bigint; blocks: number }) => Number(one.lbn) + one.blocks);
        assert.deepEqual(
          extents.map(({ lbn, blocks }) => lbn + blocks),
          wanted,
        );
        assert.deepEqual(parsed.extents, extents.filter(some));
      }),
    );
  });
});

describe('B3 REASSIGN BLOCKS parameter list (SBC-4 section 5.24)', () => {
  const parse = (text: string, longLba: boolean, longList: boolean): number[] | 'fault' => {
    const bytes = hex(text);
    const lbns = parseReassign(bytes, 0, bytes.length, longLba, longList);
    return isParseFault(lbns) ? 'fault' : lbns;
  };

  it('of four-byte and eight-byte LBAs, short and long lists', () => {
    assert.deepEqual(parse('0000 0008 00000005 00000009', false, false), [5, 9]);
    assert.deepEqual(parse('0000 0008 0000000100000000', true, false), [0x100000000]);
    assert.deepEqual(parse('00000008 00000005 00000009', false, true), [5, 9]);
    assert.deepEqual(parse('', false, false), []);
  });

  it('is refused where it is cut off or names an LBN above 2^53-1', () => {
    assert.equal(parse('0000 000c 00000005 00000009', false, false), 'fault');
    assert.equal(parse('ffffffff 00000005', false, true), 'fault');
    assert.equal(parse('0000 0008 ffffffffffffffff', true, false), 'fault');
    assert.equal(parse('0000', false, false), 'fault');
  });
});

describe('H5 hostile parameter lists', () => {
  it('never throw, never loop, never read outside', () => {
    const flag = fc.boolean();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 700 }), fc.nat(40), flag, flag, (bytes, count, longLba, longList) => {
        const lists = [
          parseUnmap(bytes, 0, bytes.length),
          parseScattered(bytes, 0, bytes.length, count),
          parseReassign(bytes, 0, bytes.length, longLba, longList),
        ];
        for (const list of lists) if (!isParseFault(list)) assert.ok(list.length * 4 <= bytes.length);
        parseWriteUsingToken(bytes, 0, bytes.length);
      }),
      { numRuns: 500 },
    );
  });
});
