import { copyOf } from '../../src/base/bytes.ts';
import { type ParseFault, parseFault } from '../../src/base/fault.ts';
import { CRC_START, crc32c, crcUpdate, digestAt } from '../iscsi/crc32c.ts';

/** Bytes before a segment's first entry. */
export const SEGMENT_HEADER_BYTES = 64;
/** Random bytes of each segment; its entries' checksums begin with them. */
export const SALT_BYTES = 16;

/** "tmqueue", and the version of everything in the segment. */
const MAGIC = [0x746d7175, 0x65756530] as const;
const VERSION = 1;
const CRC_AT = SEGMENT_HEADER_BYTES - 4;

/** What stands at the beginning of a segment of an ordered queue. */
export interface SegmentHeader {
  /** 16 bytes: the store that the segment belongs to, the same for as long as that lives. */
  readonly store: Uint8Array;
  readonly salt: Uint8Array;
  /** Sequence of the entry that stands first. */
  readonly first: number;
}

/**
 * Numbers big-endian: magic (8 bytes), version (2), zeros (2), header length (4), store (16), salt (16), first sequence (8),
 * zeros (4), and the CRC-32C of all that least significant byte first.
 */
export function segmentHeader(header: SegmentHeader): Uint8Array {
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC[0]);
  view.setUint32(4, MAGIC[1]);
  view.setUint16(8, VERSION);
  view.setUint32(12, SEGMENT_HEADER_BYTES);
  bytes.set(header.store, 16);
  bytes.set(header.salt, 32);
  view.setBigUint64(48, BigInt(header.first));
  view.setUint32(CRC_AT, crc32c(bytes, 0, CRC_AT), true);
  return bytes;
}

/** A header that is whole, else why it is not believed. */
export function readSegmentHeader(bytes: Uint8Array): SegmentHeader | ParseFault {
  if (bytes.length < SEGMENT_HEADER_BYTES) return parseFault(bytes.length, 'the header is cut');
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (view.getUint32(0) !== MAGIC[0] || view.getUint32(4) !== MAGIC[1]) return parseFault(0, 'not a queue segment');
  if (crc32c(bytes, 0, CRC_AT) !== digestAt(bytes, CRC_AT)) return parseFault(CRC_AT, "the header's checksum is wrong");
  const version = view.getUint16(8);
  if (version !== VERSION) return parseFault(8, `version ${version}, not ${VERSION}`);
  if (view.getUint32(12) !== SEGMENT_HEADER_BYTES) return parseFault(12, 'a header of another length');
  const first = view.getBigUint64(48);
  if (first === 0n || first > BigInt(Number.MAX_SAFE_INTEGER)) return parseFault(48, `first sequence ${first}`);
  return { store: copyOf(bytes, 16, 32), salt: copyOf(bytes, 32, 48), first: Number(first) };
}

/** The state with which the checksums of the segment's entries begin: bytes copied from another segment never fit. */
export function saltState(salt: Uint8Array): number {
  return crcUpdate(CRC_START, salt, 0, salt.length);
}
