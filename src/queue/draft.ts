import {
  ENTRY_PAYLOAD_MAX,
  ENTRY_PIECES_MAX,
  headTail,
  type QueueHead,
  type QueuePiece,
} from '../../parsers/formats/queueEntry.ts';
import { CRC_START, crcUpdate, crcValue } from '../../parsers/iscsi/crc32c.ts';
import type { Piece } from '../base/change.ts';
import { Fault } from '../base/fault.ts';
import type { EntryPlace, OrderedEntry, SharedPlace } from '../base/ordered.ts';
import { isFill, isOr } from '../base/payload.ts';

/** An entry ready to be written, but for its sequence. The buffers are the entry's own. */
export interface Draft {
  readonly head: Omit<QueueHead, 'sequence' | 'durable' | 'order'>;
  readonly order?: SharedPlace;
  /** What stands behind the pieces of the head. */
  readonly tail: Uint8Array;
  readonly buffers: readonly Uint8Array[];
}

const NONE: readonly Piece[] = [];

export function piecesOf(entry: OrderedEntry): readonly Piece[] {
  return entry.kind === 'change' || entry.kind === 'copy' ? entry.pieces : NONE;
}

/** `pieces` are the entry's with everything known. Throws a `Fault` for what a queue cannot hold. */
export function draftOf(place: EntryPlace, entry: OrderedEntry, pieces: readonly Piece[]): Draft {
  const { at, kind, consistent } = entry;
  const name = entry.kind === 'mark' ? entry.name : '';
  const payload = payloadOf(pieces);
  const head = { at, kind, consistent, place, name, bytes: 0, ...payload.told };
  const order = entry.order ? { order: entry.order } : {};
  return { head, tail: headTail(kind, name, 0), buffers: payload.buffers, ...order };
}

/** The entry of another length of the volume, behind an entry of `place`. */
export function sizeDraft(
  bytes: number,
  at: bigint,
  consistent: boolean,
  place: EntryPlace | undefined,
  order: SharedPlace | undefined,
): Draft {
  const told = { pieces: [], payloadBytes: 0, payloadCrc: crcValue(CRC_START) };
  const head = { at, kind: 'size', consistent, place, name: '', bytes, ...told } as const;
  return { head, tail: headTail('size', '', bytes), buffers: [], ...(order ? { order } : {}) };
}

interface Payloads {
  told: Pick<QueueHead, 'pieces' | 'payloadBytes' | 'payloadCrc'>;
  buffers: Uint8Array[];
}

function payloadOf(pieces: readonly Piece[]): Payloads {
  if (pieces.length > ENTRY_PIECES_MAX) throw new Fault('peer', `an entry of ${pieces.length} pieces`);
  const list: QueuePiece[] = [];
  const buffers: Uint8Array[] = [];
  let payloadBytes = 0;
  for (const { offset, length, payload } of pieces) {
    if (length === 0) continue;
    if (payload === 'lbnOnly' || isOr(payload)) throw new Fault('bug', 'only bytes that are known can be queued');
    const kind = payload === 'zeros' ? 'zeros' : isFill(payload) ? 'fill' : 'bytes';
    const parts = payload === 'zeros' ? [] : isFill(payload) ? [payload.fill] : payload;
    const stored = kind === 'zeros' ? 0 : kind === 'fill' ? parts[0].length : length;
    payloadBytes += stored;
    if (payloadBytes > ENTRY_PAYLOAD_MAX) throw new Fault('peer', `an entry of more than ${ENTRY_PAYLOAD_MAX} bytes`);
    if (kind === 'fill' && stored === 0) throw new Fault('bug', 'an empty block cannot be repeated');
    take(parts, stored, buffers);
    list.push({ offset, length, kind, stored });
  }
  let crc = CRC_START;
  for (const buffer of buffers) crc = crcUpdate(crc, buffer, 0, buffer.length);
  return { told: { pieces: list, payloadBytes, payloadCrc: crcValue(crc) }, buffers };
}

/** Adds the first `length` bytes of the parts. */
function take(parts: readonly Uint8Array[], length: number, buffers: Uint8Array[]): void {
  let left = length;
  for (const part of parts) {
    if (left === 0) return;
    if (part.length === 0) continue;
    buffers.push(part.length > left ? part.subarray(0, left) : part);
    left -= Math.min(left, part.length);
  }
  if (left > 0) throw new Fault('bug', `a piece of ${length} bytes has ${left} bytes too few`);
}
