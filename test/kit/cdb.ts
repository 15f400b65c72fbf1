import { join, u16, u32 } from '../unit/parsers/net/build.ts';
import type { Bytes } from './link.ts';

/** CDBs and parameter lists as SBC-4 and SPC-5 lay them out, written apart from the code under test. */

export function u64(value: number | bigint): Bytes {
  const big = BigInt(value);
  return u32(Number(big >> 32n), Number(big & 0xffffffffn));
}

function of(...parts: (number | Bytes)[]): Bytes {
  return join(...parts.map((part) => (typeof part === 'number' ? Uint8Array.of(part) : part)));
}

export const write6 = (lbn: number, blocks: number): Bytes =>
  of(0x0a, lbn >>> 16, (lbn >>> 8) & 255, lbn & 255, blocks & 255, 0);
/** The ten-byte layout: READ, WRITE, VERIFY, SYNCHRONIZE CACHE, WRITE SAME and their kin. */
export const cdb10 = (opcode: number, lbn: number, blocks: number, flags = 0): Bytes =>
  of(opcode, flags, u32(lbn), 0, u16(blocks), 0);
export const cdb12 = (opcode: number, lbn: number, blocks: number, flags = 0): Bytes =>
  of(opcode, flags, u32(lbn), u32(blocks), 0, 0);
export const cdb16 = (opcode: number, lbn: number | bigint, blocks: number, flags = 0): Bytes =>
  of(opcode, flags, u64(lbn), u32(blocks), 0, 0);
/** The 32-byte layout (opcode 7Fh, SBC-4 section 5.48). */
export const cdb32 = (action: number, lbn: number | bigint, blocks: number, flags = 0): Bytes =>
  of(0x7f, 0, 0, 0, 0, 0, 0, 0x18, u16(action), flags, 0, u64(lbn), u32(0, 0), u32(blocks));
export const write10 = (lbn: number, blocks: number, flags = 0): Bytes => cdb10(0x2a, lbn, blocks, flags);
export const sync10 = (lbn = 0, blocks = 0, immed = false): Bytes => cdb10(0x35, lbn, blocks, immed ? 2 : 0);
export const compareAndWrite = (lbn: number, blocks: number): Bytes => of(0x89, 0, u64(lbn), 0, 0, 0, blocks, 0, 0);
export const writeAtomic = (lbn: number, blocks: number): Bytes => of(0x9c, 0, u64(lbn), 0, 0, u16(blocks), 0, 0);
export const unmap = (listLength: number, anchor = false): Bytes =>
  of(0x42, anchor ? 1 : 0, u32(0), 0, u16(listLength), 0);
export const unmapList = (...extents: [number, number][]): Bytes =>
  of(u16(6 + extents.length * 16, extents.length * 16), u32(0), ...extents.map(([lbn, n]) => of(u64(lbn), u32(n, 0))));
export const inquiry = (page: number): Bytes => of(0x12, 1, page, u16(255), 0);
export const readCapacity10 = (): Bytes => cdb10(0x25, 0, 0);
export const readCapacity16 = (): Bytes => of(0x9e, 0x10, u64(0), u32(32), 0, 0);
export const capacity10 = (blocks: number, size: number): Bytes => u32(blocks - 1, size);
/** READ CAPACITY(16) data: PROT_EN and P_TYPE, exponents, LBPME and LBPRZ (SBC-4 section 5.21.2). */
export const capacity16 = (
  blocks: number,
  size: number,
  o: { prot?: number; exponent?: number; lbprz?: boolean } = {},
): Bytes => of(u64(blocks - 1), u32(size), o.prot ?? 0, o.exponent ?? 0, o.lbprz ? 0xc0 : 0, 0, new Uint8Array(16));
/** VPD page 83h with designators of association 0: type, code set, bytes (SPC-5 section 7.7.6). */
export const identification = (...ids: { type: number; codeSet?: number; bytes: Bytes }[]): Bytes => {
  const body = join(...ids.map((d) => of(d.codeSet ?? 1, d.type, 0, d.bytes.length, d.bytes)));
  return of(0, 0x83, u16(body.length), body);
};
export const naa6 = (tail: number): Bytes => of(0x60, 0x01, 0x40, 0x50, u32(0, 0, tail));
/** VPD page B0h: OPTIMAL UNMAP GRANULARITY and its alignment (SBC-4 section 6.6.4). */
export const blockLimits = (granularity: number, alignment?: number): Bytes =>
  of(
    0,
    0xb0,
    u16(60),
    new Uint8Array(24),
    u32(granularity),
    u32(alignment === undefined ? 0 : 0x80000000 + alignment),
    new Uint8Array(28),
  );
/** Caching mode page behind a MODE SENSE(6) header (SBC-4 section 6.5.6). */
export const cachingPage = (wce: boolean): Bytes => of(23, 0, 0, 0, 0x08, 18, wce ? 4 : 0, new Uint8Array(17));
export const modeSense6 = (): Bytes => of(0x1a, 0, 0x08, 0, 255, 0);
/** Fixed-format sense data (SPC-5 section 4.4.3) behind its length, as a response carries it. */
export const sense = (key: number, asc = 0, ascq = 0): Bytes =>
  of(u16(18), 0x70, 0, key, u32(0), 10, u32(0), asc, ascq, u32(0));
