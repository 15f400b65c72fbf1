import { put16, put24, put32 } from '../bytes.ts';
import { BHS_BYTES, NO_TAG, Op } from './opcodes.ts';

/**
 * Basic header segments written into a buffer at `at` (RFC 7143 section 11). Fields that a function does not name stay
 * as `startHeader` left them, zero; sequence numbers are the caller's, who knows where each kind has them.
 */

/** Bits of byte 1. */
export const FINAL = 0x80;
/** SCSI Command, RFC 7143 section 11.3.1. */
export const READ = 0x40;
export const WRITE = 0x20;
export const SIMPLE = 0x01;
/** Login and text PDUs, sections 11.10 and 11.12: the transit bit stands where the final bit does. */
export const TRANSIT = 0x80;
export const CONTINUE = 0x40;
/** SCSI Response and Data-In, sections 11.4.1 and 11.7.1. */
export const OVERFLOW = 0x04;
export const UNDERFLOW = 0x02;
export const STATUS = 0x01;

/** Delivered out of CmdSN order (section 11.2.1.1); belongs to byte 0. */
export const IMMEDIATE = 0x40;

/** Clears 48 bytes and sets what every PDU has: opcode, byte 1, data segment length and Initiator Task Tag. */
export function startHeader(
  b: Uint8Array,
  at: number,
  opcode: number,
  flags: number,
  dataSegmentLength: number,
  itt: number,
): void {
  b.fill(0, at, at + BHS_BYTES);
  b[at] = opcode;
  b[at + 1] = flags;
  put24(b, at + 5, dataSegmentLength);
  put32(b, at + 16, itt);
}

/** The LUN field, bytes 8 to 15, copied byte by byte: cheaper than a view of each. */
export function putLun(b: Uint8Array, at: number, lun: Uint8Array): void {
  for (let i = 0; i < 8; i++) b[at + 8 + i] = lun[i];
}

/** CmdSN and ExpStatSN where SCSI Command, NOP-Out, task management, login, text and logout requests have them. */
export function putSequence(b: Uint8Array, at: number, cmdSn: number, expStatSn: number): void {
  put32(b, at + 24, cmdSn);
  put32(b, at + 28, expStatSn);
}

/** SCSI Command, section 11.3; a CDB of at most 16 bytes, zeros behind it. */
export function putScsiCommand(
  b: Uint8Array,
  at: number,
  flags: number,
  immediateBytes: number,
  itt: number,
  edtl: number,
  cdb: Uint8Array,
): void {
  startHeader(b, at, Op.scsiCommand, flags | SIMPLE, immediateBytes, itt);
  put32(b, at + 20, edtl);
  for (let i = 0; i < 16; i++) b[at + 32 + i] = cdb[i];
}

/** SCSI Data-Out, section 11.7; its ExpStatSN stands where other requests have it. */
export function putDataOut(
  b: Uint8Array,
  at: number,
  final: boolean,
  length: number,
  itt: number,
  ttt: number,
  expStatSn: number,
  dataSn: number,
  bufferOffset: number,
): void {
  startHeader(b, at, Op.dataOut, final ? FINAL : 0, length, itt);
  put32(b, at + 20, ttt);
  put32(b, at + 28, expStatSn);
  put32(b, at + 36, dataSn);
  put32(b, at + 40, bufferOffset);
}

/** NOP-Out, section 11.18, immediate: a ping of ours has an ITT and no TTT, an answer to the target's the reverse. */
export function putNopOut(b: Uint8Array, at: number, itt: number, ttt: number): void {
  startHeader(b, at, Op.nopOut | IMMEDIATE, FINAL, 0, itt);
  put32(b, at + 20, ttt);
}

/** Task management functions, section 11.5.1. */
export const ABORT_TASK = 1;
export const LOGICAL_UNIT_RESET = 5;

/** Task Management Function Request, section 11.5, immediate. `referenced` is the task's ITT and CmdSN, if one is. */
export function putTaskManagement(
  b: Uint8Array,
  at: number,
  taskFunction: number,
  itt: number,
  referencedItt = NO_TAG,
  refCmdSn = 0,
): void {
  startHeader(b, at, Op.taskManagement | IMMEDIATE, FINAL | taskFunction, 0, itt);
  put32(b, at + 20, referencedItt);
  put32(b, at + 32, refCmdSn);
}

/** Logout Request, section 11.14, immediate: reason 0, close the session. */
export function putLogout(b: Uint8Array, at: number, itt: number): void {
  startHeader(b, at, Op.logout | IMMEDIATE, FINAL, 0, itt);
}

/** Text Request, section 11.10, immediate, whole in itself; `ttt` is that of the answer whose rest is asked for. */
export function putText(b: Uint8Array, at: number, dataSegmentLength: number, itt: number, ttt: number): void {
  startHeader(b, at, Op.text | IMMEDIATE, FINAL, dataSegmentLength, itt);
  put32(b, at + 20, ttt);
}

/** Stages of the login phase, section 11.12.3. */
export const SECURITY = 0;
export const OPERATIONAL = 1;
export const FULL_FEATURE = 3;

/** Login Request, section 11.12, of a session's first connection (TSIH and CID zero). */
export function putLogin(
  b: Uint8Array,
  at: number,
  transit: boolean,
  stage: number,
  next: number,
  dataSegmentLength: number,
  isid: Uint8Array,
  tsih: number,
  itt: number,
): void {
  const flags = (transit ? TRANSIT | next : 0) | (stage << 2);
  startHeader(b, at, Op.login | IMMEDIATE, flags, dataSegmentLength, itt);
  for (let i = 0; i < 6; i++) b[at + 8 + i] = isid[i];
  put16(b, at + 14, tsih);
}
