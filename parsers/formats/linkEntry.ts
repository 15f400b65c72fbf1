import type { Payload, Piece } from '../../src/base/change.ts';
import { Fault, type ParseFault } from '../../src/base/fault.ts';
import type { OrderedEntry, SharedPlace } from '../../src/base/ordered.ts';
import { isFill, isOr } from '../../src/base/payload.ts';
import { LinkReader, LinkScribe } from './linkBytes.ts';
import { FRAME_HEADER_BYTES, type LinkFrame, LinkType } from './linkFrame.ts';
import { LINK_NAME_MAX } from './linkGreeting.ts';

/**
 * A part of an entry: number (48 bits), part from 0 (32), flags (8), kind (8), `at` (64), where the flags say so the number
 * of a shared order (only part 0, and to one who takes the feature `order`), then for a mark its name, else the runs: their count, and for each the gap to the end of the one before (the first: its offset), its length, what it is, and
 * for a fill the block's length; then the bytes of all runs that have any, in order.
 */
export interface EntryPart {
  number: number;
  part: number;
  /** Another part of the same entry follows. */
  more: boolean;
  kind: OrderedEntry['kind'];
  at: bigint;
  consistent: boolean;
  /** Of part 0, where the volume shares its order with others. */
  order?: SharedPlace | undefined;
  /** Of a mark. */
  name: string;
  /** In ascending order, none touching bytes of another, none empty; their bytes are views of the body. */
  runs: readonly Piece[];
}

const KINDS = ['change', 'copy', 'mark', 'state'] as const;
const MORE = 1;
const CONSISTENT = 2;
const ORDERED = 4;
const JOINED = 8;
const RUN = { bytes: 0, zeros: 1, fill: 2, or: 3 } as const;
/** A run's gap, length and kind take three bytes at least. */
const RUN_BYTES_MIN = 3;

/** A part's frame; its runs as `EntryPart` has them, with one part of bytes each. Their bytes are borrowed. */
export function entryFrame(part: EntryPart): LinkFrame {
  const { order } = part;
  const ordered = order === undefined ? 0 : ORDERED | (order.joined ? JOINED : 0);
  const scribe = new LinkScribe(FRAME_HEADER_BYTES, 48 + 8 * part.runs.length).u48(part.number).u32(part.part);
  scribe
    .u8((part.more ? MORE : 0) | (part.consistent ? CONSISTENT : 0) | ordered)
    .u8(KINDS.indexOf(part.kind))
    .nanos(part.at);
  if (order !== undefined) scribe.varint(order.number);
  let parts: Uint8Array[] = [];
  if (part.kind === 'mark') scribe.text(part.name, LINK_NAME_MAX);
  else if (part.kind !== 'state') parts = putRuns(scribe, part.runs);
  const head = scribe.done();
  let bytes = head.length - FRAME_HEADER_BYTES;
  for (const { length } of parts) bytes += length;
  return { type: LinkType.entry, head, parts, bytes };
}

export function readEntryPart(body: Uint8Array): EntryPart | ParseFault {
  const reader = new LinkReader(body);
  const number = reader.u48();
  const part = reader.u32();
  const flags = reader.u8();
  const kind = KINDS[reader.u8()];
  const at = reader.nanos();
  if (kind === undefined || flags > (MORE | CONSISTENT | ORDERED | JOINED)) reader.fail('an entry of an unknown kind');
  if ((flags & JOINED) !== 0 && (flags & ORDERED) === 0) reader.fail('an entry that is joined to none');
  const order = (flags & ORDERED) === 0 ? undefined : { number: reader.varint(), joined: (flags & JOINED) !== 0 };
  const name = kind === 'mark' ? reader.text(LINK_NAME_MAX) : '';
  const runs = kind === 'change' || kind === 'copy' ? readRuns(reader) : [];
  reader.end();
  return (
    reader.fault ?? {
      number,
      part,
      more: (flags & MORE) !== 0,
      kind,
      at,
      consistent: (flags & CONSISTENT) !== 0,
      order,
      name,
      runs,
    }
  );
}

/** The bytes of the runs that have any, to follow behind. */
function putRuns(scribe: LinkScribe, runs: readonly Piece[]): Uint8Array[] {
  scribe.varint(runs.length);
  let end = 0;
  let parts: Uint8Array[] | undefined;
  for (const { offset, length, payload } of runs) {
    scribe.varint(offset - end).varint(length);
    end = offset + length;
    let bytes: Uint8Array;
    if (payload === 'zeros') {
      scribe.u8(RUN.zeros);
      continue;
    }
    if (payload === 'lbnOnly') throw new Fault('bug', 'an entry whose bytes nobody knows');
    if (isFill(payload)) {
      scribe.u8(RUN.fill).varint(payload.fill.length);
      bytes = payload.fill;
    } else {
      scribe.u8(isOr(payload) ? RUN.or : RUN.bytes);
      bytes = isOr(payload) ? payload.or[0] : payload[0];
    }
    if (parts) parts.push(bytes);
    else parts = [bytes];
  }
  return parts ?? [];
}

/** What the runs of the frame that is being read are, and how long their blocks: used again for each frame. */
const kinds: number[] = [];
const blocks: number[] = [];

function readRuns(reader: LinkReader): Piece[] {
  const count = reader.varint();
  if (count * RUN_BYTES_MIN > reader.left) reader.fail(`${count} runs`);
  if (reader.fault || count === 0) return [];
  // As most frames have one: an array that grows has room for many.
  const runs: Mutable<Piece>[] = [readRun(reader, 0, 0)];
  for (let n = 1; n < count && !reader.fault; n++) {
    const { offset, length } = runs[n - 1];
    runs.push(readRun(reader, n, offset + length));
  }
  for (let n = 0; n < runs.length && !reader.fault; n++) runs[n].payload = payloadOf(reader, kinds[n], blocks[n]);
  return runs;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** Run `n` behind `end`; its bytes come behind all runs. */
function readRun(reader: LinkReader, n: number, end: number): Mutable<Piece> {
  const offset = end + reader.varint();
  const length = reader.varint();
  const kind = reader.u8();
  const block = kind === RUN.fill ? reader.varint() : length;
  if (length < 1 || !Number.isSafeInteger(offset + length)) reader.fail(`a run of ${length} bytes at ${offset}`);
  if (kind > RUN.or) reader.fail(`a run of an unknown kind ${kind}`);
  if (kind === RUN.fill && (block < 1 || length % block !== 0)) reader.fail(`${length} bytes of blocks of ${block}`);
  kinds[n] = kind;
  blocks[n] = block;
  return { offset, length, payload: 'zeros' };
}

function payloadOf(reader: LinkReader, kind: number, bytes: number): Payload {
  switch (kind) {
    case RUN.zeros:
      return 'zeros';
    case RUN.fill:
      return { fill: reader.raw(bytes) };
    case RUN.or:
      return { or: [reader.raw(bytes)] };
    default:
      return [reader.raw(bytes)];
  }
}
