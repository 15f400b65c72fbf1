import { VECTOR_SUM_MAX, VectorSum } from './checksumVectors.ts';

/** Runs shorter than this are summed byte by byte. */
const SHORT = 64;
/** Made when it is first needed; null where this machine cannot. */
let vectors: VectorSum | null | undefined;

/**
 * Ones-complement sum of 16-bit big-endian words (RFC 1071), folded to 16 bits and not inverted. A last odd byte counts as
 * the high half of a word. `offset` may be odd; `length` is at most 2^24. `seed` is a sum to go on from.
 */
export function sum16(bytes: Uint8Array, offset: number, length: number, seed: number): number {
  if (length < SHORT) return fold(sumBytes(bytes, offset, length) + seed);
  if (vectors === undefined) vectors = VectorSum.make() ?? null;
  if (vectors === null) return fold(sumBytes(bytes, offset, length) + seed);
  let sum = 0;
  for (let done = 0; done < length; done += VECTOR_SUM_MAX) {
    sum += vectors.sum(bytes, offset + done, Math.min(VECTOR_SUM_MAX, length - done));
  }
  // The sum does not mind the order of bytes (RFC 1071 section 2): words whose low byte comes first come out swapped.
  const swapped = fold(sum);
  return fold((((swapped & 0xff) << 8) | (swapped >>> 8)) + seed);
}

function sumBytes(bytes: Uint8Array, offset: number, length: number): number {
  let sum = 0;
  let at = offset;
  const end = offset + length;
  for (; at + 1 < end; at += 2) sum += (bytes[at] << 8) | bytes[at + 1];
  if (at < end) sum += bytes[at] << 8;
  return sum;
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
