import assert from 'node:assert/strict';
import fc from 'fast-check';
import { CRC_START, crc32c, crcUpdate, crcValue, digestAt } from '../../../../parsers/iscsi/crc32c.ts';

/** The polynomial division itself, bit by bit. */
function slow(bytes: Uint8Array): number {
  let c = 0xffffffff;
  for (const byte of bytes) {
    c ^= byte;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
  }
  return ~c >>> 0;
}

describe('A7 CRC-32C (RFC 7143 section 13.1, examples of RFC 3720 appendix B.4)', () => {
  const examples: [string, Uint8Array, number][] = [
    ['32 bytes of zeros', new Uint8Array(32), 0x8a9136aa],
    ['32 bytes of ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['32 incrementing bytes', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ['32 decrementing bytes', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
  ];
  for (const [what, bytes, digest] of examples) {
    it(`of ${what}`, () => assert.equal(crc32c(bytes), digest));
  }

  it('stands on the wire least significant byte first', () => {
    assert.equal(digestAt(Uint8Array.of(0xaa, 0x36, 0x91, 0x8a), 0), 0x8a9136aa);
  });

  it('is the division, in any pieces', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (bytes, cut) => {
        const at = Math.min(cut, bytes.length);
        const state = crcUpdate(crcUpdate(CRC_START, bytes, 0, at), bytes, at, bytes.length);
        assert.equal(crcValue(state), slow(bytes));
      }),
    );
  });

  it('is the division for long runs, wherever they begin and end', () => {
    const room = Uint8Array.from({ length: 3000 }, (_, i) => (i * 2654435761) >>> 13);
    fc.assert(
      fc.property(fc.nat(9), fc.nat(2500), fc.nat(2500), (base, a, b) => {
        const bytes = room.subarray(base);
        const [from, to] = a < b ? [a, b] : [b, a];
        assert.equal(crc32c(bytes, from, to), slow(bytes.subarray(from, to)));
      }),
    );
  });

  it('is the division for the longest runs', () => {
    const room = Uint8Array.from({ length: 150_000 }, (_, i) => (i * 2654435761) >>> 13);
    fc.assert(
      fc.property(fc.nat(9), fc.nat(140_000), fc.nat(140_000), fc.nat(140_000), (base, a, b, c) => {
        const bytes = room.subarray(base);
        const [from, cut, to] = [a, b, c].sort((x, y) => x - y);
        const state = crcUpdate(crcUpdate(CRC_START, bytes, from, cut), bytes, cut, to);
        assert.equal(crcValue(state), slow(bytes.subarray(from, to)));
      }),
      { numRuns: 40 },
    );
  });
});
