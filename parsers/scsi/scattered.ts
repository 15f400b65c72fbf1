import type { ParseFault } from '../../src/base/fault.ts';
import { parseFault } from '../../src/base/fault.ts';
import type { Extent } from './bytes.ts';
import { rangeDescriptors } from './unmap.ts';

/** WRITE SCATTERED parameter list, SBC-4 section 5.55: a header and descriptors of 32 bytes each, then the data. */
const SLOT = 32;

/**
 * The LBA range descriptors of WRITE SCATTERED in the order of their data. `descriptors` is the CDB's NUMBER OF LBA RANGE
 * DESCRIPTORS, `length` the bytes at `offset` that are surely the parameter list. The data of the first extent starts
 * LOGICAL BLOCK DATA OFFSET blocks into the data-out, each next follows directly.
 */
export function parseScattered(
  bytes: Uint8Array,
  offset: number,
  length: number,
  descriptors: number,
): Extent[] | ParseFault {
  if (descriptors === 0) return [];
  if (length < SLOT + descriptors * SLOT) {
    return parseFault(offset + length, `WRITE SCATTERED: ${descriptors} descriptors in ${length} bytes`);
  }
  return rangeDescriptors(bytes, offset + SLOT, descriptors, 'WRITE SCATTERED', SLOT);
}

/**
 * True where two of the extents share a block: a target may take descriptors in any order, so that the block may hold the
 * data of either (SBC-4 section 5.55.2).
 */
export function overlapping(extents: readonly Extent[]): boolean {
  const sorted = [...extents].sort((a, b) => a.lbn - b.lbn);
  return sorted.some((extent, i) => i > 0 && sorted[i - 1].lbn + sorted[i - 1].blocks > extent.lbn);
}
