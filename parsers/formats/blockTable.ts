import { copyOf } from '../../src/base/bytes.ts';
import { type ParseFault, parseFault } from '../../src/base/fault.ts';
import { put32, u32 } from '../bytes.ts';
import { crc32c } from '../iscsi/crc32c.ts';

/** What stands in front of a block table. */
export interface TableHeader {
  blockBytes: number;
  /** Length of the volume. */
  bytes: number;
  /** What the medium is called, hashed: 16 bytes. */
  identity: Uint8Array;
  /** The boot of the machine that kept it, 16 bytes; zeros when it could not be told. */
  bootId: Uint8Array;
  /** Closed in order: table and medium were durable, and nothing was written since. */
  clean: boolean;
  /** The medium's time of modification then, in nanoseconds since 1970; 0: unknown. */
  stamp: bigint;
}

export const TABLE_HEADER_BYTES = 80;
/** "tmblocks", and the version of everything in the file. */
const MAGIC = [0x746d626c, 0x6f636b73] as const;
const VERSION = 1;
const CRC_AT = 76;

/**
 * Big-endian: magic (8 bytes), version (2), flags (2), bytes of a block (4), length of the volume (8), identity (16), boot id
 * (16), stamp (8), zeros (12), CRC-32C of all before it (4).
 */
export function tableHeader({ blockBytes, bytes, identity, bootId, clean, stamp }: TableHeader): Uint8Array {
  const page = new Uint8Array(TABLE_HEADER_BYTES);
  put32(page, 0, MAGIC[0]);
  put32(page, 4, MAGIC[1]);
  page[9] = VERSION;
  page[11] = clean ? 1 : 0;
  put32(page, 12, blockBytes);
  put32(page, 16, Math.floor(bytes / 2 ** 32));
  put32(page, 20, bytes % 2 ** 32);
  page.set(identity.subarray(0, 16), 24);
  page.set(bootId.subarray(0, 16), 40);
  put32(page, 56, Number((stamp >> 32n) & 0xffffffffn));
  put32(page, 60, Number(stamp & 0xffffffffn));
  put32(page, CRC_AT, crc32c(page, 0, CRC_AT));
  return page;
}

export function readTableHeader(page: Uint8Array): TableHeader | ParseFault {
  if (page.length < TABLE_HEADER_BYTES) return parseFault(page.length, 'it ends within its header');
  if (u32(page, 0) !== MAGIC[0] || u32(page, 4) !== MAGIC[1]) return parseFault(0, 'it is no block table');
  if (u32(page, CRC_AT) !== crc32c(page, 0, CRC_AT)) return parseFault(CRC_AT, 'its header fails its checksum');
  const version = page[8] * 256 + page[9];
  if (version !== VERSION) return parseFault(8, `it is of version ${version}`);
  const bytes = u32(page, 16) * 2 ** 32 + u32(page, 20);
  const blockBytes = u32(page, 12);
  if (!Number.isSafeInteger(bytes)) return parseFault(16, 'a volume above 2^53-1 bytes');
  if (blockBytes < 512 || (blockBytes & (blockBytes - 1)) !== 0) return parseFault(12, `blocks of ${blockBytes} bytes`);
  return {
    blockBytes,
    bytes,
    identity: copyOf(page, 24, 40),
    bootId: copyOf(page, 40, 56),
    clean: page[11] === 1,
    stamp: (BigInt(u32(page, 56)) << 32n) | BigInt(u32(page, 60)),
  };
}
