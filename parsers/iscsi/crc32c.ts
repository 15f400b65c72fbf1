import { CrcFold, FOLD_MIN } from './crc32cFold.ts';

/**
 * CRC-32C (Castagnoli), the iSCSI digest: RFC 7143 section 13.1 and RFC 3385. Eight tables, eight bytes a step; longer runs
 * are read as words, sixteen bytes a step, and the longest are made short first (`crc32cFold.ts`).
 */
const POLYNOMIAL = 0x82f63b78;
const TABLES = 16;
const T = makeTables();
/** Below this a view of the words costs more than it saves. */
const WORDS_MIN = 512;
/** Made when it is first needed; null where this machine cannot (it has no vectors). */
let crcFold: CrcFold | null | undefined;
/** Words as this machine reads them are the words that the tables are for. */
const LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

function makeTables(): Int32Array {
  const tables = new Int32Array(TABLES * 256);
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ POLYNOMIAL : c >>> 1;
    tables[n] = c;
  }
  for (let t = 1; t < TABLES; t++) {
    for (let n = 0; n < 256; n++) {
      const c = tables[(t - 1) * 256 + n];
      tables[t * 256 + n] = tables[c & 0xff] ^ (c >>> 8);
    }
  }
  return tables;
}

/** The state before the first byte. */
export const CRC_START = 0xffffffff | 0;

/** Continues `state` over `bytes[from, to)`; finish with `crcValue`. */
export function crcUpdate(state: number, bytes: Uint8Array, from: number, to: number): number {
  let c = state;
  let i = from;
  if (to - from >= FOLD_MIN && LITTLE_ENDIAN) {
    if (crcFold === undefined) crcFold = CrcFold.make() ?? null;
    for (; crcFold && to - i >= FOLD_MIN; ) {
      const part = crcFold.part(to - i);
      c = crcRest(crcFold, crcFold.fold(c, bytes, i, i + part));
      i += part;
    }
  }
  if (to - i >= WORDS_MIN && LITTLE_ENDIAN) {
    const aligned = i + (-(bytes.byteOffset + i) & 3);
    for (; i < aligned; i++) c = T[(c ^ bytes[i]) & 0xff] ^ (c >>> 8);
    const count = ((to - i) >>> 4) << 2;
    c = crcWords(c, new Int32Array(bytes.buffer, bytes.byteOffset + i, count), count);
    i += 4 * count;
  }
  for (const end = to - 7; i < end; i += 8) {
    c ^= bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24);
    c =
      T[1792 + (c & 0xff)] ^
      T[1536 + ((c >>> 8) & 0xff)] ^
      T[1280 + ((c >>> 16) & 0xff)] ^
      T[1024 + (c >>> 24)] ^
      T[768 + bytes[i + 4]] ^
      T[512 + bytes[i + 5]] ^
      T[256 + bytes[i + 6]] ^
      T[bytes[i + 7]];
  }
  for (; i < to; i++) c = T[(c ^ bytes[i]) & 0xff] ^ (c >>> 8);
  return c;
}

/** What is left of a long run; the state before it has been added already. */
function crcRest({ rest, restWords }: CrcFold, length: number): number {
  const count = (length >>> 4) << 2;
  let c = crcWords(0, restWords, count);
  for (let i = 4 * count; i < length; i++) c = T[(c ^ rest[i]) & 0xff] ^ (c >>> 8);
  return c;
}

/** `count` words, a multiple of four. */
function crcWords(state: number, words: Int32Array, count: number): number {
  let s = state;
  for (let w = 0; w < count; w += 4) {
    const a = words[w] ^ s;
    const b = words[w + 1];
    const c = words[w + 2];
    const d = words[w + 3];
    s =
      T[3840 + (a & 0xff)] ^
      T[3584 + ((a >>> 8) & 0xff)] ^
      T[3328 + ((a >>> 16) & 0xff)] ^
      T[3072 + (a >>> 24)] ^
      T[2816 + (b & 0xff)] ^
      T[2560 + ((b >>> 8) & 0xff)] ^
      T[2304 + ((b >>> 16) & 0xff)] ^
      T[2048 + (b >>> 24)] ^
      T[1792 + (c & 0xff)] ^
      T[1536 + ((c >>> 8) & 0xff)] ^
      T[1280 + ((c >>> 16) & 0xff)] ^
      T[1024 + (c >>> 24)] ^
      T[768 + (d & 0xff)] ^
      T[512 + ((d >>> 8) & 0xff)] ^
      T[256 + ((d >>> 16) & 0xff)] ^
      T[d >>> 24];
  }
  return s;
}

/** The CRC as the number that stands on the wire read little-endian (the digest is sent least significant byte first). */
export function crcValue(state: number): number {
  return ~state >>> 0;
}

/** CRC-32C of a run of bytes. */
export function crc32c(bytes: Uint8Array, from = 0, to = bytes.length): number {
  return crcValue(crcUpdate(CRC_START, bytes, from, to));
}

/** The digest that stands at `at`, comparable with `crcValue`. */
export function digestAt(bytes: Uint8Array, at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
}
