import type { ParseFault } from '../../src/base/fault.ts';
import { isParseFault, parseFault } from '../../src/base/fault.ts';
import { TOO_LARGE, u16, u24, u32, u64 } from '../bytes.ts';
import type { Extent } from './bytes.ts';
import type { Designator } from './designator.ts';
import { designatorAt } from './designator.ts';
import { rangeDescriptors } from './unmap.ts';

/** Blocks that a third-party copy writes, on an LU that is named by its designator. */
export interface CopyExtent extends Extent {
  /** `self`: the LU that the command was sent to. */
  lu: Designator | 'self';
  /** Bytes per block as the copy manager was told; 0 where it was not. */
  blockSize: number;
}

/** What an EXTENDED COPY writes, as far as its parameter list tells. */
export interface CopyPlan {
  destinations: CopyExtent[];
  /** True where a segment may write to blocks or LUs that are not in `destinations`. */
  unknown: boolean;
  /** GOOD came before the copying was done (IMMED): the blocks stay in doubt after it. */
  immed: boolean;
}

/** A copy source or copy destination: a known LU, one that no command reaches, or one that cannot be resolved. */
type Cscd = Known | 'null' | undefined;

interface Known {
  lu: Designator | 'self';
  blockSize: number;
}

interface Lists {
  cscdAt: number;
  cscdCount: number;
  /** CSCD descriptor IDs that may mean the first descriptor of the list. */
  firstIds: readonly number[];
  segmentsAt: number;
  segmentsEnd: number;
  immed: boolean;
}

const CSCD_LENGTH = 32;
const IDENTIFICATION_CSCD = 0xe4;
const SELF = 0xffff;

/** EXTENDED COPY(LID1) parameter list, SPC-4 section 6.5. */
export function parseCopyLid1(bytes: Uint8Array, offset: number, length: number): CopyPlan | ParseFault {
  if (length === 0) return { destinations: [], unknown: false, immed: false };
  if (length < 16) return parseFault(offset + length, 'EXTENDED COPY(LID1) list of fewer than 16 bytes');
  return plan(bytes, offset, length, 16, u16(bytes, offset + 2), u32(bytes, offset + 8), [0], false);
}

/**
 * EXTENDED COPY(LID4) parameter list, SPC-4 section 6.4.3. By the standard an ID counts the header's own descriptor as 0,
 * copy managers in use count from the first of the list: an ID is taken for both.
 */
export function parseCopyLid4(bytes: Uint8Array, offset: number, length: number): CopyPlan | ParseFault {
  if (length === 0) return { destinations: [], unknown: false, immed: false };
  if (length < 48) return parseFault(offset + length, 'EXTENDED COPY(LID4) list of fewer than 48 bytes');
  if (bytes[offset] !== 1) return parseFault(offset, `EXTENDED COPY(LID4) list of format ${bytes[offset]}`);
  const immed = (bytes[offset + 15] & 0x01) !== 0;
  return plan(bytes, offset, length, 48, u16(bytes, offset + 42), u16(bytes, offset + 44), [1, 0], immed);
}

function plan(
  bytes: Uint8Array,
  offset: number,
  length: number,
  header: number,
  cscdLength: number,
  segmentsLength: number,
  firstIds: readonly number[],
  immed: boolean,
): CopyPlan | ParseFault {
  if (header + cscdLength + segmentsLength > length) {
    return parseFault(offset + length, `EXTENDED COPY descriptors beyond a list of ${length} bytes`);
  }
  const segmentsAt = offset + header + cscdLength;
  const lists: Lists = {
    cscdAt: offset + header,
    cscdCount: Math.floor(cscdLength / CSCD_LENGTH),
    firstIds,
    segmentsAt,
    segmentsEnd: segmentsAt + segmentsLength,
    immed,
  };
  return walk(bytes, lists);
}

function walk(bytes: Uint8Array, lists: Lists): CopyPlan {
  const made: CopyPlan = { destinations: [], unknown: false, immed: lists.immed };
  let at = lists.segmentsAt;
  while (at < lists.segmentsEnd) {
    if (at + 4 > lists.segmentsEnd || at + 4 + u16(bytes, at + 2) > lists.segmentsEnd) {
      made.unknown = true;
      return made;
    }
    segment(bytes, at, 4 + u16(bytes, at + 2), lists, made);
    at += 4 + u16(bytes, at + 2);
  }
  return made;
}

/** Segment descriptor types of SPC-4 table 146 that write to no block device. */
const writeNoBlocks = new Set([
  0x00, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x0b, 0x0e, 0x0f, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0xbe, 0xbf,
]);

function segment(bytes: Uint8Array, at: number, length: number, lists: Lists, made: CopyPlan): void {
  const type = bytes[at];
  if (writeNoBlocks.has(type)) return;
  const sources = length < 8 ? [undefined] : resolve(bytes, u16(bytes, at + 4), lists);
  const targets = length < 8 ? [undefined] : resolve(bytes, u16(bytes, at + 6), lists);
  for (const target of targets) {
    if (target === 'null') continue;
    const extents = target && sources.map((source) => segmentExtent(bytes, at, length, source, target));
    for (const extent of extents || [undefined]) {
      if (extent === undefined || target === undefined) made.unknown = true;
      else if (extent.blocks !== 0) made.destinations.push({ ...target, ...extent });
    }
  }
}

/** The blocks that a segment writes at its destination, or undefined where that cannot be told. */
function segmentExtent(bytes: Uint8Array, at: number, length: number, source: Cscd, target: Known): Extent | undefined {
  switch (bytes[at]) {
    case 0x01: // stream to block, SPC-4 section 6.4.6.3
    case 0x0c:
      return length < 24 ? undefined : extent(u64(bytes, at + 16), u16(bytes, at + 14));
    case 0x02: // block to block, section 6.4.6.4
    case 0x0d:
      return length < 28 ? undefined : blockToBlock(bytes, at, source, target);
    case 0x09: // stream to block with offset, section 6.4.6.11
      return length < 28
        ? undefined
        : byteExtent(u64(bytes, at + 16), u16(bytes, at + 26), u32(bytes, at + 12), target);
    case 0x0a: // block to block with offsets, section 6.4.6.12
      return length < 32 ? undefined : byteExtent(u64(bytes, at + 20), u16(bytes, at + 30), u32(bytes, at + 8), target);
    case 0x16: // block device image, section 6.4.6.19
      return length < 32 ? undefined : imageExtent(u64(bytes, at + 16), u64(bytes, at + 24));
    default:
      return undefined;
  }
}

function extent(lbn: number, blocks: number): Extent | undefined {
  return lbn === TOO_LARGE || lbn + blocks > Number.MAX_SAFE_INTEGER ? undefined : { lbn, blocks };
}

function blockToBlock(bytes: Uint8Array, at: number, source: Cscd, target: Known): Extent | undefined {
  const count = u16(bytes, at + 10);
  const lbn = u64(bytes, at + 20);
  const countsDestination = (bytes[at + 1] & 0x02) !== 0;
  if (countsDestination) return extent(lbn, count);
  if (source === undefined || source === 'null') return undefined;
  if (source.blockSize === target.blockSize && (source.blockSize > 0 || source.lu === target.lu)) {
    return extent(lbn, count);
  }
  if (source.blockSize === 0 || target.blockSize === 0) return undefined;
  // One block more: what an earlier segment left over is written first.
  return extent(lbn, Math.ceil((count * source.blockSize) / target.blockSize) + 1);
}

function byteExtent(lbn: number, skip: number, length: number, target: Known): Extent | undefined {
  if (target.blockSize === 0 || lbn === TOO_LARGE) return undefined;
  if (length === 0) return { lbn, blocks: 0 };
  const first = lbn + Math.floor(skip / target.blockSize);
  return extent(first, Math.ceil(((skip % target.blockSize) + length) / target.blockSize) + 1);
}

/** A count of zero copies to the end of the shorter LU: as far as there may be blocks. */
function imageExtent(lbn: number, count: number): Extent | undefined {
  if (lbn === TOO_LARGE) return undefined;
  return count === 0 || count === TOO_LARGE ? { lbn, blocks: Number.MAX_SAFE_INTEGER - lbn } : extent(lbn, count);
}

/** CSCD descriptor IDs, SPC-4 table 148. */
function resolve(bytes: Uint8Array, id: number, lists: Lists): Cscd[] {
  if (id === SELF) return [{ lu: 'self', blockSize: 0 }];
  if (id === 0xc000 || id === 0xc001 || id === 0xc002) return ['null'];
  const indexes = lists.firstIds.map((first) => id - first).filter((index) => index >= 0 && index < lists.cscdCount);
  if (id > 0x07ff || indexes.length === 0) return [undefined];
  return indexes.map((index) => cscd(bytes, lists.cscdAt + index * CSCD_LENGTH));
}

/** Identification CSCD descriptors (SPC-4 section 6.4.5.2) of block devices; no other names an LU by VPD page 83h. */
function cscd(bytes: Uint8Array, at: number): Cscd {
  if ((bytes[at + 1] & 0x20) !== 0) return 'null';
  const length = bytes[at + 7];
  const proxied = (bytes[at + 1] & 0xc0) !== 0;
  if (bytes[at] !== IDENTIFICATION_CSCD || proxied || length > 20) return undefined;
  return { lu: designatorAt(bytes, at + 4, length), blockSize: u24(bytes, at + 29) };
}

/** What a WRITE USING TOKEN writes. */
export interface TokenPlan {
  extents: Extent[];
  /** GOOD came before the copying was done. */
  immed: boolean;
}

/** WRITE USING TOKEN parameter list, SBC-4 section 5.59: the ranges stand behind the 512-byte token. */
export function parseWriteUsingToken(bytes: Uint8Array, offset: number, length: number): TokenPlan | ParseFault {
  if (length === 0) return { extents: [], immed: false };
  if (length < 536) return parseFault(offset + length, 'WRITE USING TOKEN list of fewer than 536 bytes');
  const listLength = u16(bytes, offset + 534);
  if (536 + listLength > length) {
    return parseFault(offset + length, `WRITE USING TOKEN ranges of ${listLength} bytes in a list of ${length}`);
  }
  const extents = rangeDescriptors(bytes, offset + 536, Math.floor(listLength / 16), 'WRITE USING TOKEN');
  return isParseFault(extents) ? extents : { extents, immed: (bytes[offset + 2] & 0x01) !== 0 };
}
