import { MISCOMPARE } from '../../parsers/scsi/sense.ts';
import { MISCOMPARE_DURING_VERIFY, Refusal } from './refusal.ts';

const CHECK_CONDITION = 0x02;

/**
 * The index of the first byte of `bytes` that differs from what stands from byte `from` on in `parts`, taken as one run; -1
 * where all are equal. There are enough of them.
 */
export function firstDifference(bytes: Uint8Array, parts: readonly Uint8Array[], from: number): number {
  let done = 0;
  let skip = from;
  for (const part of parts) {
    if (skip >= part.length) {
      skip -= part.length;
      continue;
    }
    const length = Math.min(part.length - skip, bytes.length - done);
    const found = differenceIn(bytes, done, part, skip, length);
    if (found >= 0) return found;
    done += length;
    skip = 0;
    if (done === bytes.length) return -1;
  }
  return -1;
}

function differenceIn(bytes: Uint8Array, at: number, part: Uint8Array, from: number, length: number): number {
  const one = bytes.subarray(at, at + length);
  const other = part.subarray(from, from + length);
  if (Buffer.compare(one, other) === 0) return -1;
  for (let i = 0; i < length; i += 1) if (one[i] !== other[i]) return at + i;
  return -1;
}

/** What stands from byte `from` on in `parts`, taken as one run: `length` bytes of it, nothing copied. */
export function slices(parts: readonly Uint8Array[], from: number, length: number): Uint8Array[] {
  const cut: Uint8Array[] = [];
  let skip = from;
  let left = length;
  for (const part of parts) {
    if (skip >= part.length) {
      skip -= part.length;
      continue;
    }
    if (left === 0) break;
    const piece = part.subarray(skip, skip + left);
    cut.push(piece);
    left -= piece.length;
    skip = 0;
  }
  return cut;
}

/** MISCOMPARE DURING VERIFY OPERATION; INFORMATION is where in the data-out the first difference is. */
export function miscompare(at: number): Refusal {
  return new Refusal(CHECK_CONDITION, { key: MISCOMPARE, code: MISCOMPARE_DURING_VERIFY, information: at });
}
