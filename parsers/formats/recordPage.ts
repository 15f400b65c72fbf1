import { type ParseFault, parseFault } from '../../src/base/fault.ts';
import { u32 } from '../bytes.ts';
import { crc32c, crcUpdate, digestAt } from '../iscsi/crc32c.ts';

/**
 * The record file: pages of 4096 bytes, page 0 a header (`recordHeader.ts`), the others bitmaps of equal span, in order.
 *
 * A bitmap page, numbers big-endian: magic (4 bytes), its own index in the file (4), generation of the record (4), zeros (4),
 * bits (4076, bit `n` of the page is bit `n & 7` of byte `n >> 3`), CRC-32C of everything before it (4, sent as an iSCSI
 * digest is: least significant byte first). Every page checks for itself, so a torn one costs its own span only.
 */
export const RECORD_PAGE_BYTES = 4096;
/** Where a page's CRC-32C stands. */
export const PAGE_CRC_AT = 4092;
/** Where a bitmap page's bits begin. */
export const PAGE_BITS_AT = 16;
/** Bits in one bitmap page. */
export const RECORD_PAGE_BITS: number = (PAGE_CRC_AT - PAGE_BITS_AT) * 8;

/** "tmrp" */
const MAGIC = 0x746d7270;

/** Makes `page` (4096 bytes) the bitmap page `index` of this generation, with no bit set. */
export function initBitmapPage(page: Uint8Array, index: number, generation: number): void {
  page.fill(0);
  putU32(page, 0, MAGIC);
  putU32(page, 4, index);
  putU32(page, 8, generation);
  sealPage(page);
}

/** The page's bits (a view), when it is whole and the page `index` of this generation; else why it is not. */
export function readBitmapPage(page: Uint8Array, index: number, generation: number): Uint8Array | ParseFault {
  if (page.length !== RECORD_PAGE_BYTES) return parseFault(page.length, 'the page is cut');
  if (u32(page, 0) !== MAGIC) return parseFault(0, 'not a bitmap page');
  const damage = pageDamage(page);
  if (damage) return damage;
  if (u32(page, 4) !== index) return parseFault(4, `page ${u32(page, 4)} stands where page ${index} belongs`);
  if (u32(page, 8) !== generation) return parseFault(8, `of generation ${u32(page, 8)}, not ${generation}`);
  return page.subarray(PAGE_BITS_AT, PAGE_CRC_AT);
}

/** Turns one bit round and keeps the page's CRC right, without reading the page (a whole CRC costs three page writes). */
export function flipPageBit(page: Uint8Array, bit: number): void {
  effects ??= effectsOfBits();
  page[PAGE_BITS_AT + (bit >> 3)] ^= 1 << (bit & 7);
  const effect = effects[bit];
  page[PAGE_CRC_AT] ^= effect;
  page[PAGE_CRC_AT + 1] ^= effect >>> 8;
  page[PAGE_CRC_AT + 2] ^= effect >>> 16;
  page[PAGE_CRC_AT + 3] ^= effect >>> 24;
}

/** Writes the CRC of a page whose bits were changed otherwise. */
export function sealPage(page: Uint8Array): void {
  const crc = crc32c(page, 0, PAGE_CRC_AT);
  for (let i = 0; i < 4; i++) page[PAGE_CRC_AT + i] = crc >>> (8 * i);
}

/** Why the page's CRC refuses it, if it does. */
export function pageDamage(page: Uint8Array): ParseFault | undefined {
  const whole = crc32c(page, 0, PAGE_CRC_AT) === digestAt(page, PAGE_CRC_AT);
  return whole ? undefined : parseFault(PAGE_CRC_AT, 'the checksum is wrong: torn or damaged');
}

export function putU32(page: Uint8Array, at: number, value: number): void {
  page[at] = value >>> 24;
  page[at + 1] = value >>> 16;
  page[at + 2] = value >>> 8;
  page[at + 3] = value;
}

let effects: Uint32Array | undefined;

/** What turning each bit round does to the CRC: it is linear, so that depends on the bit's place alone. */
function effectsOfBits(): Uint32Array {
  const zero = new Uint8Array(1);
  const table = new Uint32Array(RECORD_PAGE_BITS);
  for (let k = 0; k < 8; k++) {
    let state = crcUpdate(0, new Uint8Array([1 << k]), 0, 1);
    for (let bit = RECORD_PAGE_BITS - 8 + k; bit >= 0; bit -= 8) {
      table[bit] = state;
      state = crcUpdate(state, zero, 0, 1);
    }
  }
  return table;
}
