import type { ParseFault } from '../../src/base/fault.ts';
import { parseFault } from '../../src/base/fault.ts';
import { TOO_LARGE, u16, u32, u64 } from '../bytes.ts';

/** What READ CAPACITY told. Fields that the allocation length cut off are at their zero values. */
export interface Capacity {
  /** -1 where READ CAPACITY(10) cannot say it. */
  lastLbn: number;
  blockSize: number;
  /** 0 where READ CAPACITY(10) cannot say it. */
  blocks: number;
  protection: Protection;
  /** The LU is thin (LBPME). */
  lbpme: boolean;
  /** Unmapped blocks read as zeros (LBPRZ); VPD page B2h says it more finely. */
  lbprz: boolean;
  /** Logical blocks per physical block, as a power of two. */
  physicalExponent: number;
  /** The lowest LBN at the start of a physical block. */
  lowestAligned: number;
}

export interface Protection {
  enabled: boolean;
  /** 1 to 3; 0 while not enabled. */
  type: number;
  /** Protection intervals per logical block, as a power of two. */
  intervalExponent: number;
}

function capacity(lastLbn: number, blockSize: number): Capacity {
  return {
    lastLbn,
    blockSize,
    blocks: lastLbn + 1,
    protection: { enabled: false, type: 0, intervalExponent: 0 },
    lbpme: false,
    lbprz: false,
    physicalExponent: 0,
    lowestAligned: 0,
  };
}

/** READ CAPACITY(10) parameter data, SBC-4 section 5.20.2: last LBN FFFFFFFFh says "ask with (16)". */
export function parseCapacity10(bytes: Uint8Array, offset: number, length: number): Capacity | ParseFault {
  if (length < 8) return parseFault(offset + length, 'READ CAPACITY(10) data of fewer than 8 bytes');
  const blockSize = u32(bytes, offset + 4);
  if (blockSize === 0) return parseFault(offset + 4, 'READ CAPACITY(10): a block length of 0');
  const last = u32(bytes, offset);
  return capacity(last === 0xffffffff ? -1 : last, blockSize);
}

/** READ CAPACITY(16) parameter data, SBC-4 section 5.21.2. At least the first 12 bytes must be there. */
export function parseCapacity16(bytes: Uint8Array, offset: number, length: number): Capacity | ParseFault {
  if (length < 12) return parseFault(offset + length, 'READ CAPACITY(16) data of fewer than 12 bytes');
  const last = u64(bytes, offset);
  if (last === TOO_LARGE || last === Number.MAX_SAFE_INTEGER) {
    return parseFault(offset, 'READ CAPACITY(16): a last LBN above 2^53-2');
  }
  const blockSize = u32(bytes, offset + 8);
  if (blockSize === 0) return parseFault(offset + 8, 'READ CAPACITY(16): a block length of 0');
  const value = capacity(last, blockSize);
  if (length > 12) {
    const enabled = (bytes[offset + 12] & 0x01) !== 0;
    value.protection.enabled = enabled;
    value.protection.type = enabled ? ((bytes[offset + 12] >> 1) & 0x07) + 1 : 0;
  }
  if (length > 13) {
    value.protection.intervalExponent = bytes[offset + 13] >> 4;
    value.physicalExponent = bytes[offset + 13] & 0x0f;
  }
  if (length > 15) {
    value.lbpme = (bytes[offset + 14] & 0x80) !== 0;
    value.lbprz = (bytes[offset + 14] & 0x40) !== 0;
    value.lowestAligned = u16(bytes, offset + 14) & 0x3fff;
  }
  return value;
}
