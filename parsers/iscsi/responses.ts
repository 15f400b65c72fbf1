import { put16, put32 } from '../bytes.ts';
import { FINAL, startHeader } from './headers.ts';
import { NO_TAG, Op } from './opcodes.ts';

/** Basic header segments that a target sends (RFC 7143 section 11), as `headers.ts` has those of an initiator. */

/** Reject, section 11.17.1. */
export const Reject = {
  dataDigest: 0x02,
  snack: 0x03,
  protocol: 0x04,
  unsupported: 0x05,
  tooManyImmediate: 0x06,
  taskInProgress: 0x07,
  invalidField: 0x09,
} as const;

/** Asynchronous events, section 11.9.1. */
export const Async = { logoutRequest: 1, dropConnection: 2, dropSession: 3 } as const;

/** StatSN, ExpCmdSN and MaxCmdSN, where all PDUs of a target have them. */
export function putNumbers(b: Uint8Array, at: number, statSn: number, expCmdSn: number, maxCmdSn: number): void {
  put32(b, at + 24, statSn);
  put32(b, at + 28, expCmdSn);
  put32(b, at + 32, maxCmdSn);
}

/** Login Response, section 11.13; `status` is class and detail, as `0x0201`. */
export function putLoginResponse(
  b: Uint8Array,
  at: number,
  flags: number,
  length: number,
  isid: Uint8Array,
  tsih: number,
  itt: number,
  status: number,
): void {
  startHeader(b, at, Op.loginResponse, flags, length, itt);
  for (let i = 0; i < 6; i++) b[at + 8 + i] = isid[i];
  put16(b, at + 14, tsih);
  put16(b, at + 36, status);
}

/** Data-In, section 11.7. With the status bit, `status` and the residual count are what a response would have. */
export function putDataIn(
  b: Uint8Array,
  at: number,
  flags: number,
  status: number,
  length: number,
  itt: number,
  dataSn: number,
  bufferOffset: number,
  residual: number,
): void {
  startHeader(b, at, Op.dataIn, flags, length, itt);
  b[at + 3] = status;
  put32(b, at + 20, NO_TAG);
  put32(b, at + 36, dataSn);
  put32(b, at + 40, bufferOffset);
  put32(b, at + 44, residual);
}

/** SCSI Response, section 11.4: completed at the target. */
export function putScsiResponse(
  b: Uint8Array,
  at: number,
  flags: number,
  status: number,
  length: number,
  itt: number,
  expDataSn: number,
  bidiResidual: number,
  residual: number,
): void {
  startHeader(b, at, Op.scsiResponse, FINAL | flags, length, itt);
  b[at + 3] = status;
  put32(b, at + 36, expDataSn);
  put32(b, at + 40, bidiResidual);
  put32(b, at + 44, residual);
}

/** Ready To Transfer, section 11.8; the LUN in its two words. */
export function putR2t(
  b: Uint8Array,
  at: number,
  lunHigh: number,
  lunLow: number,
  itt: number,
  ttt: number,
  r2tSn: number,
  bufferOffset: number,
  length: number,
): void {
  startHeader(b, at, Op.r2t, FINAL, 0, itt);
  put32(b, at + 8, lunHigh);
  put32(b, at + 12, lunLow);
  put32(b, at + 20, ttt);
  put32(b, at + 36, r2tSn);
  put32(b, at + 40, bufferOffset);
  put32(b, at + 44, length);
}

/** NOP-In, section 11.19: an answer has the ITT of what it answers, a ping a TTT. */
export function putNopIn(b: Uint8Array, at: number, length: number, itt: number, ttt: number): void {
  startHeader(b, at, Op.nopIn, FINAL, length, itt);
  put32(b, at + 20, ttt);
}

/** Task Management Function Response, section 11.6. */
export function putManagementResponse(b: Uint8Array, at: number, itt: number, response: number): void {
  startHeader(b, at, Op.taskManagementResponse, FINAL, 0, itt);
  b[at + 2] = response;
}

/** Text Response, section 11.11. */
export function putTextResponse(
  b: Uint8Array,
  at: number,
  flags: number,
  length: number,
  itt: number,
  ttt: number,
): void {
  startHeader(b, at, Op.textResponse, flags, length, itt);
  put32(b, at + 20, ttt);
}

/** Logout Response, section 11.15; Time2Wait and Time2Retain are zero. */
export function putLogoutResponse(b: Uint8Array, at: number, itt: number, response: number): void {
  startHeader(b, at, Op.logoutResponse, FINAL, 0, itt);
  b[at + 2] = response;
}

/** Asynchronous Message, section 11.9, without sense data; `time` is Parameter3, in seconds. */
export function putAsync(b: Uint8Array, at: number, event: number, cid: number, time: number): void {
  startHeader(b, at, Op.asyncMessage, FINAL, 0, NO_TAG);
  b[at + 36] = event;
  put16(b, at + 38, cid);
  put16(b, at + 42, time);
}

/** Reject, section 11.17; the data segment is the header of what is rejected. */
export function putReject(b: Uint8Array, at: number, reason: number, length: number): void {
  startHeader(b, at, Op.reject, FINAL, length, NO_TAG);
  b[at + 2] = reason;
}
