import { RECORD_CHUNKS_MAX } from '../../parsers/formats/recordHeader.ts';
import { Fault } from '../base/fault.ts';
import { Bitmap } from './bitmap.ts';

/** A volume's length and the bytes of it that one mark stands for. */
export interface Geometry {
  readonly bytes: number;
  readonly chunkBytes: number;
}

/**
 * Chunks of `wanted` bytes, doubled until the volume has no more than 2^25 of them (4 MiB of bits): up to 2 TiB it is as
 * wanted with 64 KiB, and 2 MiB for 64 TiB.
 */
export function geometryOf(bytes: number, wanted: number): Geometry {
  if (!(wanted >= 512 && wanted <= 2 ** 31 && Number.isInteger(Math.log2(wanted)))) {
    throw new Fault('local', `a chunk of ${wanted} bytes is none`, 'use a power of two from 512 on, for example 65536');
  }
  if (!(Number.isSafeInteger(bytes) && bytes >= 0)) throw new Fault('bug', `a volume of ${bytes} bytes`);
  let chunkBytes = wanted;
  while (bytes / chunkBytes > RECORD_CHUNKS_MAX) chunkBytes *= 2;
  return { bytes, chunkBytes };
}

export function chunksOf({ bytes, chunkBytes }: Geometry): number {
  return Math.ceil(bytes / chunkBytes);
}

/** The same marks in another geometry, as a new generation; what the volume grew by is marked. */
export function refit(old: Bitmap, from: Geometry, to: Geometry, generation: number): Bitmap {
  const chunks = chunksOf(to);
  const bitmap = new Bitmap(chunks, generation);
  const ratio = from.chunkBytes / to.chunkBytes;
  old.forEachRun((first, end) => {
    bitmap.fill(Math.floor(first * ratio), Math.min(Math.ceil(end * ratio), chunks));
  });
  if (to.bytes > from.bytes) bitmap.fill(Math.floor(from.bytes / to.chunkBytes), chunks);
  return bitmap;
}
