import type { ParseFault } from '../../src/base/fault.ts';
import { parseFault } from '../../src/base/fault.ts';
import type { Extent } from './bytes.ts';
import { rangeDescriptors } from './unmap.ts';

/** WRITE SCATTERED parameter list, SBC-4 section 5.54: a header and descriptors of 32 bytes each, then the data. */
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
  if (length < SLOT + descriptors * SLOT) {
    return parseFault(offset + length, `WRITE SCATTERED: ${descriptors} descriptors in ${length} bytes`);
  }
  return rangeDescriptors(bytes, offset + SLOT, descriptors, 'WRITE SCATTERED', SLOT);
}
