/**
 * Ones-complement sum of 16-bit big-endian words (RFC 1071), folded to 16 bits and not inverted. A last odd byte counts as
 * the high half of a word. `offset` may be odd; `length` is at most 2^24. `seed` is a sum to go on from.
 */
export function sum16(bytes: Uint8Array, offset: number, length: number, seed: number): number {
  const end = offset + length;
  // The two halves of all words are summed apart: 2^23 bytes of 255 stay below 2^31, so no carry is lost on the way.
  let high = 0;
  let low = 0;
  let at = offset;
  for (const last = end - 8; at <= last; at += 8) {
    high += bytes[at] + bytes[at + 2] + bytes[at + 4] + bytes[at + 6];
    low += bytes[at + 1] + bytes[at + 3] + bytes[at + 5] + bytes[at + 7];
  }
  for (const last = end - 2; at <= last; at += 2) {
    high += bytes[at];
    low += bytes[at + 1];
  }
  if (at < end) high += bytes[at];
  return fold(high * 256 + low + seed);
}

/** Adds the carries back in until 16 bits are left. */
function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded % 0x10000) + Math.floor(folded / 0x10000);
  return folded;
}

/**
 * Whether an IPv4 header of `length` bytes carries its right checksum (RFC 791 section 3.1). A checksum of zero passes:
 * frames captured before the network card filled it in have one.
 */
export function ipv4HeaderOk(bytes: Uint8Array, offset: number, length: number): boolean {
  if (bytes[offset + 10] === 0 && bytes[offset + 11] === 0) return true;
  return sum16(bytes, offset, length, 0) === 0xffff;
}

/**
 * Whether a whole TCP segment (header and payload, `tcpLength` bytes at `tcpOffset`) carries its right checksum
 * (RFC 9293 section 3.1), with the addresses at `srcOffset` and `dstOffset` for the pseudo header.
 */
export function tcpChecksumOk(
  bytes: Uint8Array,
  v6: boolean,
  srcOffset: number,
  dstOffset: number,
  tcpOffset: number,
  tcpLength: number,
): boolean {
  const address = v6 ? 16 : 4;
  let sum = 6 + (tcpLength >>> 16) + (tcpLength & 0xffff);
  sum = sum16(bytes, srcOffset, address, sum);
  sum = sum16(bytes, dstOffset, address, sum);
  return sum16(bytes, tcpOffset, tcpLength, sum) === 0xffff;
}
