import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Cdb } from '../../../../parsers/scsi/cdb.ts';
import { LBN_REFUSED, newCdb, parseCdb } from '../../../../parsers/scsi/cdb.ts';
import { operations } from '../../../../parsers/scsi/opcodes.ts';
import { copyOf } from '../../../../src/base/bytes.ts';
import { golden } from './golden.ts';
import { cdbOf, hex } from './hex.ts';

function parsed(bytes: Uint8Array): Cdb {
  const cdb = newCdb();
  parseCdb(bytes, 0, bytes.length, cdb);
  return cdb;
}

/** Only the named fields of a parse. */
function fields<K extends keyof Cdb>(bytes: Uint8Array, ...keys: K[]): unknown {
  const cdb = parsed(bytes);
  return Object.fromEntries(keys.map((key) => [key, cdb[key]]));
}

describe('B1 CDBs of real hosts', () => {
  it('have the LBN and the count that tshark reads', () => {
    const cdb = newCdb();
    for (const row of golden) {
      const [bytes, lba, blocks] = row.split(' ');
      parseCdb(hex(bytes), 0, 16, cdb);
      assert.equal(cdb.operation.known, true, row);
      const lbn = cdb.lbn === LBN_REFUSED ? String(cdb.refusedLbn) : String(cdb.lbn);
      if (lba !== '-') assert.equal(lbn, lba, row);
      if (blocks !== '-') assert.equal(String(cdb.blocks), blocks, row);
    }
  });
});

describe('B3 where a command writes', () => {
  it('WRITE(6): 21 bits of LBA and 0 for 256 blocks (SBC-2)', () => {
    assert.deepEqual(fields(hex('0a ff ff ff 00 00'), 'lbn', 'blocks', 'toEnd'), {
      lbn: 0x1fffff,
      blocks: 256,
      toEnd: false,
    });
    assert.deepEqual(fields(hex('0a 01 02 03 04 00'), 'lbn', 'blocks'), { lbn: 0x010203, blocks: 4 });
    assert.equal(parsed(hex('08 00 00 00 00 00')).blocks, 256);
  });

  it('WRITE(10), (12), (16) and (32) with WRPROTECT, DPO, FUA and group (SBC-4 sections 5.40 to 5.43)', () => {
    const expected = { lbn: 0x01020304, blocks: 0x0506, protect: 5, dpo: true, fua: true, groupNumber: 0x1f };
    const keys = Object.keys(expected) as (keyof typeof expected)[];
    assert.deepEqual(fields(cdbOf(0x2a, 10, { 1: 0xb8, 2: '01020304', 6: 0x1f, 7: '0506' }), ...keys), expected);
    assert.deepEqual(fields(cdbOf(0xaa, 12, { 1: 0xb8, 2: '01020304', 6: '00000506', 10: 0x1f }), ...keys), expected);
    assert.deepEqual(fields(cdbOf(0x8a, 16, { 1: 0xb8, 6: '01020304', 12: '0506', 14: 0x1f }), ...keys), expected);
    const long = cdbOf(0x7f, 32, { 6: 0x1f, 7: 0x18, 9: 0x0b, 10: 0xb8, 16: '01020304', 30: '0506' });
    assert.deepEqual(fields(long, ...keys), expected);
  });

  it('a transfer length of 0 is no blocks in all but the 6-byte commands, and never the end of the LU for WRITE', () => {
    for (const bytes of [cdbOf(0x2a, 10), cdbOf(0x8a, 16), cdbOf(0xaa, 12), cdbOf(0x7f, 32, { 7: 0x18, 9: 0x0b })]) {
      assert.deepEqual(fields(bytes, 'blocks', 'toEnd'), { blocks: 0, toEnd: false });
    }
  });

  it('WRITE AND VERIFY is on the medium when it is GOOD, with or without FUA (SBC-4 section 5.44)', () => {
    assert.deepEqual(fields(cdbOf(0x2e, 10, { 1: 0x02 }), 'fua', 'bytchk', 'direction'), {
      fua: true,
      bytchk: 1,
      direction: 'w',
    });
    assert.equal(parsed(cdbOf(0x8e, 16)).fua, true);
    assert.equal(parsed(cdbOf(0x2a, 10)).fua, false);
  });

  it('WRITE SAME: ANCHOR, UNMAP, NDOB and a count of 0 up to the end (SBC-4 sections 5.52 to 5.54)', () => {
    const keys = ['unmap', 'anchor', 'ndob', 'toEnd', 'fua', 'dpo', 'protect', 'direction'] as const;
    const short = cdbOf(0x41, 10, { 1: 0x38, 2: '00000010' });
    const plain = {
      unmap: true,
      anchor: true,
      ndob: false,
      toEnd: true,
      fua: false,
      dpo: false,
      protect: 1,
      direction: 'w',
    };
    assert.deepEqual(fields(short, ...keys), plain);
    const zeros = {
      unmap: false,
      anchor: false,
      ndob: true,
      toEnd: false,
      fua: false,
      dpo: false,
      protect: 0,
      direction: '-',
    };
    assert.deepEqual(fields(cdbOf(0x93, 16, { 1: 0x01, 13: 9 }), ...keys), zeros);
    assert.deepEqual(fields(cdbOf(0x7f, 32, { 7: 0x18, 9: 0x0d, 10: 0x01, 31: 9 }), ...keys), zeros);
    // Bit 0 of WRITE SAME(10) was RELADR: no NDOB there.
    assert.equal(parsed(cdbOf(0x41, 10, { 1: 0x01 })).ndob, false);
  });

  it('WRITE SAME of SBC-2: PBDATA and LBDATA', () => {
    assert.deepEqual(fields(cdbOf(0x41, 10, { 1: 0x06 }), 'pbdata', 'lbdata'), { pbdata: true, lbdata: true });
    assert.deepEqual(fields(cdbOf(0x93, 16, { 1: 0x02 }), 'pbdata', 'lbdata'), { pbdata: false, lbdata: true });
  });

  it('ORWRITE: LBN, blocks, FUA, the bitmap operation and the generation expected (SBC-4 sections 5.10 and 5.11)', () => {
    const keys = ['lbn', 'blocks', 'protect', 'fua', 'bmop', 'orwGeneration'] as const;
    const short = cdbOf(0x8b, 16, { 1: 0x28, 9: 7, 13: 2 });
    const expected = { lbn: 7, blocks: 2, protect: 1, fua: true, bmop: 0, orwGeneration: 0 };
    assert.deepEqual(fields(short, ...keys), expected);
    const long = cdbOf(0x7f, 32, { 2: 0xf9, 7: 0x18, 9: 0x0e, 10: 0x28, 19: 7, 20: '80000001 00000002', 31: 2 });
    assert.deepEqual(fields(long, ...keys), { ...expected, bmop: 1, orwGeneration: 0x80000001 });
  });

  it('COMPARE AND WRITE counts in byte 13 (SBC-4 section 5.3)', () => {
    const bytes = cdbOf(0x89, 16, { 1: 0x08, 9: 7, 10: 'ffffff', 13: 3 });
    assert.deepEqual(fields(bytes, 'lbn', 'blocks', 'fua'), { lbn: 7, blocks: 3, fua: true });
  });

  it('WRITE ATOMIC(16) and WRITE STREAM(16) count in bytes 12-13 (SBC-4 sections 5.48 and 5.57)', () => {
    for (const opcode of [0x9c, 0x9a]) {
      assert.deepEqual(fields(cdbOf(opcode, 16, { 9: 7, 10: 'ffff', 13: 3 }), 'lbn', 'blocks'), { lbn: 7, blocks: 3 });
    }
  });

  it('WRITE SCATTERED: data offset, descriptors and blocks, and no LBN of its own (SBC-4 sections 5.55 and 5.56)', () => {
    const expected = { lbn: -1, blocks: -1, dataOffset: 2, descriptors: 5, transferBlocks: 99, fua: true };
    const keys = Object.keys(expected) as (keyof typeof expected)[];
    assert.deepEqual(fields(cdbOf(0x9f, 16, { 1: 0x12, 2: 0x08, 5: 2, 9: 5, 13: 99 }), ...keys), expected);
    const long = cdbOf(0x7f, 32, { 7: 0x18, 9: 0x11, 10: 0x08, 13: 2, 17: 5, 31: 99 });
    assert.deepEqual(fields(long, ...keys), expected);
  });

  it('WRITE LONG is one block whatever its length in bytes; PBLOCK is told (SBC-3)', () => {
    const keys = ['lbn', 'blocks', 'pblock', 'parameterListLength'] as const;
    const expected = { lbn: 9, blocks: 1, pblock: true, parameterListLength: 520 };
    assert.deepEqual(fields(cdbOf(0x3f, 10, { 1: 0x60, 5: 9, 7: '0208' }), ...keys), expected);
    assert.deepEqual(fields(cdbOf(0x9f, 16, { 1: 0x11, 9: 9, 12: '0208', 14: 0x60 }), ...keys), expected);
  });

  it('UNMAP: ANCHOR and the length of its list (SBC-4 section 5.35)', () => {
    const keys = ['anchor', 'parameterListLength', 'lbn'] as const;
    assert.deepEqual(fields(cdbOf(0x42, 10, { 1: 1, 8: 24 }), ...keys), {
      anchor: true,
      parameterListLength: 24,
      lbn: -1,
    });
  });

  it('SYNCHRONIZE CACHE: extent, IMMED and a count of 0 up to the end (SBC-4 sections 5.33 and 5.34)', () => {
    const keys = ['lbn', 'blocks', 'toEnd', 'immed', 'protect', 'fua'] as const;
    const whole = { lbn: 0, blocks: 0, toEnd: true, immed: true, protect: 0, fua: false };
    assert.deepEqual(fields(cdbOf(0x35, 10, { 1: 0x02 }), ...keys), whole);
    const part = { lbn: 5, blocks: 6, toEnd: false, immed: false, protect: 0, fua: false };
    assert.deepEqual(fields(cdbOf(0x91, 16, { 9: 5, 13: 6 }), ...keys), part);
  });

  it('VERIFY carries data only with BYTCHK 1 or 3 (SBC-4 section 5.36)', () => {
    const directions = [0, 1, 2, 3].map((bytchk) => parsed(cdbOf(0x2f, 10, { 1: bytchk << 1 })).direction);
    assert.deepEqual(directions, ['-', 'w', '-', 'w']);
    assert.equal(parsed(cdbOf(0x7f, 32, { 7: 0x18, 9: 0x0a, 10: 0x02 })).direction, 'w');
  });

  it('FORMAT UNIT carries a list with FMTDATA, SANITIZE with OVERWRITE alone (SBC-4 sections 5.4 and 5.30)', () => {
    assert.deepEqual([parsed(cdbOf(0x04, 6)).direction, parsed(cdbOf(0x04, 6, { 1: 0x10 })).direction], ['-', 'w']);
    assert.deepEqual(
      [1, 2, 3].map((action) => parsed(cdbOf(0x48, 10, { 1: action })).direction),
      ['w', '-', '-'],
    );
  });

  it('REASSIGN BLOCKS: LONGLBA and LONGLIST (SBC-4 section 5.24)', () => {
    assert.deepEqual(fields(hex('07 02 00 00 00 00'), 'longLba', 'longList'), { longLba: true, longList: false });
  });
});

describe('B1 fields of commands that tell about the LU', () => {
  it('INQUIRY: EVPD, page and a two-byte allocation length (SPC-5 section 6.7)', () => {
    const expected = { vpd: true, pageCode: 0x83, allocationLength: 0x0102 };
    assert.deepEqual(fields(hex('12 01 83 01 02 00'), 'vpd', 'pageCode', 'allocationLength'), expected);
  });

  it('MODE SENSE: page control, page, subpage, allocation length (SPC-3 sections 6.9 and 6.10)', () => {
    const keys = ['pageControl', 'pageCode', 'subpageCode', 'allocationLength'] as const;
    const expected = { pageControl: 1, pageCode: 8, subpageCode: 3, allocationLength: 0xfc };
    assert.deepEqual(fields(hex('1a 08 48 03 fc 00'), ...keys), expected);
    assert.deepEqual(fields(hex('5a 08 48 03 00 00 00 00 fc 00'), ...keys), expected);
  });

  it('READ CAPACITY(16), GET LBA STATUS, REPORT LUNS: allocation length', () => {
    assert.equal(parsed(cdbOf(0x9e, 16, { 1: 0x10, 13: 32 })).allocationLength, 32);
    const status = fields(cdbOf(0x9e, 16, { 1: 0x12, 9: 4, 13: 24 }), 'lbn', 'blocks', 'allocationLength');
    assert.deepEqual(status, { lbn: 4, blocks: -1, allocationLength: 24 });
    assert.equal(parsed(cdbOf(0xa0, 12, { 9: 16 })).allocationLength, 16);
  });

  it('a command in an extended CDB is that command (SPC-4 section 4.2.4); wrappers do not nest', () => {
    const wrapped = cdbOf(0x7e, 24, { 3: 20, 4: '8a 00 00 00 00 00 00 00 00 09 00 00 00 02 00 00' });
    const cdb = parsed(wrapped);
    assert.deepEqual([cdb.operation.name, cdb.opcode, cdb.lbn, cdb.blocks], ['WRITE(16)', 0x7e, 9, 2]);
    assert.equal(parsed(cdbOf(0x7e, 24, { 3: 20, 4: '7e 00 00 10' })).operation.known, false);
    assert.equal(parsed(cdbOf(0x7e, 24, { 3: 15, 4: '8a' })).operation.known, false);
  });
});

describe('H5 hostile CDBs', () => {
  it('refuse LBNs above 2^53-1, keeping the address to show', () => {
    const over = cdbOf(0x8a, 16, { 2: '0020000000000000' });
    assert.deepEqual(fields(over, 'lbn', 'refusedLbn'), { lbn: LBN_REFUSED, refusedLbn: 0x20000000000000n });
    const last = { 2: '001fffffffffffff' };
    assert.equal(parsed(cdbOf(0x8a, 16, last)).lbn, Number.MAX_SAFE_INTEGER);
    assert.equal(parsed(cdbOf(0x8a, 16, { ...last, 13: 1 })).lbn, LBN_REFUSED);
  });

  it('never throw, and give only numbers that can be used', () => {
    const cdb = newCdb();
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 80 });
    fc.assert(
      fc.property(bytes, fc.nat(256), (random, opcode) => {
        if (opcode < 256) random[0] = opcode;
        parseCdb(random, 0, random.length, cdb);
        assert.ok(cdb.lbn === LBN_REFUSED || cdb.lbn === -1 || Number.isSafeInteger(cdb.lbn + Math.max(0, cdb.blocks)));
        assert.ok(cdb.lbn >= LBN_REFUSED && cdb.blocks >= -1 && Number.isSafeInteger(cdb.blocks));
        assert.equal(cdb.lbn === LBN_REFUSED, cdb.refusedLbn !== undefined);
        assert.ok(cdb.operation.shape.length <= random.length);
        if (!cdb.operation.known) assert.deepEqual([cdb.lbn, cdb.blocks, cdb.allocationLength], [-1, -1, -1]);
      }),
      { numRuns: 2000 },
    );
  });

  it('leave nothing of one command in the next', () => {
    const reused = newCdb();
    const any = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(fc.array(fc.tuple(any, fc.constantFrom(...operations)), { maxLength: 8 }), (commands) => {
        for (const [bytes, operation] of commands) {
          bytes[0] = operation.opcode;
          parseCdb(bytes, 0, 32, reused);
          assert.deepEqual(reused, parsed(bytes));
        }
      }),
    );
  });

  it('read the same from the middle of a buffer', () => {
    const here = newCdb();
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 40, maxLength: 60 }), fc.nat(24), (bytes, at) => {
        parseCdb(bytes, at, 16, here);
        assert.deepEqual(here, parsed(copyOf(bytes, at, at + 16)));
      }),
    );
  });
});
