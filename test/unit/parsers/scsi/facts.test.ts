import assert from 'node:assert/strict';
import fc from 'fast-check';
import { capacity10Layout, capacity16Layout } from '../../../../parsers/scsi/capacity.layout.ts';
import { parseCapacity10, parseCapacity16 } from '../../../../parsers/scsi/capacity.ts';
import { blockLimitsLayout, inquiryLayout, provisioningLayout } from '../../../../parsers/scsi/inquiry.layout.ts';
import {
  parseBlockLimits,
  parseInquiry,
  parseProvisioning,
  parseSerialNumber,
} from '../../../../parsers/scsi/inquiry.ts';
import { modeSense6Layout } from '../../../../parsers/scsi/mode.layout.ts';
import {
  parseModeSelect6,
  parseModeSelect10,
  parseModeSense6,
  parseModeSense10,
} from '../../../../parsers/scsi/mode.ts';
import { isParseFault } from '../../../../src/base/fault.ts';
import { hex } from './hex.ts';

type Parser<T> = (bytes: Uint8Array, offset: number, length: number) => T;

/** Parses the whole text from the middle of a larger buffer. */
function parsed<T>(parser: Parser<T>, text: string): T {
  const bytes = hex(text);
  const around = new Uint8Array(bytes.length + 7).fill(0xee);
  around.set(bytes, 3);
  return parser(around, 3, bytes.length);
}

const plain = { protection: { enabled: false, type: 0, intervalExponent: 0 }, lbpme: false, lbprz: false };
const unaligned = { ...plain, physicalExponent: 0, lowestAligned: 0 };

describe('B3b READ CAPACITY', () => {
  it('(10) of a real target (SBC-4 section 5.20.2)', () => {
    const expected = { lastLbn: 0x1ffff, blockSize: 512, blocks: 0x20000, ...unaligned };
    assert.deepEqual(parsed(parseCapacity10, '0001ffff00000200'), expected);
  });

  it('(10) with FFFFFFFFh knows the block size only', () => {
    const expected = { lastLbn: -1, blockSize: 4096, blocks: 0, ...unaligned };
    assert.deepEqual(parsed(parseCapacity10, 'ffffffff 00001000'), expected);
  });

  it('(16) of a real target: thin, reads zeros, 8 logical blocks a physical one (SBC-4 section 5.21.2)', () => {
    const expected = { ...unaligned, lastLbn: 0x1ffff, blockSize: 512, blocks: 0x20000, lbpme: true, lbprz: true };
    const text = '000000000001ffff 00000200 0003c000 00000000000000000000000000000000';
    assert.deepEqual(parsed(parseCapacity16, text), { ...expected, physicalExponent: 3 });
  });

  it('(16) with protection type 3 and two intervals a block', () => {
    const data = parsed(parseCapacity16, '0000000000000fff 00001000 05 10 0007');
    assert.ok(!isParseFault(data));
    assert.deepEqual(data.protection, { enabled: true, type: 3, intervalExponent: 1 });
    assert.equal(data.lowestAligned, 7);
  });

  it('(16) may be cut off after the block size', () => {
    const expected = { lastLbn: 7, blockSize: 512, blocks: 8, ...unaligned };
    assert.deepEqual(parsed(parseCapacity16, '0000000000000007 00000200'), expected);
  });

  it('is refused when cut off earlier, without a block size, or above 2^53 blocks', () => {
    assert.ok(isParseFault(parsed(parseCapacity10, '0000000100')));
    assert.ok(isParseFault(parsed(parseCapacity10, '0000000100000000')));
    assert.ok(isParseFault(parsed(parseCapacity16, '0000000000000007 000002')));
    assert.ok(isParseFault(parsed(parseCapacity16, '0000000000000007 00000000')));
    assert.ok(isParseFault(parsed(parseCapacity16, 'ffffffffffffffff 00000200')));
    assert.ok(isParseFault(parsed(parseCapacity16, '001fffffffffffff 00000200')));
  });

  it('reads like the layouts', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        bytes[0] = 0;
        bytes[1] &= 0x0f;
        bytes[8] |= 1;
        const long = parseCapacity16(bytes, 0, 32);
        const twin = capacity16Layout.parse(bytes);
        const enabled = twin.protectionEnabled === 1;
        const type = enabled ? twin.protectionType + 1 : 0;
        assert.deepEqual(long, {
          lastLbn: Number(twin.lastLbn),
          blockSize: twin.blockSize,
          blocks: Number(twin.lastLbn) + 1,
          protection: { enabled, type, intervalExponent: twin.intervalExponent },
          lbpme: twin.lbpme === 1,
          lbprz: twin.lbprz === 1,
          physicalExponent: twin.physicalExponent,
          lowestAligned: twin.lowestAligned,
        });
        const short = parseCapacity10(bytes, 8, 8);
        const twin10 = capacity10Layout.parse(bytes.subarray(8));
        if (!isParseFault(short))
          assert.deepEqual([short.lastLbn, short.blockSize], [twin10.lastLbn, twin10.blockSize]);
      }),
    );
  });
});

describe('A9 INQUIRY', () => {
  const real =
    '00000512 3d000002 4945542020202020 5649525455414c2d4449534b20202020 30303031' +
    '0000000000000000000000000000000000000000000004c009600300';

  it('of a real target (SPC-5 section 6.7.2)', () => {
    const expected = {
      peripheralQualifier: 0,
      peripheralType: 0,
      vendor: 'IET',
      product: 'VIRTUAL-DISK',
      revision: '0001',
    };
    assert.deepEqual(parsed(parseInquiry, real), expected);
  });

  it('may be cut off: texts that are not whole are empty', () => {
    const expected = { peripheralQualifier: 3, peripheralType: 31, vendor: '', product: '', revision: '' };
    assert.deepEqual(parsed(parseInquiry, '7f00051200'), expected);
    // ADDITIONAL LENGTH ends the data although more bytes came.
    assert.deepEqual(parsed(parseInquiry, `7f000512 06${real.replace(/ /g, '').slice(10)}`), expected);
    assert.ok(isParseFault(parsed(parseInquiry, '00000512')));
  });

  it('keeps control characters of the wire off a terminal', () => {
    const data = parsed(parseInquiry, `00000512 3d000002 411b5b3242200000 ${'20'.repeat(20)}`);
    assert.ok(!isParseFault(data));
    assert.equal(data.vendor, 'A?[2B');
  });

  it('reads like the layout', () => {
    const text = (size: number): fc.Arbitrary<string> =>
      fc.string({ unit: fc.constantFrom(...'ABC xyz-09'), minLength: size, maxLength: size });
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), text(28), (head, words) => {
        head[4] = 31;
        const bytes = Uint8Array.from([...head, ...Buffer.from(words)]);
        const twin = inquiryLayout.parse(bytes);
        assert.deepEqual(parseInquiry(bytes, 0, 36), {
          peripheralQualifier: twin.peripheralQualifier,
          peripheralType: twin.peripheralType,
          vendor: twin.vendor.trim(),
          product: twin.product.trim(),
          revision: twin.revision.trim(),
        });
      }),
    );
  });

  it('unit serial number, and only on its own page (SPC-5 section 7.7)', () => {
    assert.equal(parsed(parseSerialNumber, '00800008 3130303030303032'), '10000002');
    assert.equal(parsed(parseSerialNumber, '00800024 2020202062656166'), 'beaf');
    assert.ok(isParseFault(parsed(parseSerialNumber, '00830008 3130303030303032')));
    assert.ok(isParseFault(parsed(parseSerialNumber, '0080')));
  });
});

describe('B3 what UNMAP and WRITE SAME leave behind', () => {
  it('block limits of a real target (SBC-4 section 6.6.4)', () => {
    const text = `00b0003c 00800000 ${'00'.repeat(12)} ffffffff ffffffff ${'00'.repeat(36)}`;
    assert.deepEqual(parsed(parseBlockLimits, text), {
      wsnz: false,
      maxTransferBlocks: 0,
      optimalTransferBlocks: 0,
      maxUnmapBlocks: 0xffffffff,
      maxUnmapDescriptors: 0xffffffff,
      unmapGranularity: 0,
      alignmentValid: false,
      unmapAlignment: 0,
      maxWriteSameBlocks: 0,
    });
  });

  it('block limits: the alignment counts only with UGAVALID', () => {
    const page = (alignment: string): string => `00b0003c ${'00'.repeat(24)} 00000008 ${alignment} ${'00'.repeat(28)}`;
    const valid = parsed(parseBlockLimits, page('80000003'));
    const invalid = parsed(parseBlockLimits, page('00000003'));
    assert.ok(!isParseFault(valid) && !isParseFault(invalid));
    assert.deepEqual([valid.unmapGranularity, valid.alignmentValid, valid.unmapAlignment], [8, true, 3]);
    assert.deepEqual([invalid.unmapGranularity, invalid.alignmentValid, invalid.unmapAlignment], [8, false, 0]);
  });

  it('block limits of SBC-2, 16 bytes, know nothing of UNMAP', () => {
    const data = parsed(parseBlockLimits, `00b0000c ${'ff'.repeat(12)}`);
    assert.ok(!isParseFault(data));
    assert.deepEqual([data.wsnz, data.unmapGranularity, data.maxUnmapBlocks], [true, 0, 0]);
  });

  it('block limits read like the layout', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 60, maxLength: 60 }), (body) => {
        body[32] = 0;
        body[33] = 0;
        const bytes = Uint8Array.from([0, 0xb0, 0, 60, ...body]);
        const twin = blockLimitsLayout.parse(bytes);
        const valid = twin.alignmentValid === 1;
        assert.deepEqual(parseBlockLimits(bytes, 0, 64), {
          wsnz: twin.wsnz === 1,
          maxTransferBlocks: twin.maxTransferBlocks,
          optimalTransferBlocks: twin.optimalTransferBlocks,
          maxUnmapBlocks: twin.maxUnmapBlocks,
          maxUnmapDescriptors: twin.maxUnmapDescriptors,
          unmapGranularity: twin.unmapGranularity,
          alignmentValid: valid,
          unmapAlignment: valid ? twin.unmapAlignment : 0,
          maxWriteSameBlocks: Number(twin.maxWriteSameBlocks),
        });
      }),
    );
  });

  it('provisioning of a real target: zeros (SBC-4 section 6.6.7)', () => {
    assert.deepEqual(parsed(parseProvisioning, '00b20004 00e40200'), {
      lbpu: true,
      lbpws: true,
      lbpws10: true,
      lbprz: 1,
      unmappedReads: 'zeros',
      anchorSupported: false,
      provisioningType: 2,
    });
  });

  it('LBPRZ: xx1b zeros, 010b a pattern, anything else nothing', () => {
    const reads = [0, 1, 2, 3, 4, 5, 6, 7].map((lbprz) => {
      const flags = (lbprz << 2).toString(16).padStart(2, '0');
      const data = parsed(parseProvisioning, `00b20004 00${flags}0000`);
      return isParseFault(data) ? 'fault' : data.unmappedReads;
    });
    const none = 'unspecified';
    assert.deepEqual(reads, [none, 'zeros', 'pattern', 'zeros', none, 'zeros', none, 'zeros']);
  });

  it('provisioning reads like the layout, and is refused without its flags', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), (body) => {
        const bytes = Uint8Array.from([0, 0xb2, 0, 4, ...body]);
        const twin = provisioningLayout.parse(bytes);
        const data = parseProvisioning(bytes, 0, 8);
        assert.ok(!isParseFault(data));
        assert.deepEqual(
          [data.lbpu, data.lbpws, data.lbpws10, data.lbprz, data.anchorSupported, data.provisioningType],
          [
            twin.lbpu === 1,
            twin.lbpws === 1,
            twin.lbpws10 === 1,
            twin.lbprz,
            twin.anchorSupported === 1,
            twin.provisioningType,
          ],
        );
      }),
    );
    assert.ok(isParseFault(parsed(parseProvisioning, '00b20004 00')));
  });
});

describe('B2b mode parameters', () => {
  /** MODE SENSE(6) of a real target (d04), all pages, as far as the caching page and some of the next. */
  const real =
    '69001008 0000000000000200 020e8080000a00000000000000000000' +
    '0812 1400ffff0000ffffffff80140000000000000a0a02100000000000000200';

  it('of a real target: write cache on, FUA honoured, 512-byte blocks (SBC-4 sections 6.5.2.2 and 6.5.6)', () => {
    const expected = { writeProtected: false, dpoFua: true, blockSize: 512, blocks: 0, wce: true };
    assert.deepEqual(parsed(parseModeSense6, real), expected);
  });

  it('WP is told; without the caching page WCE is not known', () => {
    const data = parsed(parseModeSense6, '03008000');
    assert.deepEqual(data, { writeProtected: true, dpoFua: false, blockSize: 0, blocks: 0, wce: undefined });
  });

  it('(10) with a long LBA descriptor (SBC-4 section 6.5.2.3)', () => {
    const text = '0022 00 00 01 00 0010 0000000200000000 00000000 00001000 0804 04 000000';
    const expected = { writeProtected: false, dpoFua: false, blockSize: 4096, blocks: 0x200000000, wce: true };
    assert.deepEqual(parsed(parseModeSense10, text), expected);
  });

  it('finds the caching page behind pages of the sub-page format', () => {
    const data = parsed(parseModeSense10, '0013 00 00 00 00 0000 4a01 0003 aabbcc 0804 00 000000');
    assert.ok(!isParseFault(data));
    assert.equal(data.wce, false);
  });

  it('MODE SELECT: its MODE DATA LENGTH is reserved, the descriptor counts', () => {
    const short = parsed(parseModeSelect6, '00 00 00 08 ffffffff 00 001000');
    assert.deepEqual(short, { writeProtected: false, dpoFua: false, blockSize: 4096, blocks: 0, wce: undefined });
    const long = parsed(parseModeSelect10, '0000 00 00 00 00 0008 00001000 00 000200 0804 04 000000');
    assert.deepEqual(long, { writeProtected: false, dpoFua: false, blockSize: 512, blocks: 0x1000, wce: true });
  });

  it('reads like the layout', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 15, maxLength: 15 }), (bytes) => {
        bytes.set([14, bytes[1], bytes[2], 8]);
        bytes.set([0x88, 1], 12);
        bytes[4] &= 0x7f;
        const twin = modeSense6Layout.parse(bytes);
        assert.deepEqual(parseModeSense6(bytes, 0, 15), {
          writeProtected: twin.writeProtected === 1,
          dpoFua: twin.dpoFua === 1,
          blockSize: twin.descriptor.blockSize,
          blocks: twin.descriptor.blocks,
          wce: twin.caching.wce === 1,
        });
      }),
    );
  });

  it('never throws and never ends up outside the data (H5)', () => {
    const parsers = [parseModeSense6, parseModeSense10, parseModeSelect6, parseModeSelect10];
    const facts = [
      parseCapacity10,
      parseCapacity16,
      parseInquiry,
      parseBlockLimits,
      parseProvisioning,
      parseSerialNumber,
    ];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.constantFrom(0xb0, 0xb2, 0x80, 0x00), (bytes, page) => {
        if (bytes.length > 1) bytes[1] = page;
        for (const parser of [...parsers, ...facts]) {
          const inside = new Uint8Array([...bytes, ...new Uint8Array(64).fill(0x5a)]);
          const outside = new Uint8Array([...bytes, ...new Uint8Array(64).fill(0xa5)]);
          assert.deepEqual(parser(inside, 0, bytes.length), parser(outside, 0, bytes.length));
        }
      }),
      { numRuns: 500 },
    );
  });
});
