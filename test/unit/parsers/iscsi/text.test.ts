import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseText } from '../../../../parsers/iscsi/text.ts';

const text = (words: string): Uint8Array => Uint8Array.from(Buffer.from(words, 'latin1'));

describe('A7 text keys (RFC 7143 section 6.1)', () => {
  it('splits pairs at NUL and keys at the first equals sign', () => {
    const keys = parseText(text('InitiatorName=iqn.a\0X-b=c=d\0HeaderDigest=CRC32C,None\0'));
    assert.deepEqual(
      [...keys],
      [
        ['InitiatorName', 'iqn.a'],
        ['X-b', 'c=d'],
        ['HeaderDigest', 'CRC32C,None'],
      ],
    );
  });

  it('takes a last pair without NUL, and passes over what is no pair', () => {
    assert.deepEqual([...parseText(text('\0\0novalue\0=x\0A='))], [['A', '']]);
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => parseText(bytes) instanceof Map));
  });
});
