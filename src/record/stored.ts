import { BOOT_ID_BYTES, bitmapPages, type RecordHeader, readHeaderPage } from '../../parsers/formats/recordHeader.ts';
import { RECORD_PAGE_BITS, RECORD_PAGE_BYTES, readBitmapPage } from '../../parsers/formats/recordPage.ts';
import { isParseFault, type ParseFault } from '../base/fault.ts';
import type { RecordReset } from '../base/record.ts';
import { Bitmap } from './bitmap.ts';
import { chunksOf, type Geometry, geometryOf, refit } from './geometry.ts';

/** For whom a record is kept, and how. */
export interface Keeping {
  readonly lu: string;
  /** Identities of the mirror and the first volume; undefined while they do not answer. UTF-8 of at most 1024 bytes each. */
  readonly mirrorId: string | undefined;
  readonly firstId: string | undefined;
  /** Length of the volume; 0: not known yet, the stored one holds. */
  readonly bytes: number;
  /** Bytes per mark as wished (`geometryOf` may take more); those of the hot set. */
  readonly chunkBytes: number;
  readonly hotBytes: number;
  /** Inline: no write passes while nobody looks (a tee). */
  readonly looking: boolean;
  /** No write reaches its target before its mark is durable. */
  readonly synced: boolean;
  /** Of this boot of the machine, 16 bytes; undefined where it cannot be told: then only a clean record is believed. */
  readonly bootId: Uint8Array | undefined;
}

/** What the storage held: marks that may be believed, or why they may not. */
export type Stored =
  | { readonly reset: RecordReset; readonly generation: number }
  | {
      readonly reset: undefined;
      readonly header: RecordHeader;
      readonly bitmap: Bitmap;
      readonly damagedPages: number;
    };

/** Judges the bytes of a record's file, whole, cut, or (undefined) not to be trusted. A page that fails its checksum counts as marked for its whole span. */
export function readStored(bytes: Uint8Array | undefined, keeping: Keeping): Stored {
  if (bytes === undefined) return { reset: 'damaged', generation: 0 };
  const header = headerIn(bytes);
  if (header === undefined) return { reset: 'new', generation: 0 };
  if (isParseFault(header)) return { reset: 'damaged', generation: 0 };
  const reset = doubtOf(header, keeping);
  if (reset !== undefined) return { reset, generation: header.generation };
  const chunks = chunksOf(header);
  const bitmap = new Bitmap(chunks, header.generation);
  let damagedPages = 0;
  for (let page = 0; page < bitmapPages(chunks); page++) {
    const at = (page + 1) * RECORD_PAGE_BYTES;
    const bits = readBitmapPage(bytes.subarray(at, at + RECORD_PAGE_BYTES), page + 1, header.generation);
    if (!isParseFault(bits)) bitmap.load(page, bits);
    else {
      damagedPages++;
      bitmap.fill(page * RECORD_PAGE_BITS, Math.min((page + 1) * RECORD_PAGE_BITS, chunks));
    }
  }
  return { reset: undefined, header, bitmap, damagedPages };
}

/** With what a record begins. */
export interface Beginning {
  /** Set when everything is marked, for this reason. */
  readonly reset: RecordReset | undefined;
  /** Bytes of the volume whose pages were torn or damaged, and count as marked therefore. */
  readonly damagedBytes: number;
  readonly header: RecordHeader;
  /** Its dirty pages are to be written before the header is. */
  readonly bitmap: Bitmap;
}

/** What is kept from here on, given what the storage held (see `readStored`). Throws a `Fault` where that cannot be kept. */
export function beginningOf(stored: Uint8Array | undefined, keeping: Keeping): Beginning {
  const found = readStored(stored, keeping);
  const known = found.reset === undefined ? found.header : undefined;
  const geometry = geometryOf(keeping.bytes || (known?.bytes ?? 0), keeping.chunkBytes);
  const bitmap = found.reset === undefined ? fitted(found, geometry) : everything(geometry, found.generation);
  const header = {
    ...geometry,
    generation: bitmap.generation,
    clean: false,
    synced: keeping.synced,
    looking: keeping.looking,
    bootId: keeping.bootId ?? new Uint8Array(BOOT_ID_BYTES),
    lu: keeping.lu,
    mirrorId: keeping.mirrorId ?? known?.mirrorId,
    firstId: keeping.firstId ?? known?.firstId,
  };
  const damaged = found.reset === undefined ? found.damagedPages * RECORD_PAGE_BITS * found.header.chunkBytes : 0;
  return { reset: found.reset, damagedBytes: Math.min(damaged, known?.bytes ?? 0), header, bitmap };
}

export function nextGeneration(generation: number): number {
  return (generation + 1) >>> 0;
}

function fitted({ header, bitmap }: Extract<Stored, { reset: undefined }>, geometry: Geometry): Bitmap {
  if (header.bytes === geometry.bytes && header.chunkBytes === geometry.chunkBytes) return bitmap;
  const refitted = refit(bitmap, header, geometry, nextGeneration(header.generation));
  refitted.allDirty();
  return refitted;
}

function everything(geometry: Geometry, before: number): Bitmap {
  const bitmap = new Bitmap(chunksOf(geometry), nextGeneration(before));
  bitmap.fill(0, bitmap.chunks);
  bitmap.allDirty();
  return bitmap;
}

/** Undefined when there is none yet: the header is written last of all, when everything else is durable. */
function headerIn(bytes: Uint8Array): RecordHeader | ParseFault | undefined {
  const page = bytes.subarray(0, RECORD_PAGE_BYTES);
  return page.every((byte) => byte === 0) ? undefined : readHeaderPage(page);
}

/** Why the marks under this header, whole as they are, do not say all that may differ now. */
function doubtOf(header: RecordHeader, keeping: Keeping): RecordReset | undefined {
  if (header.lu !== keeping.lu) return 'other-volume';
  if (differ(header.mirrorId, keeping.mirrorId) || differ(header.firstId, keeping.firstId)) return 'other-volume';
  // A record that a tap kept ends when the tap does: what the hosts wrote before a tee took its place is not in it.
  if (!keeping.looking || !header.looking) return 'not-looking';
  const sameBoot = keeping.bootId?.every((byte, i) => byte === header.bootId[i]) === true;
  return sameBoot || header.clean || header.synced ? undefined : 'power-loss';
}

function differ(one: string | undefined, other: string | undefined): boolean {
  return one !== undefined && other !== undefined && one !== other;
}
