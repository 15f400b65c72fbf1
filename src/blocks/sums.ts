import { hash } from 'node:crypto';
import { SUM_BYTES, TABLE_BLOCK } from '../base/blocks.ts';

const ZEROS = new Uint8Array(TABLE_BLOCK);
/** Volumes are full of blocks of zeros. */
const ZERO_SUM: Uint8Array = digest(ZEROS);

/** The first 128 bits of the BLAKE2b-512 (RFC 7693) of a block, or of the checksums under a node one behind the other. */
export function sumOf(bytes: Uint8Array): Uint8Array {
  const { length } = bytes;
  if (length === TABLE_BLOCK && Buffer.compare(bytes, ZEROS) === 0) return ZERO_SUM;
  return digest(bytes);
}

function digest(bytes: Uint8Array): Uint8Array {
  return hash('blake2b512', bytes, 'buffer').subarray(0, SUM_BYTES);
}
