/** Runs of zeros shorter than this are not worth a run of their own. */
export const ZEROS_MIN = 4096;
const PROBE = ZEROS_MIN / 2;
const STEP = 256;
const ZEROS = new Uint8Array(ZEROS_MIN);

/**
 * Calls back in order with the runs of zeros in `bytes`, which lie at `offset`: cut to whole blocks of `align` bytes, so that
 * nothing comes to lie across a block that did not before, and at least `ZEROS_MIN` long. Data costs one look every 2 KiB.
 */
export function zeroRuns(
  bytes: Uint8Array,
  offset: number,
  align: number,
  found: (start: number, end: number) => void,
): void {
  const lead = offset % align;
  const least = Math.max(ZEROS_MIN, align);
  let settled = 0;
  for (let probe = 0; probe < bytes.length; probe += PROBE) {
    if (bytes[probe] !== 0 || bytes[probe + 1] !== 0 || probe < settled) continue;
    let from = probe;
    while (from > settled && bytes[from - 1] === 0) from--;
    const to = zerosEnd(bytes, probe);
    settled = to;
    const start = Math.ceil((lead + from) / align) * align - lead;
    const end = Math.floor((lead + to) / align) * align - lead;
    if (end - start >= least) found(start, end);
  }
}

/** Where the zeros that begin at `at` end. */
function zerosEnd(bytes: Uint8Array, at: number): number {
  let end = at;
  for (let step = ZEROS_MIN; step >= STEP; step = step === STEP ? 0 : STEP) {
    while (
      end + step <= bytes.length &&
      Buffer.compare(bytes.subarray(end, end + step), ZEROS.subarray(0, step)) === 0
    ) {
      end += step;
    }
  }
  while (end < bytes.length && bytes[end] === 0) end++;
  return end;
}

/** Whether all of it is zeros. */
export function allZeros(bytes: Uint8Array): boolean {
  return bytes.length === 0 || (bytes[0] === 0 && zerosEnd(bytes, 0) === bytes.length);
}
