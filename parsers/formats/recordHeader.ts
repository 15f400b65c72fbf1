import { copyOf } from '../../src/base/bytes.ts';
import { Fault, type ParseFault, parseFault } from '../../src/base/fault.ts';
import { u16, u32 } from '../bytes.ts';
import { pageDamage, putU32, RECORD_PAGE_BITS, RECORD_PAGE_BYTES, sealPage } from './recordPage.ts';

/** Marks in a record at most: 4 MiB of bits. A larger volume has larger chunks. */
export const RECORD_CHUNKS_MAX: number = 4 * 1024 * 1024 * 8;
/** UTF-8 bytes of each name in a header at most. */
export const RECORD_NAME_MAX = 1024;
/** A boot id is a UUID. */
export const BOOT_ID_BYTES = 16;

/** Page 0 of a record file. */
export interface RecordHeader {
  /** Of the bitmap pages that belong to this header. */
  generation: number;
  /** Bytes of the volume per mark, a power of two. */
  chunkBytes: number;
  /** Length of the volume; 0 while unknown. */
  bytes: number;
  /** Closed in order: every mark was durable, and none was made since. */
  clean: boolean;
  /** Whoever kept it acknowledged no write before its mark was durable. */
  synced: boolean;
  /** Kept inline (a tee): no write passed while nobody looked. */
  looking: boolean;
  /** The boot of the machine that kept it; zeros when it could not be told. */
  bootId: Uint8Array;
  lu: string;
  /** Identities of the two media, as `Volume.identity` gives them; undefined while unknown. */
  mirrorId: string | undefined;
  firstId: string | undefined;
}

/** "tmrecord", and the version of everything in the file. */
const MAGIC = [0x746d7265, 0x636f7264] as const;
const VERSION = 1;
const CLEAN = 1;
const SYNCED = 2;
const LOOKING = 4;
const NAMES_AT = 54;
const ABSENT = 0xffff;

/**
 * The page of a header, numbers big-endian: magic (8 bytes), version (2), flags (2), generation (4), chunkBytes (4),
 * zeros (4), bytes (8), boot id (16), lengths of LU, mirror's and first volume's identity (2 each; FFFFh: unknown), then these
 * in UTF-8, zeros, and the CRC-32C as in a bitmap page.
 */
export function headerPage(header: RecordHeader): Uint8Array {
  const page = new Uint8Array(RECORD_PAGE_BYTES);
  putU32(page, 0, MAGIC[0]);
  putU32(page, 4, MAGIC[1]);
  putU16(page, 8, VERSION);
  putU16(page, 10, (header.clean ? CLEAN : 0) | (header.synced ? SYNCED : 0) | (header.looking ? LOOKING : 0));
  putU32(page, 12, header.generation);
  putU32(page, 16, header.chunkBytes);
  putU32(page, 24, Math.floor(header.bytes / 2 ** 32));
  putU32(page, 28, header.bytes % 2 ** 32);
  page.set(header.bootId, 32);
  let at = NAMES_AT;
  for (const [n, name] of [header.lu, header.mirrorId, header.firstId].entries()) {
    const text = name === undefined ? undefined : new TextEncoder().encode(name);
    putU16(page, 48 + 2 * n, text?.length ?? ABSENT);
    if (text === undefined) continue;
    if (text.length > RECORD_NAME_MAX) throw new Fault('bug', `a name of ${text.length} bytes for a record's header`);
    page.set(text, at);
    at += text.length;
  }
  sealPage(page);
  return page;
}

/** A header that is whole and holds together, with what it needs checked; else why it cannot be believed. */
export function readHeaderPage(page: Uint8Array): RecordHeader | ParseFault {
  if (page.length !== RECORD_PAGE_BYTES) return parseFault(page.length, 'the header is cut');
  if (u32(page, 0) !== MAGIC[0] || u32(page, 4) !== MAGIC[1]) return parseFault(0, 'not the header of a record');
  const damage = pageDamage(page);
  if (damage) return damage;
  if (u16(page, 8) !== VERSION) return parseFault(8, `version ${u16(page, 8)}, not ${VERSION}`);
  const chunkBytes = u32(page, 16);
  if (chunkBytes < 512 || !Number.isInteger(Math.log2(chunkBytes)))
    return parseFault(16, `chunks of ${chunkBytes} bytes`);
  const bytes = u32(page, 24) * 2 ** 32 + u32(page, 28);
  if (!Number.isSafeInteger(bytes)) return parseFault(24, 'a volume longer than 2^53-1 bytes');
  if (bytes / chunkBytes > RECORD_CHUNKS_MAX) return parseFault(24, `a volume of ${bytes / chunkBytes} chunks`);
  const names = readNames(page);
  if ('fault' in names) return names;
  const flags = u16(page, 10);
  return {
    generation: u32(page, 12),
    chunkBytes,
    bytes,
    clean: (flags & CLEAN) !== 0,
    synced: (flags & SYNCED) !== 0,
    looking: (flags & LOOKING) !== 0,
    bootId: copyOf(page, 32, 32 + BOOT_ID_BYTES),
    ...names,
  };
}

/** Bitmap pages for this many chunks. */
export function bitmapPages(chunks: number): number {
  return Math.ceil(chunks / RECORD_PAGE_BITS);
}

function readNames(page: Uint8Array): Pick<RecordHeader, 'lu' | 'mirrorId' | 'firstId'> | ParseFault {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const names: (string | undefined)[] = [];
  let at = NAMES_AT;
  for (let field = 48; field < NAMES_AT; field += 2) {
    const length = u16(page, field);
    if (length === ABSENT) {
      names.push(undefined);
      continue;
    }
    if (length > RECORD_NAME_MAX) return parseFault(field, `a name of ${length} bytes`);
    try {
      names.push(decoder.decode(page.subarray(at, at + length)));
    } catch {
      return parseFault(at, 'a name that is not UTF-8');
    }
    at += length;
  }
  const [lu, mirrorId, firstId] = names;
  return lu === undefined ? parseFault(48, 'no LU') : { lu, mirrorId, firstId };
}

function putU16(page: Uint8Array, at: number, value: number): void {
  page[at] = value >>> 8;
  page[at + 1] = value;
}
