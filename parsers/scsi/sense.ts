import type { Sense } from '../../src/base/command.ts';
import type { ParseFault } from '../../src/base/fault.ts';
import { parseFault } from '../../src/base/fault.ts';
import { TOO_LARGE, u32, u64 } from '../bytes.ts';
import { ascWords } from './asc.ts';

/** SCSI status codes, SAM-5 section 5.3.1. */
export const GOOD = 0x00;
export const CHECK_CONDITION = 0x02;
export const CONDITION_MET = 0x04;
export const BUSY = 0x08;
export const RESERVATION_CONFLICT = 0x18;
export const TASK_SET_FULL = 0x28;
export const ACA_ACTIVE = 0x30;
export const TASK_ABORTED = 0x40;
/** Linked commands that succeeded, SAM-3 section 5.3.1; obsolete with the links. */
const INTERMEDIATE = 0x10;
const INTERMEDIATE_CONDITION_MET = 0x14;

/** Sense keys, SPC-4 section 4.5.6. */
export const RECOVERED_ERROR = 0x1;
export const NOT_READY = 0x2;
export const ILLEGAL_REQUEST = 0x5;
export const UNIT_ATTENTION = 0x6;
export const DATA_PROTECT = 0x7;
export const MISCOMPARE = 0xe;

/** Sense data as a status carried it. */
export interface SenseData extends Sense {
  /** The error is of an earlier command that had ended in GOOD (response codes 71h and 73h). */
  deferred: boolean;
  /** The INFORMATION field, usually an LBN; -1 where it is not valid or too large. */
  information: number;
}

/**
 * Sense data of fixed (70h, 71h) or descriptor (72h, 73h) format, SPC-4 sections 4.5.2 and 4.5.3, of `length` bytes at
 * `offset`. What a short allocation cut off counts as zero; no sense key at all is a fault.
 */
export function parseSense(bytes: Uint8Array, offset: number, length: number): SenseData | ParseFault {
  if (length < 1) return parseFault(offset, 'sense data without a byte');
  const code = bytes[offset] & 0x7f;
  if (code === 0x70 || code === 0x71) return fixed(bytes, offset, length, code === 0x71);
  if (code === 0x72 || code === 0x73) return described(bytes, offset, length, code === 0x73);
  return parseFault(offset, `sense data with response code ${code.toString(16)}h`);
}

function fixed(bytes: Uint8Array, offset: number, length: number, deferred: boolean): SenseData | ParseFault {
  if (length < 3) return parseFault(offset + length, 'sense data that ends before its sense key');
  // ADDITIONAL SENSE LENGTH says where the target's own data ends, however much was transferred.
  const end = length < 8 ? length : Math.min(length, bytes[offset + 7] + 8);
  const valid = (bytes[offset] & 0x80) !== 0 && length >= 7;
  return {
    key: bytes[offset + 2] & 0x0f,
    asc: end > 12 ? bytes[offset + 12] : 0,
    ascq: end > 13 ? bytes[offset + 13] : 0,
    deferred,
    information: valid ? u32(bytes, offset + 3) : -1,
  };
}

function described(bytes: Uint8Array, offset: number, length: number, deferred: boolean): SenseData | ParseFault {
  if (length < 2) return parseFault(offset + length, 'sense data that ends before its sense key');
  return {
    key: bytes[offset + 1] & 0x0f,
    asc: length > 2 ? bytes[offset + 2] : 0,
    ascq: length > 3 ? bytes[offset + 3] : 0,
    deferred,
    information: length < 8 ? -1 : descriptorInformation(bytes, offset + 8, Math.min(length - 8, bytes[offset + 7])),
  };
}

/** The information sense data descriptor (type 00h), SPC-4 section 4.5.2.2. */
function descriptorInformation(bytes: Uint8Array, from: number, length: number): number {
  const end = from + length;
  let at = from;
  while (at + 2 <= end) {
    if (bytes[at] === 0x00 && at + 12 <= end) {
      const valid = (bytes[at + 2] & 0x80) !== 0;
      const value = u64(bytes, at + 4);
      return valid && value !== TOO_LARGE ? value : -1;
    }
    at += 2 + bytes[at + 1];
  }
  return -1;
}

/** How a write-natured command left the medium: as commanded, untouched, or nobody can say. */
export type Outcome = 'done' | 'unchanged' | 'doubt';

/** Keys that say the command was refused before it touched the medium (requirement B2). */
const refusals: readonly number[] = [ILLEGAL_REQUEST, NOT_READY, UNIT_ATTENTION, MISCOMPARE, DATA_PROTECT];

/**
 * What a status, with its sense data if it had any, proves about the medium (requirement B2).
 *
 * CONDITION MET is success of the commands that have it; ACA ACTIVE, like BUSY, refuses a command before it
 * enters the task set; TASK ABORTED ends one that was in it (SAM-5 section 5.3.1). Deferred sense is about another
 * command, and leaves open what became of this one (SPC-4 section 4.5.5).
 */
export function outcomeOf(status: number, sense: (Sense & { deferred?: boolean }) | undefined): Outcome {
  switch (status) {
    case GOOD:
    case CONDITION_MET:
    case INTERMEDIATE:
    case INTERMEDIATE_CONDITION_MET:
      return 'done';
    case BUSY:
    case RESERVATION_CONFLICT:
    case TASK_SET_FULL:
    case ACA_ACTIVE:
      return 'unchanged';
    case CHECK_CONDITION:
      return sense !== undefined && sense.deferred !== true && refused(sense) ? 'unchanged' : 'doubt';
    default:
      return 'doubt';
  }
}

function refused(sense: Sense): boolean {
  // SPACE ALLOCATION FAILED WRITE PROTECT comes when a thin LU ran out of space, perhaps half way.
  const ranOut = sense.asc === 0x27 && sense.ascq === 0x07;
  return refusals.includes(sense.key) && !ranOut;
}

/** The target lost power or was reset: 29h/00h POWER ON, RESET, OR BUS DEVICE RESET OCCURRED, 29h/01h POWER ON OCCURRED. */
export function isPowerOn(sense: Sense): boolean {
  return sense.key === UNIT_ATTENTION && sense.asc === 0x29 && sense.ascq <= 0x01;
}

/**
 * A unit attention may wait behind their GOOD: INQUIRY, REPORT LUNS and REQUEST SENSE are done while one does (SAM-6 section
 * 5.14.4). Linux begins with the first two at each logical unit.
 */
export function passesAttentions(opcode: number): boolean {
  return opcode === 0x12 || opcode === 0xa0 || opcode === 0x03;
}

/** CAPACITY DATA HAS CHANGED. */
export function isCapacityChanged(sense: Sense): boolean {
  return sense.key === UNIT_ATTENTION && sense.asc === 0x2a && sense.ascq === 0x09;
}

const keyNames: readonly string[] = [
  'NO SENSE',
  'RECOVERED ERROR',
  'NOT READY',
  'MEDIUM ERROR',
  'HARDWARE ERROR',
  'ILLEGAL REQUEST',
  'UNIT ATTENTION',
  'DATA PROTECT',
  'BLANK CHECK',
  'VENDOR SPECIFIC',
  'COPY ABORTED',
  'ABORTED COMMAND',
  'RESERVED (Ch)',
  'VOLUME OVERFLOW',
  'MISCOMPARE',
  'COMPLETED',
];

/** A sense key's name. */
export function senseKeyWords(key: number): string {
  return keyNames[key & 0x0f];
}

/** `ILLEGAL REQUEST: LOGICAL BLOCK ADDRESS OUT OF RANGE (21h/00h)`. */
export function senseWords(sense: Sense): string {
  const code = `${hex(sense.asc)}h/${hex(sense.ascq)}h`;
  const words = ascWords(sense.asc, sense.ascq);
  return words === undefined
    ? `${senseKeyWords(sense.key)} (${code})`
    : `${senseKeyWords(sense.key)}: ${words} (${code})`;
}

const statusNames: Readonly<Record<number, string>> = {
  [GOOD]: 'GOOD',
  [CHECK_CONDITION]: 'CHECK CONDITION',
  [CONDITION_MET]: 'CONDITION MET',
  [BUSY]: 'BUSY',
  [INTERMEDIATE]: 'INTERMEDIATE',
  [INTERMEDIATE_CONDITION_MET]: 'INTERMEDIATE-CONDITION MET',
  [RESERVATION_CONFLICT]: 'RESERVATION CONFLICT',
  34: 'COMMAND TERMINATED',
  [TASK_SET_FULL]: 'TASK SET FULL',
  [ACA_ACTIVE]: 'ACA ACTIVE',
  [TASK_ABORTED]: 'TASK ABORTED',
};

/** A status byte's name; -1 (none was seen) has one too. */
export function statusWords(status: number): string {
  return status < 0 ? 'no status' : (statusNames[status] ?? `STATUS ${hex(status)}h`);
}

function hex(value: number): string {
  return value.toString(16).toUpperCase().padStart(2, '0');
}
