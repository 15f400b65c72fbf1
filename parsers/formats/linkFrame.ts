import { type ParseFault, parseFault } from '../../src/base/fault.ts';
import { put16, put32, u16, u32 } from '../bytes.ts';
import { CRC_START, crc32c, crcUpdate, crcValue, digestAt } from '../iscsi/crc32c.ts';

/**
 * The journey link: each side sends a preamble and then frames. Numbers are big-endian but the CRC-32Cs, which stand as an
 * iSCSI digest does, least significant byte first.
 *
 * Preamble: magic (8 bytes), the version spoken best (2), the oldest that is understood (2), CRC-32C of these (4).
 * Frame: length of the body (4), type (1), how the body is compressed (1), sequence of the frame on this connection and in
 * this direction, from 0 (6), CRC-32C of the body as sent (4), CRC-32C of the header before it (4), body. The sequence makes
 * a frame that is replayed, left out or put elsewhere visible even to whoever trusts the connection.
 */
export const PREAMBLE_BYTES = 16;
export const FRAME_HEADER_BYTES = 20;
/** The longest body, before and after it was compressed. */
export const FRAME_BODY_MAX: number = 1024 * 1024;
/** Until both sides have greeted no body is longer. */
export const GREETING_BODY_MAX = 4096;

/** From version 2 on a welcome says what else the receiver can do (`LINK_FEATURES`). */
export const LINK_VERSION = 2;
const LEAST_VERSION = 1;
/** "tmjourny" */
const MAGIC = [0x746d6a6f, 0x75726e79] as const;
const SEQUENCES = 2 ** 48;

export const LinkType = {
  hello: 1,
  welcome: 2,
  refuse: 3,
  entry: 4,
  ack: 5,
  check: 6,
  differ: 7,
  grow: 8,
  grew: 9,
  read: 10,
  data: 11,
  failed: 12,
  pause: 13,
  resume: 14,
  ping: 15,
  pong: 16,
  bye: 17,
  nodes: 18,
  same: 19,
  through: 20,
  about: 21,
} as const;
export type LinkType = (typeof LinkType)[keyof typeof LinkType];

const NAMES = Object.keys(LinkType);

/** A type in a word. */
export function linkTypeName(type: number): string {
  return NAMES[type - 1] ?? `type ${type}`;
}

/** A frame that is to be sent: `head` has room for the header in front, and the body is what follows there and in `parts`. */
export interface LinkFrame {
  type: LinkType;
  head: Uint8Array;
  /** Borrowed until the frame has been written. */
  parts: readonly Uint8Array[];
  /** Of the body. */
  bytes: number;
}

/** A frame without long parts; `head` as a `LinkScribe` with the header's room made it. */
export function shortFrame(type: LinkType, head: Uint8Array): LinkFrame {
  return { type, head, parts: [], bytes: head.length - FRAME_HEADER_BYTES };
}

export interface FrameHeader {
  length: number;
  type: LinkType;
  compression: number;
  sequence: number;
  bodyCrc: number;
}

export function preamble(): Uint8Array {
  const bytes = new Uint8Array(PREAMBLE_BYTES);
  put32(bytes, 0, MAGIC[0]);
  put32(bytes, 4, MAGIC[1]);
  put16(bytes, 8, LINK_VERSION);
  put16(bytes, 10, LEAST_VERSION);
  putDigest(bytes, 12, crc32c(bytes, 0, 12));
  return bytes;
}

/** The version that both sides speak; else why there is none. */
export function readPreamble(bytes: Uint8Array): number | ParseFault {
  if (u32(bytes, 0) !== MAGIC[0] || u32(bytes, 4) !== MAGIC[1]) return parseFault(0, 'this is no journey link');
  if (crc32c(bytes, 0, 12) !== digestAt(bytes, 12)) return parseFault(12, 'the preamble fails its checksum');
  const best = u16(bytes, 8);
  const least = u16(bytes, 10);
  const version = Math.min(best, LINK_VERSION);
  if (version >= Math.max(least, LEAST_VERSION)) return version;
  return parseFault(8, `it speaks versions ${least} to ${best} of the journey link, and this unit ${LINK_VERSION}`);
}

/** Writes the frame's header in front of its head; the buffers that go out, in order. */
export function sealFrame(frame: LinkFrame, sequence: number, compression = 0): Uint8Array[] {
  const { head, parts } = frame;
  let crc = crcUpdate(CRC_START, head, FRAME_HEADER_BYTES, head.length);
  for (const part of parts) crc = crcUpdate(crc, part, 0, part.length);
  putHeader(head, 0, frame, sequence, compression, crcValue(crc));
  return [head, ...parts];
}

/** The same, copied to `target` at `at`, where there is room for header and body; where it ends. */
export function sealInto(target: Uint8Array, at: number, frame: LinkFrame, sequence: number, compression = 0): number {
  target.set(frame.head, at);
  let end = at + frame.head.length;
  for (const part of frame.parts) {
    target.set(part, end);
    end += part.length;
  }
  putHeader(target, at, frame, sequence, compression, crc32c(target, at + FRAME_HEADER_BYTES, end));
  return end;
}

/** The header at `at`, believed only with its CRC and the sequence that is due. */
export function readFrameHeader(b: Uint8Array, at: number, due: number, bodyMax: number): FrameHeader | ParseFault {
  if (crc32c(b, at, at + 16) !== digestAt(b, at + 16)) return parseFault(at, "a frame's header fails its checksum");
  const sequence = u16(b, at + 6) * 2 ** 32 + u32(b, at + 8);
  if (sequence !== due % SEQUENCES) {
    const what = sequence < due ? 'a frame that came before' : 'a frame too early';
    return parseFault(at + 6, `${what}: number ${sequence}, and ${due} is due`);
  }
  const type = b[at + 4];
  if (type < 1 || type > NAMES.length) return parseFault(at + 4, `a frame of an unknown type ${type}`);
  const length = u32(b, at);
  if (length > bodyMax) {
    return parseFault(at, `a frame (${linkTypeName(type)}) of ${length} bytes, and ${bodyMax} are allowed`);
  }
  return { length, type: type as LinkType, compression: b[at + 5], sequence, bodyCrc: digestAt(b, at + 12) };
}

function putHeader(
  b: Uint8Array,
  at: number,
  { type, bytes }: LinkFrame,
  sequence: number,
  compression: number,
  bodyCrc: number,
): void {
  put32(b, at, bytes);
  b[at + 4] = type;
  b[at + 5] = compression;
  put16(b, at + 6, Math.floor(sequence / 2 ** 32) % 2 ** 16);
  put32(b, at + 8, sequence % 2 ** 32);
  putDigest(b, at + 12, bodyCrc);
  putDigest(b, at + 16, crc32c(b, at, at + 16));
}

function putDigest(b: Uint8Array, at: number, crc: number): void {
  b[at] = crc;
  b[at + 1] = crc >>> 8;
  b[at + 2] = crc >>> 16;
  b[at + 3] = crc >>> 24;
}
