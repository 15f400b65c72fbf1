import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ipv4HeaderOk, sum16, tcpChecksumOk } from '../../../../parsers/net/checksum.ts';
import { type Bytes, checksum, data, HOST, HOST6, ipv4, join, TARGET, TARGET6, tcp, u16, u32 } from './build.ts';

/** 0 and 0xffff are the same number in ones-complement arithmetic. */
const same = (sum: number) => (sum === 0xffff ? 0 : sum);

describe('A6 checksums (RFC 1071)', () => {
  it('sums any bytes at any offset, with any seed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(20), fc.nat(0xffff), (bytes, offset, seed) => {
        const from = Math.min(offset, bytes.length);
        const part = bytes.subarray(from);
        const expected = (0xffff - checksum(part) + seed) % 0xffff;
        assert.equal(same(sum16(bytes, from, part.length, seed)), expected);
      }),
    );
  });

  it('loses no carry over 16 MiB', () => {
    const bytes = new Uint8Array(1 << 24).fill(255);
    assert.equal(sum16(bytes, 0, bytes.length, 0), 0xffff);
    assert.equal(sum16(bytes, 1, bytes.length - 1, 1), same(1 + 0xff00));
  });

  it('goes on from a seed as if the parts were one', () => {
    const bytes = data(101, 200);
    assert.equal(sum16(bytes, 40, 61, sum16(bytes, 0, 40, 0)), sum16(bytes, 0, 101, 0));
  });

  it('verifies an IPv4 header (RFC 791 section 3.1)', () => {
    const options = data(8);
    const packet = ipv4(data(10), { options });
    assert.equal(ipv4HeaderOk(packet, 0, 28), true);
    packet[8]--;
    assert.equal(ipv4HeaderOk(packet, 0, 28), false);
    packet[10] = 0;
    packet[11] = 0;
    assert.equal(ipv4HeaderOk(packet, 0, 28), true);
  });

  const families: [string, boolean, readonly number[], readonly number[]][] = [
    ['IPv4', false, HOST, TARGET],
    ['IPv6', true, HOST6, TARGET6],
  ];
  for (const [name, v6, src, dst] of families) {
    it(`verifies a TCP segment over ${name} (RFC 9293 section 3.1)`, () => {
      for (const length of [0, 1, 2, 1447, 70000]) {
        const segment = tcp({ payload: data(length) });
        const address = join(Uint8Array.from(src), Uint8Array.from(dst));
        const pseudo: Bytes = v6
          ? join(address, u32(segment.length, 6))
          : segment.length > 0xffff
            ? join(address, u32(6, segment.length)) // no packet, but the sum is defined
            : join(address, u16(6, segment.length));
        const sum = checksum(join(pseudo, segment));
        segment[16] = sum >>> 8;
        segment[17] = sum & 255;
        const frame = join(data(3), address, segment);
        const at = 3 + address.length;
        const half = address.length / 2;
        assert.equal(tcpChecksumOk(frame, v6, 3, 3 + half, at, segment.length), true);
        frame[at + 4] ^= 1;
        assert.equal(tcpChecksumOk(frame, v6, 3, 3 + half, at, segment.length), false);
      }
    });
  }
});
