import assert from 'node:assert/strict';
import fc from 'fast-check';
import { lunNumber, lunNumberWords, lunWords } from '../../../../parsers/scsi/lun.ts';
import { hex } from './hex.ts';

const lun = (text: string): number | undefined => lunNumber(hex(text.replace(/ /g, '').padEnd(16, '0')), 0);

describe('A9 logical unit numbers (SAM-5 section 4.7)', () => {
  it('peripheral and flat space addressing give one plain number', () => {
    assert.equal(lun('0000'), 0);
    assert.equal(lun('0001'), 1);
    assert.equal(lun('00ff'), 255);
    assert.equal(lun('4001'), 1);
    assert.equal(lun('4100'), 256);
    assert.equal(lun('7fff'), 16383);
  });

  it('any other single level is its two bytes', () => {
    assert.equal(lun('8005'), 0x8005); // logical unit addressing
    assert.equal(lun('0105'), 0x0105); // peripheral, bus 1
    assert.equal(lun('c101'), 0xc101); // the REPORT LUNS well known LU
  });

  it('longer ones are their significant bytes, as long as a number holds them', () => {
    assert.equal(lun('d2000001'), 0xd2000001);
    assert.equal(lun('0105 0002 0003'), 0x010500020003);
    assert.equal(lun('001f ffff ffff ffff'), Number.MAX_SAFE_INTEGER);
    assert.equal(lun('0105 0002 0003 0004'), undefined);
    assert.equal(lun('0000 0001'), undefined);
  });

  it('in words', () => {
    assert.equal(lunWords(hex('4001000000000000'), 0), '1');
    assert.equal(lunWords(hex('c101000000000000'), 0), '0xc101');
    assert.equal(lunWords(hex('0000000100000000'), 0), '0x0000000100000000');
    assert.equal(lunNumberWords(16383), '16383');
  });

  it('no two LUs share a number but by peripheral and flat space addressing', () => {
    const any = fc
      .uint8Array({ minLength: 8, maxLength: 8 })
      .chain((bytes) => fc.constantFrom(2, 4, 6, 8).map((used) => bytes.map((byte, i) => (i < used ? byte : 0))));
    const flat = (bytes: Uint8Array): string => {
      const plain = bytes.subarray(2).every((byte) => byte === 0) && bytes[0] === 0;
      return Buffer.from(plain ? [0x40, ...bytes.subarray(1)] : bytes).toString('hex');
    };
    fc.assert(
      fc.property(any, any, (a, b) => {
        const [left, right] = [lunNumber(a, 0), lunNumber(b, 0)];
        if (left !== undefined && left === right) assert.equal(flat(a), flat(b));
        if (left !== undefined) assert.ok(Number.isSafeInteger(left));
      }),
      { numRuns: 1000 },
    );
  });
});
