import { TOO_LARGE, u16, u24, u32, u64 } from '../bytes.ts';
import type { Direction, Operation } from './opcodes.ts';
import { EXTENDED_CDB, operationOf, serviceActionOf } from './opcodes.ts';

/** `lbn` of a command whose addresses go beyond 2^53-1: refused, the LU is in doubt. */
export const LBN_REFUSED = TOO_LARGE;

/** What a CDB says, in a record that `parseCdb` fills again and again: nothing is allocated per command. */
class Cdb {
  operation: Operation = operationOf(new Uint8Array(6), 0, 6);
  /** The first byte: 7Eh where the command was wrapped into an extended CDB. */
  opcode = 0;
  serviceAction = -1;
  /** Like the operation's, but with what the CDB's own fields say of its data (NDOB, BYTCHK, FMTDATA ...). */
  direction: Direction = '-';
  /** First LBN; -1 where the command has none, `LBN_REFUSED` where it cannot be used. */
  lbn = -1;
  /** The address behind `LBN_REFUSED`, for those who only show it; undefined for every other command. */
  refusedLbn: bigint | undefined = undefined;
  /** Blocks as the CDB counts them, 256 for the zero of READ(6) and WRITE(6); -1 where the command has no count. */
  blocks = -1;
  /** The count of zero means "to the end of the LU". */
  toEnd = false;
  fua = false;
  dpo = false;
  /** RDPROTECT, WRPROTECT or VRPROTECT; other than 0, protection information travels with the data. */
  protect = 0;
  bytchk = 0;
  /** WRITE SAME without data-out: zeros, but the initialization pattern where LBPRZ is 010b (SBC-4 section 5.53). */
  ndob = false;
  unmap = false;
  anchor = false;
  /** WRITE SAME, SBC-2: the first bytes of every block are replaced with its physical or logical address. */
  pbdata = false;
  lbdata = false;
  groupNumber = 0;
  /** Data-in commands; -1 where there is none. */
  allocationLength = -1;
  /** Data-out commands with a parameter list; -1 where there is none. */
  parameterListLength = -1;
  /** INQUIRY's EVPD. */
  vpd = false;
  /** INQUIRY, MODE SENSE, LOG SENSE; -1 elsewhere. */
  pageCode = -1;
  subpageCode = -1;
  /** MODE SENSE, LOG SENSE: 0 means current values. */
  pageControl = 0;
  immed = false;
  /** REASSIGN BLOCKS: eight-byte LBAs, four-byte list length. */
  longLba = false;
  longList = false;
  /** READ LONG and WRITE LONG: the whole physical block. */
  pblock = false;
  /** WRITE SCATTERED: where the data starts, in blocks from the start of the data-out; its descriptors; its blocks. */
  dataOffset = 0;
  descriptors = 0;
  transferBlocks = 0;
  /** ORWRITE(32), SBC-4 section 5.11: 0 is the set operation, an OR; 1 changes the generation and clears, by an AND. */
  bmop = 0;
  /** ORWRITE(32): EXPECTED ORWGENERATION; ORWRITE(16) counts as 0 (SBC-4 section 4.27.2.2). */
  orwGeneration = 0;
}

export type { Cdb };

/** A record for `parseCdb` to fill. */
export function newCdb(): Cdb {
  return new Cdb();
}

function clear(into: Cdb): void {
  into.lbn = -1;
  into.refusedLbn = undefined;
  into.blocks = -1;
  into.toEnd = false;
  into.fua = false;
  into.dpo = false;
  into.protect = 0;
  into.bytchk = 0;
  into.ndob = false;
  into.unmap = false;
  into.anchor = false;
  into.pbdata = false;
  into.lbdata = false;
  into.groupNumber = 0;
  into.allocationLength = -1;
  into.parameterListLength = -1;
  into.vpd = false;
  into.pageCode = -1;
  into.subpageCode = -1;
  into.pageControl = 0;
  into.immed = false;
  into.longLba = false;
  into.longList = false;
  into.pblock = false;
  into.dataOffset = 0;
  into.descriptors = 0;
  into.transferBlocks = 0;
  into.bmop = 0;
  into.orwGeneration = 0;
}

/**
 * Reads the CDB of `length` bytes at `offset` (RFC 7143's 16 bytes and what an extended CDB header adds) into `into`.
 * Never throws; a CDB that cannot be understood leaves `operation.known` false. `length` is at least 1.
 */
export function parseCdb(cdb: Uint8Array, offset: number, length: number, into: Cdb): void {
  clear(into);
  into.opcode = cdb[offset];
  let at = offset;
  let left = length;
  // SPC-4 section 4.2.4: the wrapped CDB starts at byte 4; wrappers do not nest.
  if (into.opcode === EXTENDED_CDB && length > 4 && cdb[offset + 4] !== EXTENDED_CDB) {
    at = offset + 4;
    left = Math.min(length - 4, u16(cdb, offset + 2));
  }
  const operation = left > 0 ? operationOf(cdb, at, left) : operationOf(cdb, offset, 1);
  into.operation = operation;
  into.direction = operation.direction;
  into.serviceAction = left > 0 ? serviceActionOf(cdb, at, left) : -1;
  if (!operation.known) return;
  readShape(cdb, at, into);
  readFields(cdb, at, into);
}

/** The fields that most commands share, from where the operation's shape says they are. */
function readShape(cdb: Uint8Array, at: number, into: Cdb): void {
  const operation = into.operation;
  const shape = operation.shape;
  if (shape.lbnBytes > 0) into.lbn = readLbn(cdb, at + shape.lbnAt, shape.lbnBytes);
  if (shape.blocksBytes > 0) {
    const blocks = readCount(cdb, at + shape.blocksAt, shape.blocksBytes);
    into.blocks = blocks === 0 && operation.zeroBlocks === '256' ? 256 : blocks;
    into.toEnd = blocks === 0 && operation.zeroBlocks === 'toEnd';
    if (into.lbn >= 0 && into.lbn + into.blocks > Number.MAX_SAFE_INTEGER) into.lbn = LBN_REFUSED;
  }
  if (into.lbn === LBN_REFUSED) into.refusedLbn = big64(cdb, at + shape.lbnAt);
  if (shape.flagsAt > 0) {
    const flags = cdb[at + shape.flagsAt];
    into.protect = flags >> 5;
    into.dpo = (flags & 0x10) !== 0;
    into.fua = (flags & 0x08) !== 0 || operation.durable;
  }
  if (shape.groupAt > 0) into.groupNumber = cdb[at + shape.groupAt] & 0x3f;
  if (shape.listBytes > 0) {
    const list = readCount(cdb, at + shape.listAt, shape.listBytes);
    if (operation.direction === 'r') into.allocationLength = list;
    else into.parameterListLength = list;
  }
}

/** Only eight-byte addresses are ever refused. */
function big64(cdb: Uint8Array, at: number): bigint {
  return (BigInt(u32(cdb, at)) << 32n) | BigInt(u32(cdb, at + 4));
}

function readLbn(cdb: Uint8Array, at: number, bytes: number): number {
  if (bytes === 4) return u32(cdb, at);
  return bytes === 8 ? u64(cdb, at) : u24(cdb, at) & 0x1fffff;
}

function readCount(cdb: Uint8Array, at: number, bytes: number): number {
  if (bytes === 4) return u32(cdb, at);
  if (bytes === 3) return u24(cdb, at);
  return bytes === 2 ? u16(cdb, at) : cdb[at];
}

/** What one command or another keeps in byte 1, byte 2 or byte 10 for itself. */
function readFields(cdb: Uint8Array, at: number, into: Cdb): void {
  const one = cdb[at + 1];
  switch (into.operation.opcode) {
    case 0x04: // FORMAT UNIT, SBC-4 section 5.4: FMTDATA
      into.direction = (one & 0x10) !== 0 ? 'w' : '-';
      break;
    case 0x07: // REASSIGN BLOCKS, SBC-4 section 5.24
      into.longLba = (one & 0x02) !== 0;
      into.longList = (one & 0x01) !== 0;
      break;
    case 0x12: // INQUIRY, SPC-5 section 6.7
      into.vpd = (one & 0x01) !== 0;
      into.pageCode = cdb[at + 2];
      break;
    case 0x1a: // MODE SENSE, SPC-3 sections 6.9 and 6.10; LOG SENSE, 6.6
    case 0x5a:
    case 0x4d:
      into.pageCode = cdb[at + 2] & 0x3f;
      into.pageControl = cdb[at + 2] >> 6;
      into.subpageCode = cdb[at + 3];
      break;
    case 0x2f: // VERIFY, SBC-4 section 5.36: data to compare comes with BYTCHK 1 and 3
    case 0x8f:
    case 0xaf:
      into.fua = false;
      readBytchk(one, into);
      break;
    case 0x2e: // WRITE AND VERIFY, SBC-4 section 5.44: BYTCHK says how to verify, the data is written all the same
    case 0x8e:
    case 0xae:
      into.bytchk = (one >> 1) & 0x03;
      break;
    case 0x34: // PRE-FETCH and SYNCHRONIZE CACHE, SBC-4 sections 5.13 and 5.33: byte 1 is not about protection
    case 0x35:
    case 0x90:
    case 0x91:
      into.protect = 0;
      into.dpo = false;
      into.fua = false;
      into.immed = (one & 0x02) !== 0;
      break;
    case 0x3e: // READ LONG and WRITE LONG of SBC-3
    case 0x3f:
      into.pblock = (one & (into.operation.opcode === 0x3e ? 0x04 : 0x20)) !== 0;
      if (into.operation.nature === 'write') into.blocks = 1;
      break;
    case 0x3d: // UPDATE BLOCK of SCSI-2: one block
      into.blocks = 1;
      break;
    case 0x41: // WRITE SAME, SBC-4 section 5.52
    case 0x93:
      readSame(one, into);
      break;
    case 0x42: // UNMAP, SBC-4 section 5.35
      into.anchor = (one & 0x01) !== 0;
      break;
    case 0x48: // SANITIZE, SBC-4 section 5.30: only OVERWRITE has a parameter list
      into.immed = (one & 0x80) !== 0;
      into.direction = (one & 0x1f) === 0x01 ? 'w' : '-';
      break;
    case 0x9f:
      readServiceOut(cdb, at, into);
      break;
    case 0x7f:
      readVariable(cdb, at, into);
      break;
  }
}

function readBytchk(flags: number, into: Cdb): void {
  into.bytchk = (flags >> 1) & 0x03;
  if ((into.bytchk & 0x01) !== 0) into.direction = 'w';
}

function readSame(flags: number, into: Cdb): void {
  into.fua = false;
  into.dpo = false;
  into.anchor = (flags & 0x10) !== 0;
  into.unmap = (flags & 0x08) !== 0;
  // SBC-3 put NDOB where SBC-2's RELADR of WRITE SAME(10) had been; only the longer ones have it.
  into.ndob = into.operation.opcode !== 0x41 && (flags & 0x01) !== 0;
  into.pbdata = (flags & 0x04) !== 0;
  into.lbdata = (flags & 0x02) !== 0;
  if (into.ndob) into.direction = '-';
}

function readServiceOut(cdb: Uint8Array, at: number, into: Cdb): void {
  if (into.serviceAction === 0x11) {
    into.pblock = (cdb[at + 14] & 0x20) !== 0;
    into.blocks = 1;
  } else if (into.serviceAction === 0x12) {
    // WRITE SCATTERED(16), SBC-4 section 5.55.
    into.dataOffset = u16(cdb, at + 4);
    into.descriptors = u16(cdb, at + 8);
    into.transferBlocks = u32(cdb, at + 10);
  }
}

function readVariable(cdb: Uint8Array, at: number, into: Cdb): void {
  const flags = cdb[at + 10];
  switch (into.serviceAction) {
    case 0x0a:
      into.fua = false;
      readBytchk(flags, into);
      break;
    case 0x0c:
      into.bytchk = (flags >> 1) & 0x03;
      break;
    case 0x0d:
      readSame(flags, into);
      break;
    case 0x0e:
      into.bmop = cdb[at + 2] & 0x07;
      into.orwGeneration = u32(cdb, at + 20);
      break;
    case 0x11:
      // WRITE SCATTERED(32), SBC-4 section 5.56.
      into.dataOffset = u16(cdb, at + 12);
      into.descriptors = u16(cdb, at + 16);
      into.transferBlocks = u32(cdb, at + 28);
      break;
  }
}
