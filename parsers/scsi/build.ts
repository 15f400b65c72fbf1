/**
 * CDBs of SPC-5 and SBC-4 written into a field of 16 bytes, as a basic header segment has it (RFC 7143 section 11.3.5).
 * Every function clears what it does not set, so that the field can be used again.
 */

/** Opcodes that are sent by this project's own initiator. */
const READ_10 = 0x28;
const READ_16 = 0x88;
const WRITE_10 = 0x2a;
const WRITE_16 = 0x8a;
const WRITE_SAME_10 = 0x41;
const WRITE_SAME_16 = 0x93;
const SYNCHRONIZE_CACHE_10 = 0x35;
const SYNCHRONIZE_CACHE_16 = 0x91;

const FUA = 0x08;
const WRITE_SAME_UNMAP = 0x08;

function put16(cdb: Uint8Array, at: number, value: number): void {
  cdb[at] = value >>> 8;
  cdb[at + 1] = value;
}

function put32(cdb: Uint8Array, at: number, value: number): void {
  put16(cdb, at, value >>> 16);
  put16(cdb, at + 2, value);
}

/** Up to 2^53-1. */
function put64(cdb: Uint8Array, at: number, value: number): void {
  put32(cdb, at, Math.floor(value / 0x100000000));
  put32(cdb, at + 4, value % 0x100000000);
}

/** The ten-byte form where the address and the count fit into it, as every target has that one. */
function transfer(cdb: Uint8Array, short: number, long: number, flags: number, lbn: number, blocks: number): void {
  cdb.fill(0);
  cdb[1] = flags;
  if (lbn + blocks <= 0x100000000 && blocks <= 0xffff) {
    cdb[0] = short;
    put32(cdb, 2, lbn);
    put16(cdb, 7, blocks);
  } else {
    cdb[0] = long;
    put64(cdb, 2, lbn);
    put32(cdb, 10, blocks);
  }
}

/** READ(10) or READ(16), SBC-4 section 5.16. */
export function putRead(cdb: Uint8Array, lbn: number, blocks: number): void {
  transfer(cdb, READ_10, READ_16, 0, lbn, blocks);
}

/** WRITE(10) or WRITE(16), SBC-4 section 5.40. */
export function putWrite(cdb: Uint8Array, lbn: number, blocks: number, fua: boolean): void {
  transfer(cdb, WRITE_10, WRITE_16, fua ? FUA : 0, lbn, blocks);
}

/** WRITE SAME(10), SBC-4 section 5.52: at most 65535 blocks below LBN 2^32. */
export function putWriteSame10(cdb: Uint8Array, lbn: number, blocks: number, unmap: boolean): void {
  cdb.fill(0);
  cdb[0] = WRITE_SAME_10;
  cdb[1] = unmap ? WRITE_SAME_UNMAP : 0;
  put32(cdb, 2, lbn);
  put16(cdb, 7, blocks);
}

/** WRITE SAME(16), SBC-4 section 5.53; with `unmap` blocks may be unmapped where they read as the data all the same. */
export function putWriteSame16(cdb: Uint8Array, lbn: number, blocks: number, unmap: boolean): void {
  cdb.fill(0);
  cdb[0] = WRITE_SAME_16;
  cdb[1] = unmap ? WRITE_SAME_UNMAP : 0;
  put64(cdb, 2, lbn);
  put32(cdb, 10, blocks);
}

/** SYNCHRONIZE CACHE of the whole LU, SBC-4 sections 5.33 and 5.34; `long` is the 16-byte form. */
export function putSynchronizeCache(cdb: Uint8Array, long: boolean): void {
  cdb.fill(0);
  cdb[0] = long ? SYNCHRONIZE_CACHE_16 : SYNCHRONIZE_CACHE_10;
}

/** TEST UNIT READY, SPC-5 section 6.47. */
export function putTestUnitReady(cdb: Uint8Array): void {
  cdb.fill(0);
}

/** INQUIRY, SPC-5 section 6.6: the standard data, or with `page` one vital product data page. */
export function putInquiry(cdb: Uint8Array, page: number | undefined, allocationLength: number): void {
  cdb.fill(0);
  cdb[0] = 0x12;
  cdb[1] = page === undefined ? 0 : 1;
  cdb[2] = page ?? 0;
  put16(cdb, 3, allocationLength);
}

/** READ CAPACITY(10), SBC-4 section 5.20: 8 bytes. */
export function putReadCapacity10(cdb: Uint8Array): void {
  cdb.fill(0);
  cdb[0] = 0x25;
}

/** READ CAPACITY(16), SBC-4 section 5.21. */
export function putReadCapacity16(cdb: Uint8Array, allocationLength: number): void {
  cdb.fill(0);
  cdb[0] = 0x9e;
  cdb[1] = 0x10;
  put32(cdb, 10, allocationLength);
}

/** MODE SENSE(6) of one page's current values, SPC-5 section 6.14. */
export function putModeSense6(cdb: Uint8Array, page: number, allocationLength: number): void {
  cdb.fill(0);
  cdb[0] = 0x1a;
  cdb[2] = page;
  cdb[4] = allocationLength;
}

/** MODE SENSE(10) of one page's current values, SPC-5 section 6.15. */
export function putModeSense10(cdb: Uint8Array, page: number, allocationLength: number): void {
  cdb.fill(0);
  cdb[0] = 0x5a;
  cdb[2] = page;
  put16(cdb, 7, allocationLength);
}

/** REPORT LUNS of every LUN there is, SPC-5 section 6.33. */
export function putReportLuns(cdb: Uint8Array, allocationLength: number): void {
  cdb.fill(0);
  cdb[0] = 0xa0;
  put32(cdb, 6, allocationLength);
}

/** REPORT SUPPORTED OPERATION CODES about one opcode without a service action, SPC-5 section 6.37. */
export function putReportSupported(cdb: Uint8Array, opcode: number, allocationLength: number): void {
  cdb.fill(0);
  cdb[0] = 0xa3;
  cdb[1] = 0x0c;
  cdb[2] = 0x01;
  cdb[3] = opcode;
  put32(cdb, 6, allocationLength);
}

/** UNMAP with a parameter list of that length, SBC-4 section 5.35. */
export function putUnmap(cdb: Uint8Array, listLength: number): void {
  cdb.fill(0);
  cdb[0] = 0x42;
  put16(cdb, 7, listLength);
}

/** An UNMAP parameter list with one descriptor, SBC-4 section 5.35.2. */
export function unmapList(lbn: number, blocks: number): Uint8Array {
  const list = new Uint8Array(24);
  put16(list, 0, 22);
  put16(list, 2, 16);
  put64(list, 8, lbn);
  put32(list, 16, blocks);
  return list;
}

/** PERSISTENT RESERVE IN, SPC-5 section 6.16. */
export function putReserveIn(cdb: Uint8Array, action: number, allocationLength: number): void {
  cdb.fill(0);
  cdb[0] = 0x5e;
  cdb[1] = action;
  put16(cdb, 7, allocationLength);
}

/** PERSISTENT RESERVE OUT, SPC-5 section 6.17, of logical unit scope; its list is `reserveList`. */
export function putReserveOut(cdb: Uint8Array, action: number, type: number): void {
  cdb.fill(0);
  cdb[0] = 0x5f;
  cdb[1] = action;
  cdb[2] = type;
  put32(cdb, 5, RESERVE_LIST_BYTES);
}

const RESERVE_LIST_BYTES = 24;

/** PERSISTENT RESERVE OUT's basic parameter list, SPC-5 section 6.17.3. */
export function reserveList(key: bigint, serviceActionKey: bigint): Uint8Array {
  const list = new Uint8Array(RESERVE_LIST_BYTES);
  const view = new DataView(list.buffer);
  view.setBigUint64(0, key);
  view.setBigUint64(8, serviceActionKey);
  return list;
}
