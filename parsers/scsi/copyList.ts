import { copyOf } from '../../src/base/bytes.ts';
import type { ParseFault } from '../../src/base/fault.ts';
import { isParseFault, parseFault } from '../../src/base/fault.ts';
import { TOO_LARGE, u16, u24, u32, u64 } from '../bytes.ts';

/** A copy source or destination (CSCD descriptor), SPC-5 section 6.4.5. LU ID TYPE means nothing beside a designator. */
export interface CopyParty {
  readonly type: number;
  /** NUL: nothing is there on purpose. */
  readonly isNull: boolean;
  readonly designatorType: number;
  /** 0 where it names a logical unit. */
  readonly association: number;
  readonly designator: Uint8Array;
  /** Bytes per block as the application client knows them. */
  readonly blockSize: number;
}

/** A segment descriptor, SPC-5 section 6.4.6; what only block to block has is undefined elsewhere. */
export interface CopySegment {
  readonly type: number;
  /** Indexes of the list of parties. */
  readonly source: number;
  readonly destination: number;
  /** DC: the count is of the destination's blocks. */
  readonly countsDestination: boolean;
  readonly blocks: number;
  /** `TOO_LARGE` where nothing can be there. */
  readonly sourceLbn: number;
  readonly destinationLbn: number;
}

/** EXTENDED COPY(LID1) parameter list, SPC-5 section 6.5, as a copy manager needs it. */
export interface CopyList {
  readonly listId: number;
  /** LIST ID USAGE; 3 is without a list identifier. */
  readonly listIdUsage: number;
  readonly parties: readonly CopyParty[];
  readonly segments: readonly CopySegment[];
}

const HEADER = 16;
const PARTY_LENGTH = 32;
const BLOCK_TO_BLOCK = 0x02;

/** A fault stands for a list that is shorter than its own lengths say. */
export function parseCopyList(bytes: Uint8Array): CopyList | ParseFault {
  if (bytes.length < HEADER) return parseFault(bytes.length, 'an EXTENDED COPY list without its header');
  const partiesLength = u16(bytes, 2);
  const segmentsLength = u32(bytes, 8);
  const end = HEADER + partiesLength + segmentsLength + u32(bytes, 12);
  if (end > bytes.length || partiesLength % PARTY_LENGTH !== 0) {
    return parseFault(bytes.length, `an EXTENDED COPY list of ${bytes.length} bytes that says it has ${end}`);
  }
  const parties: CopyParty[] = [];
  for (let at = HEADER; at < HEADER + partiesLength; at += PARTY_LENGTH) parties.push(party(bytes, at));
  const segments = segmentsOf(bytes, HEADER + partiesLength, HEADER + partiesLength + segmentsLength);
  if (isParseFault(segments)) return segments;
  return { listId: bytes[0], listIdUsage: (bytes[1] >> 3) & 0x03, parties, segments };
}

function party(bytes: Uint8Array, at: number): CopyParty {
  const length = Math.min(bytes[at + 7], 20);
  return {
    type: bytes[at],
    isNull: (bytes[at + 1] & 0x20) !== 0,
    designatorType: bytes[at + 5] & 0x0f,
    association: (bytes[at + 5] >> 4) & 0x03,
    designator: copyOf(bytes, at + 8, at + 8 + length),
    blockSize: u24(bytes, at + 29),
  };
}

function segmentsOf(bytes: Uint8Array, from: number, end: number): CopySegment[] | ParseFault {
  const segments: CopySegment[] = [];
  let at = from;
  while (at < end) {
    const length = at + 4 > end ? 0 : 4 + u16(bytes, at + 2);
    if (length === 0 || at + length > end) return parseFault(at, 'a segment descriptor that is cut short');
    segments.push(segment(bytes, at, length));
    at += length;
  }
  return segments;
}

function segment(bytes: Uint8Array, at: number, length: number): CopySegment {
  const isWhole = bytes[at] === BLOCK_TO_BLOCK && length >= 28;
  return {
    type: bytes[at],
    countsDestination: (bytes[at + 1] & 0x02) !== 0,
    source: length >= 8 ? u16(bytes, at + 4) : 0xffff,
    destination: length >= 8 ? u16(bytes, at + 6) : 0xffff,
    blocks: isWhole ? u16(bytes, at + 10) : 0,
    sourceLbn: isWhole ? u64(bytes, at + 12) : TOO_LARGE,
    destinationLbn: isWhole ? u64(bytes, at + 20) : TOO_LARGE,
  };
}
