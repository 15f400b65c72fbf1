import type { ParseFault } from '../../src/base/fault.ts';
import { parseFault } from '../../src/base/fault.ts';
import { TOO_LARGE, u16, u32, u64 } from '../bytes.ts';

/**
 * The LBNs of a REASSIGN BLOCKS parameter list (SBC-4 section 5.24). `longLba` and `longList` are the CDB's bits. A list
 * that ends before its own length says is a fault.
 */
export function parseReassign(
  bytes: Uint8Array,
  offset: number,
  length: number,
  longLba: boolean,
  longList: boolean,
): number[] | ParseFault {
  if (length === 0) return [];
  if (length < 4) return parseFault(offset + length, 'REASSIGN BLOCKS list of fewer than 4 bytes');
  const listLength = longList ? u32(bytes, offset) : u16(bytes, offset + 2);
  if (4 + listLength > length) {
    return parseFault(offset + length, `REASSIGN BLOCKS LBAs of ${listLength} bytes in a list of ${length}`);
  }
  const size = longLba ? 8 : 4;
  const lbns: number[] = [];
  for (let at = offset + 4; at + size <= offset + 4 + listLength; at += size) {
    const lbn = longLba ? u64(bytes, at) : u32(bytes, at);
    if (lbn === TOO_LARGE) return parseFault(at, 'REASSIGN BLOCKS with an LBN above 2^53-1');
    lbns.push(lbn);
  }
  return lbns;
}
