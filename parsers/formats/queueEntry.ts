import { Fault, type ParseFault, parseFault } from '../../src/base/fault.ts';
import type { EntryPlace, SharedPlace } from '../../src/base/ordered.ts';
import { crcUpdate, crcValue, digestAt } from '../iscsi/crc32c.ts';
import { uuidBytes, uuidText } from './queueUuid.ts';

export const ENTRY_MAGIC: Uint8Array = new Uint8Array([0x54, 0x4d, 0x51, 0x45]);
/** Bytes of a head up to its pieces; with none and no name a head is four longer. */
export const HEAD_FIXED_BYTES = 72;
export const HEAD_BYTES_MIN: number = HEAD_FIXED_BYTES + 4;
const PIECE_BYTES = 24;
/** Pieces, name and payload of one entry at most. */
export const ENTRY_PIECES_MAX: number = 1 << 18;
export const ENTRY_NAME_MAX = 1024;
export const ENTRY_PAYLOAD_MAX: number = 1 << 30;
export const HEAD_BYTES_MAX: number = HEAD_BYTES_MIN + ENTRY_PIECES_MAX * PIECE_BYTES + ENTRY_NAME_MAX;

const KINDS = ['change', 'copy', 'mark', 'state', 'size'] as const;
const PIECE_KINDS = ['bytes', 'fill', 'zeros'] as const;
const CONSISTENT = 1;
const ORDERED = 2;
const JOINED = 4;
const ORDER_BYTES = 16;
const EPOCH_NONE = '00000000-0000-0000-0000-000000000000';

/** As an `OrderedEntry`'s; `size`: the volume has another length from here on. */
export type QueueKind = (typeof KINDS)[number];
export type QueuePieceKind = (typeof PIECE_KINDS)[number];

/** A run of bytes of the volume. `stored`: bytes of it in the payload (all, one block to be repeated, none). */
export interface QueuePiece {
  readonly offset: number;
  readonly length: number;
  readonly kind: QueuePieceKind;
  readonly stored: number;
}

/** Where an entry stands in an order that volumes share. */
export interface QueueOrder extends SharedPlace {
  /** The number up to which the entry before was what the volume held; 0: its own. */
  readonly before: number;
}

/** What an entry says of itself; its payload, the pieces' stored bytes one behind the other, follows it in the segment. */
export interface QueueHead {
  readonly sequence: number;
  /** Sequence up to which everything was durable when this was written. */
  readonly durable: number;
  /** Nanoseconds since 1970. */
  readonly at: bigint;
  readonly kind: QueueKind;
  readonly consistent: boolean;
  /** The sender's place of this entry or, for `size`, of the last one before it. */
  readonly place: EntryPlace | undefined;
  readonly pieces: readonly QueuePiece[];
  /** Of a `mark`, else empty. */
  readonly name: string;
  /** Length of the volume, for `size`, else 0. */
  readonly bytes: number;
  readonly payloadBytes: number;
  readonly payloadCrc: number;
  /** Only with a place. */
  readonly order?: QueueOrder;
}

/** A head as it stands in a segment, with its own length. */
export interface ReadHead extends QueueHead {
  readonly headBytes: number;
}

/** Bytes of the head with so many pieces and bytes of text. */
export function headBytesOf(pieces: number, tailBytes: number, order?: unknown): number {
  return HEAD_BYTES_MIN + pieces * PIECE_BYTES + (order === undefined ? 0 : ORDER_BYTES) + tailBytes;
}

/** A mark's name or a size, as it stands behind the pieces. */
export function headTail(kind: QueueKind, name: string, bytes: number): Uint8Array {
  if (kind === 'mark') {
    const text = new TextEncoder().encode(name);
    if (text.length <= ENTRY_NAME_MAX) return text;
    throw new Fault('local', `a bookmark's name of ${text.length} bytes`, `use at most ${ENTRY_NAME_MAX} bytes`);
  }
  if (kind !== 'size') return NOTHING;
  const tail = new Uint8Array(8);
  new DataView(tail.buffer).setBigUint64(0, BigInt(bytes));
  return tail;
}

const NOTHING = new Uint8Array(0);

/**
 * Writes a head at `at`, numbers big-endian, and returns the bytes it took: magic (4), head length (4), sequence (8),
 * durable sequence (8), time (8), epoch (16; zeros: no place), number (8), payload length (4), CRC-32C of the payload (4),
 * pieces (4), kind (1), flags (1), length of what follows the pieces (2); each piece: offset (8), length (8), stored bytes
 * (4), kind (1), zeros (3); where the flags say so the shared order's number (8) and the one before (8); a name or a size; and the CRC-32C of all that behind the segment's salt, least significant byte
 * first.
 */
export function putHead(into: Uint8Array, at: number, head: QueueHead, tail: Uint8Array, salt: number): number {
  const { order } = head;
  const headBytes = headBytesOf(head.pieces.length, tail.length, order);
  const view = new DataView(into.buffer, into.byteOffset + at, headBytes);
  into.set(ENTRY_MAGIC, at);
  view.setUint32(4, headBytes);
  view.setBigUint64(8, BigInt(head.sequence));
  view.setBigUint64(16, BigInt(head.durable));
  view.setBigUint64(24, BigInt.asUintN(64, head.at));
  into.set(uuidBytes(head.place?.epoch ?? EPOCH_NONE), at + 32);
  view.setBigUint64(48, BigInt(head.place?.number ?? 0));
  view.setUint32(56, head.payloadBytes);
  view.setUint32(60, head.payloadCrc);
  view.setUint32(64, head.pieces.length);
  view.setUint8(68, KINDS.indexOf(head.kind));
  view.setUint8(69, (head.consistent ? CONSISTENT : 0) | (order ? ORDERED : 0) | (order?.joined ? JOINED : 0));
  view.setUint16(70, tail.length + (order ? ORDER_BYTES : 0));
  let p = HEAD_FIXED_BYTES;
  for (const { offset, length, kind, stored } of head.pieces) {
    view.setUint32(p, Math.floor(offset / 2 ** 32));
    view.setUint32(p + 4, offset % 2 ** 32);
    view.setUint32(p + 8, Math.floor(length / 2 ** 32));
    view.setUint32(p + 12, length % 2 ** 32);
    view.setUint32(p + 16, stored);
    view.setUint32(p + 20, PIECE_KINDS.indexOf(kind) << 24);
    p += PIECE_BYTES;
  }
  if (order) {
    view.setBigUint64(p, BigInt(order.number));
    view.setBigUint64(p + 8, BigInt(order.before));
    p += ORDER_BYTES;
  }
  into.set(tail, at + p);
  const crcAt = headBytes - 4;
  view.setUint32(crcAt, crcValue(crcUpdate(salt, into, at, at + crcAt)), true);
  return headBytes;
}

/** How long the head at the start of `bytes` says to be (at least 8 are there), if a head can stand there. */
export function headLength(bytes: Uint8Array): number | ParseFault {
  for (let i = 0; i < 4; i++) if (bytes[i] !== ENTRY_MAGIC[i]) return parseFault(i, 'no entry begins here');
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4);
  if (length >= HEAD_BYTES_MIN && length <= HEAD_BYTES_MAX) return length;
  return parseFault(4, `a head of ${length} bytes`);
}

/** Reads a whole head (see `headLength`). What is returned was checked and holds together. */
export function readHead(bytes: Uint8Array, salt: number): ReadHead | ParseFault {
  const headBytes = bytes.length;
  const crcAt = headBytes - 4;
  if (crcValue(crcUpdate(salt, bytes, 0, crcAt)) !== digestAt(bytes, crcAt)) {
    return parseFault(crcAt, "the head's checksum is wrong");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, headBytes);
  const kind = KINDS[view.getUint8(68)];
  if (kind === undefined) return parseFault(68, `an entry of kind ${view.getUint8(68)}`);
  const sequence = safe(view, 8);
  const durable = safe(view, 16);
  const number = safe(view, 48);
  if (sequence < 1 || durable < 0 || number < 0) return parseFault(8, 'a number above 2^53-1');
  const count = view.getUint32(64);
  const tailAt = HEAD_FIXED_BYTES + count * PIECE_BYTES;
  const tailBytes = view.getUint16(70);
  if (count > ENTRY_PIECES_MAX || tailAt + tailBytes !== crcAt) return parseFault(64, `${count} pieces do not fit`);
  const pieces = readPieces(view, count);
  if ('fault' in pieces) return pieces;
  const payloadBytes = view.getUint32(56);
  if (payloadBytes !== pieces.stored || payloadBytes > ENTRY_PAYLOAD_MAX) {
    return parseFault(56, `a payload of ${payloadBytes} bytes for pieces of ${pieces.stored}`);
  }
  const flags = view.getUint8(69);
  const ordered = (flags & ORDERED) !== 0 ? ORDER_BYTES : 0;
  if (tailBytes < ordered) return parseFault(70, 'no place in a shared order');
  const tail = readTail(kind, bytes, view, tailAt + ordered, tailBytes - ordered);
  if ('fault' in tail) return tail;
  const order = ordered > 0 ? readOrder(view, tailAt, (flags & JOINED) !== 0) : undefined;
  if (order && 'fault' in order) return order;
  const epoch = uuidText(bytes.subarray(32, 48));
  return {
    sequence,
    durable,
    at: view.getBigInt64(24),
    kind,
    consistent: (flags & CONSISTENT) !== 0,
    place: epoch === EPOCH_NONE ? undefined : { epoch, number },
    pieces: pieces.list,
    ...tail,
    payloadBytes,
    payloadCrc: view.getUint32(60),
    headBytes,
    ...(order ? { order } : {}),
  };
}

function readOrder(view: DataView, at: number, joined: boolean): QueueOrder | ParseFault {
  const number = safe(view, at);
  const before = safe(view, at + 8);
  return number < 0 || before < 0 ? parseFault(at, 'a number above 2^53-1') : { number, joined, before };
}

function readPieces(view: DataView, count: number): { list: QueuePiece[]; stored: number } | ParseFault {
  const list: QueuePiece[] = [];
  let sum = 0;
  for (let i = 0, p = HEAD_FIXED_BYTES; i < count; i++, p += PIECE_BYTES) {
    const offset = safe(view, p);
    const length = safe(view, p + 8);
    const stored = view.getUint32(p + 16);
    const kind = PIECE_KINDS[view.getUint8(p + 20)];
    if (kind === undefined) return parseFault(p + 20, `a piece of kind ${view.getUint8(p + 20)}`);
    if (offset < 0 || length < 1 || !Number.isSafeInteger(offset + length))
      return parseFault(p, 'a piece out of range');
    const fits = kind === 'bytes' ? stored === length : kind === 'zeros' ? stored === 0 : stored > 0;
    if (!fits) return parseFault(p + 16, `${stored} bytes for a piece of ${length} (${kind})`);
    sum += stored;
    list.push({ offset, length, kind, stored });
  }
  return { list, stored: sum };
}

function readTail(kind: QueueKind, bytes: Uint8Array, view: DataView, at: number, length: number) {
  if (kind === 'mark') {
    if (length > ENTRY_NAME_MAX) return parseFault(70, `a name of ${length} bytes`);
    try {
      const name = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(at, at + length));
      return { name, bytes: 0 };
    } catch {
      return parseFault(at, 'a name that is not UTF-8');
    }
  }
  if (kind !== 'size') return length === 0 ? NO_TAIL : parseFault(70, 'bytes behind the pieces');
  const size = length === 8 ? safe(view, at) : -1;
  return size < 0 ? parseFault(at, 'no length of a volume') : { name: '', bytes: size };
}

const NO_TAIL = { name: '', bytes: 0 } as const;

/** A number of 8 bytes; -1 when it is above 2^53-1. */
function safe(view: DataView, at: number): number {
  const value = view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);
  return Number.isSafeInteger(value) ? value : -1;
}
