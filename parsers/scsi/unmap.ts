import type { ParseFault } from '../../src/base/fault.ts';
import { parseFault } from '../../src/base/fault.ts';
import { TOO_LARGE, u16, u32, u64 } from '../bytes.ts';
import type { Extent } from './bytes.ts';

const HEADER = 8;
const DESCRIPTOR = 16;

/**
 * The extents of an UNMAP parameter list (SBC-4 section 5.35.2) of `length` bytes at `offset`. An empty list unmaps nothing;
 * one that ends before its own descriptors do is a fault: what it would have named is not known.
 */
export function parseUnmap(bytes: Uint8Array, offset: number, length: number): Extent[] | ParseFault {
  if (length === 0) return [];
  if (length < HEADER) return parseFault(offset + length, 'UNMAP parameter list of fewer than 8 bytes');
  const listLength = u16(bytes, offset + 2);
  if (HEADER + listLength > length) {
    return parseFault(offset + length, `UNMAP block descriptors of ${listLength} bytes in a list of ${length}`);
  }
  // A length that is no multiple of 16 leaves the last, partial descriptor out.
  return rangeDescriptors(bytes, offset + HEADER, Math.floor(listLength / DESCRIPTOR), 'UNMAP');
}

/** `count` 16-byte block device range descriptors (LBA, blocks, reserved) that have been checked to be there. */
export function rangeDescriptors(
  bytes: Uint8Array,
  from: number,
  count: number,
  command: string,
  stride = DESCRIPTOR,
): Extent[] | ParseFault {
  const extents: Extent[] = [];
  for (let i = 0; i < count; i += 1) {
    const at = from + i * stride;
    const lbn = u64(bytes, at);
    const blocks = u32(bytes, at + 8);
    if (lbn === TOO_LARGE || lbn + blocks > Number.MAX_SAFE_INTEGER) {
      return parseFault(at, `${command} descriptor with an LBN above 2^53-1`);
    }
    if (blocks > 0) extents.push({ lbn, blocks });
  }
  return extents;
}
