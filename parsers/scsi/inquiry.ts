import type { ParseFault } from '../../src/base/fault.ts';
import { isParseFault, parseFault } from '../../src/base/fault.ts';
import { TOO_LARGE, u16, u32, u64 } from '../bytes.ts';
import { textOf } from './bytes.ts';

/** Standard INQUIRY data, SPC-5 section 6.7.2; texts are empty where the allocation length cut them off. */
export interface Inquiry {
  /** 0: a device of this type is connected here. */
  peripheralQualifier: number;
  /** 0 block, 5 CD/DVD, 14h host-managed zoned ... */
  peripheralType: number;
  vendor: string;
  product: string;
  revision: string;
}

export function parseInquiry(bytes: Uint8Array, offset: number, length: number): Inquiry | ParseFault {
  if (length < 5) return parseFault(offset + length, 'INQUIRY data of fewer than 5 bytes');
  const end = Math.min(length, bytes[offset + 4] + 5);
  const text = (from: number, to: number): string => (end < to ? '' : textOf(bytes, offset + from, offset + to));
  return {
    peripheralQualifier: bytes[offset] >> 5,
    peripheralType: bytes[offset] & 0x1f,
    vendor: text(8, 16),
    product: text(16, 32),
    revision: text(32, 36),
  };
}

/** The body of a VPD page: where it starts, and where what arrived of it ends. */
interface Page {
  from: number;
  to: number;
}

/** Checks a VPD page's header (SPC-5 section 7.7.2). The page may have been cut off by the allocation length. */
export function vpdPage(bytes: Uint8Array, offset: number, length: number, pageCode: number): Page | ParseFault {
  if (length < 4) return parseFault(offset + length, 'a VPD page of fewer than 4 bytes');
  if (bytes[offset + 1] !== pageCode) {
    return parseFault(
      offset + 1,
      `VPD page ${bytes[offset + 1].toString(16)}h where ${pageCode.toString(16)}h was asked`,
    );
  }
  return { from: offset + 4, to: offset + Math.min(length, 4 + u16(bytes, offset + 2)) };
}

/** Unit serial number, VPD page 80h, SPC-5 section 7.7. */
export function parseSerialNumber(bytes: Uint8Array, offset: number, length: number): string | ParseFault {
  const page = vpdPage(bytes, offset, length, 0x80);
  return isParseFault(page) ? page : textOf(bytes, page.from, page.to);
}

/** The same as hosts compare it: its padding stays; what is not ASCII is shown as `?`. */
export function parseExactSerial(bytes: Uint8Array, offset: number, length: number): string | ParseFault {
  const page = vpdPage(bytes, offset, length, 0x80);
  if (isParseFault(page)) return page;
  return Array.from(bytes.subarray(page.from, page.to), (code) =>
    code >= 0x20 && code < 0x7f ? String.fromCharCode(code) : '?',
  ).join('');
}

/** Block limits, VPD page B0h, SBC-4 section 6.6.4: what UNMAP and WRITE SAME may do. 0 where not reported. */
export interface BlockLimits {
  /** WRITE SAME refuses a count of zero. */
  wsnz: boolean;
  maxUnmapBlocks: number;
  maxUnmapDescriptors: number;
  /** In blocks; 0 while unknown. */
  unmapGranularity: number;
  /** UGAVALID: the alignment counts. */
  alignmentValid: boolean;
  unmapAlignment: number;
  /** 0 where there is no limit, or none that a number can hold. */
  maxWriteSameBlocks: number;
  /** The longest READ or WRITE that is accepted, 0 where there is no limit, and the longest that is not slow. */
  maxTransferBlocks: number;
  optimalTransferBlocks: number;
}

export function parseBlockLimits(bytes: Uint8Array, offset: number, length: number): BlockLimits | ParseFault {
  const page = vpdPage(bytes, offset, length, 0xb0);
  if (isParseFault(page)) return page;
  const size = page.to - offset;
  const word = (at: number): number => (size < at + 4 ? 0 : u32(bytes, offset + at));
  const alignmentValid = word(32) >= 0x80000000;
  const writeSame = size < 44 ? 0 : u64(bytes, offset + 36);
  return {
    wsnz: size > 4 && (bytes[offset + 4] & 0x01) !== 0,
    maxUnmapBlocks: word(20),
    maxUnmapDescriptors: word(24),
    unmapGranularity: word(28),
    alignmentValid,
    unmapAlignment: alignmentValid ? word(32) - 0x80000000 : 0,
    maxWriteSameBlocks: writeSame === TOO_LARGE ? 0 : writeSame,
    maxTransferBlocks: word(8),
    optimalTransferBlocks: word(12),
  };
}

/** What an unmapped block reads as: LBPRZ, SBC-4 section 6.6.7. */
export type UnmappedReads = 'zeros' | 'pattern' | 'unspecified';

/** Logical block provisioning, VPD page B2h, SBC-4 section 6.6.7. */
export interface Provisioning {
  lbpu: boolean;
  lbpws: boolean;
  lbpws10: boolean;
  /** The three bits; SBC-3's one bit is the value 1. */
  lbprz: number;
  unmappedReads: UnmappedReads;
  anchorSupported: boolean;
  /** 0 not reported, 1 resource provisioned, 2 thin. */
  provisioningType: number;
}

export function parseProvisioning(bytes: Uint8Array, offset: number, length: number): Provisioning | ParseFault {
  const page = vpdPage(bytes, offset, length, 0xb2);
  if (isParseFault(page)) return page;
  if (page.to - offset < 6) return parseFault(page.to, 'VPD page B2h of fewer than 6 bytes');
  const flags = bytes[offset + 5];
  const lbprz = (flags >> 2) & 0x07;
  return {
    lbpu: (flags & 0x80) !== 0,
    lbpws: (flags & 0x40) !== 0,
    lbpws10: (flags & 0x20) !== 0,
    lbprz,
    unmappedReads: (lbprz & 0x01) !== 0 ? 'zeros' : lbprz === 2 ? 'pattern' : 'unspecified',
    anchorSupported: (flags & 0x02) !== 0,
    provisioningType: page.to - offset > 6 ? bytes[offset + 6] & 0x07 : 0,
  };
}
