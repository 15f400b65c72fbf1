import type { ParseFault } from '../../src/base/fault.ts';
import { isParseFault, parseFault } from '../../src/base/fault.ts';
import { put16, put32, TOO_LARGE, u16, u32, u64 } from '../bytes.ts';
import type { Extent } from './bytes.ts';
import { rangeDescriptors } from './unmap.ts';

/** A ROD token has at least that many bytes (SPC-5, ROD token format), and here it has no more. */
const TOKEN_BYTES = 512;
/** ROD types, SPC-5 table of ROD types: a point in time that ends when the data changes; zeros. */
export const CHANGE_VULNERABLE = 0x00800001;
export const ZERO_ROD = 0xffff0001;

const TOKEN_LENGTH = TOKEN_BYTES - 8;
const POPULATE_HEADER = 16;
const USING_HEADER = 536;
const RANGE = 16;

/** POPULATE TOKEN parameter list, SBC-4 section 5.12. */
export interface PopulateList {
  /** RTV: the ROD type is asked for. */
  readonly wantsType: boolean;
  readonly type: number;
  readonly ranges: readonly Extent[];
  /** Descriptors, those without a block too. */
  readonly count: number;
}

export function parsePopulate(bytes: Uint8Array): PopulateList | ParseFault {
  if (bytes.length < POPULATE_HEADER) return parseFault(bytes.length, 'a POPULATE TOKEN list without its header');
  const ranges = rangesAt(bytes, POPULATE_HEADER, u16(bytes, 14));
  if (isParseFault(ranges)) return ranges;
  return { wantsType: (bytes[2] & 0x02) !== 0, type: u32(bytes, 8), ranges, count: u16(bytes, 14) / RANGE };
}

/** WRITE USING TOKEN parameter list, SBC-4 section 5.59. */
export interface UsingList {
  /** DEL_TKN: the token is not used any more. */
  readonly deletes: boolean;
  /** In blocks of where it goes to. */
  readonly offset: number;
  readonly type: number;
  /** As the token says it; `TOKEN_LENGTH` where it is one of ours. */
  readonly hasOurLength: boolean;
  readonly id: bigint;
  readonly ranges: readonly Extent[];
  readonly count: number;
}

export function parseUsing(bytes: Uint8Array): UsingList | ParseFault {
  if (bytes.length < USING_HEADER) return parseFault(bytes.length, 'a WRITE USING TOKEN list without its header');
  const ranges = rangesAt(bytes, USING_HEADER, u16(bytes, 534));
  if (isParseFault(ranges)) return ranges;
  const offset = u64(bytes, 8);
  if (offset === TOO_LARGE) return parseFault(8, 'an offset into a ROD above 2^53-1');
  return {
    deletes: (bytes[2] & 0x02) !== 0,
    offset,
    type: u32(bytes, 16),
    hasOurLength: u16(bytes, 22) === TOKEN_LENGTH,
    id: (BigInt(u32(bytes, 24)) << 32n) | BigInt(u32(bytes, 28)),
    ranges,
    count: u16(bytes, 534) / RANGE,
  };
}

function rangesAt(bytes: Uint8Array, from: number, length: number): Extent[] | ParseFault {
  if (length % RANGE !== 0) return parseFault(from, `block device range descriptors of ${length} bytes`);
  if (from + length > bytes.length)
    return parseFault(bytes.length, 'block device range descriptors that are cut short');
  return rangeDescriptors(bytes, from, length / RANGE, 'ROD token');
}

/** A token; `creator` is the 32-byte CSCD descriptor of the logical unit that made it. */
export function tokenBytes(type: number, id: bigint, creator: Uint8Array, represented: number): Uint8Array {
  const bytes = new Uint8Array(TOKEN_BYTES);
  put32(bytes, 0, type);
  put16(bytes, 6, TOKEN_LENGTH);
  new DataView(bytes.buffer).setBigUint64(8, id);
  bytes.set(creator, 16);
  put32(bytes, 56, Math.floor(represented / 0x100000000));
  put32(bytes, 60, represented % 0x100000000);
  return bytes;
}
