/** Runs shorter than this are summed byte by byte. */
const SHORT = 64;
/** So many 16-bit words can be added before 32 bits overflow. */
const WORDS_MAX = 16384;

/** The words of the buffer summed last: a capture's chunk serves hundreds of frames. */
let words: Uint32Array<ArrayBufferLike> = new Uint32Array(0);

function wordsOf(buffer: ArrayBufferLike): Uint32Array {
  if (words.buffer !== buffer) words = new Uint32Array(buffer, 0, buffer.byteLength >>> 2);
  return words;
}

/** Whether this processor keeps the low byte of a word first. */
const LITTLE = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/**
 * Ones-complement sum of 16-bit big-endian words (RFC 1071), folded to 16 bits and not inverted. A last odd byte counts as
 * the high half of a word. `offset` may be odd; `length` is at most 2^24. `seed` is a sum to go on from.
 */
export function sum16(bytes: Uint8Array, offset: number, length: number, seed: number): number {
  if (length < SHORT || !LITTLE) return fold(sumBytes(bytes, offset, length) + seed);
  const start = bytes.byteOffset + offset;
  const lead = -start & 3;
  const count = (length - lead) >>> 2;
  const w = wordsOf(bytes.buffer);
  let at = (start + lead) >>> 2;
  let sum = 0;
  for (let left = count; left > 0; ) {
    const n = left < WORDS_MAX ? left : WORDS_MAX;
    let low = 0;
    let high = 0;
    const end = at + n;
    for (const last = end - 4; at <= last; at += 4) {
      const a = w[at];
      const b = w[at + 1];
      const c = w[at + 2];
      const d = w[at + 3];
      low += (a & 0xffff) + (b & 0xffff) + (c & 0xffff) + (d & 0xffff);
      high += (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16);
    }
    for (; at < end; at++) {
      low += w[at] & 0xffff;
      high += w[at] >>> 16;
    }
    sum = fold(sum + low + high);
    left -= n;
  }
  // The sum does not mind the order of bytes (RFC 1071 section 2): words that begin at an even place come out swapped.
  if ((lead & 1) === 0) sum = ((sum & 0xff) << 8) | (sum >>> 8);
  const tail = lead + count * 4;
  sum += sumBytes(bytes, offset, lead) + seed;
  // A tail at an odd place begins in the low half of a word.
  if ((tail & 1) === 1 && tail < length)
    sum += bytes[offset + tail] + sumBytes(bytes, offset + tail + 1, length - tail - 1);
  else sum += sumBytes(bytes, offset + tail, length - tail);
  // An odd lead ends in the high half of a word whose low half the words have counted: that byte is already in place.
  return fold(sum);
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
