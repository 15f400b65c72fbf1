import type { LuId } from '../../base/change.ts';
import type { Extents } from '../../base/extents.ts';
import { BIN_BYTES_MIN, type Heat, MAP_BINS } from './mapHeat.ts';

/** A volume from its first block to its last, in bins of equal size: what `/map.json` says. */
export interface MapReport {
  lu: LuId;
  blockSize: number;
  bytes: number;
  /** A power of two; the last bin may end before. */
  binBytes: number;
  /** Bytes written of late by bin: those of a minute ago count half. */
  hot: number[];
  mirrors: MirrorMap[];
}

export interface MirrorMap {
  to: string;
  /** Bytes by bin that its stored record has marked: a restart would compare them. What is hot stays marked. */
  dirty: number[];
  /** Bytes by bin that are to be read back from the first volume. */
  unresolved: number[];
}

export interface MapParts {
  lu: LuId;
  /** Both above 0. */
  blockSize: number;
  bytes: number;
  heat?: Heat;
  mirrors: readonly { to: string; dirty: Extents; unresolved: Extents }[];
}

export function mapOf({ lu, blockSize, bytes, heat, mirrors }: MapParts): MapReport {
  const binBytes = binBytesOf(bytes);
  const count = Math.ceil(bytes / binBytes);
  const hot = new Array<number>(count).fill(0);
  heat?.forEach((offset, amount) => {
    const bin = Math.floor(offset / binBytes);
    if (bin < count) hot[bin] += amount;
  });
  return {
    lu,
    blockSize,
    bytes,
    binBytes,
    hot: hot.map(Math.round),
    mirrors: mirrors.map(({ to, dirty, unresolved }) => ({
      to,
      dirty: binned(dirty, bytes, binBytes, count),
      unresolved: binned(unresolved, bytes, binBytes, count),
    })),
  };
}

function binBytesOf(bytes: number): number {
  let size = BIN_BYTES_MIN;
  while (bytes > size * MAP_BINS) size *= 2;
  return size;
}

function binned(extents: Extents, bytes: number, binBytes: number, count: number): number[] {
  const bins = new Array<number>(count).fill(0);
  extents.forEachIn(0, bytes, (start, end) => {
    for (let at = start; at < end; ) {
      const bin = Math.floor(at / binBytes);
      const next = Math.min(end, (bin + 1) * binBytes);
      bins[bin] += next - at;
      at = next;
    }
  });
  return bins;
}
