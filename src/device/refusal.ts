import {
  CHECK_CONDITION,
  DATA_PROTECT,
  ILLEGAL_REQUEST,
  NOT_READY,
  RESERVATION_CONFLICT,
  UNIT_ATTENTION,
} from '../../parsers/scsi/sense.ts';
import type { SenseFields } from '../../parsers/scsi/senseBuild.ts';

/** Additional sense codes that are given here: ASC in the upper byte, ASCQ in the lower one. */
export const INVALID_OPCODE = 0x2000;
export const LBA_OUT_OF_RANGE = 0x2100;
export const INVALID_FIELD_IN_CDB = 0x2400;
export const LU_NOT_SUPPORTED = 0x2500;
export const INVALID_FIELD_IN_LIST = 0x2600;
export const INVALID_RELEASE = 0x2604;
export const LIST_LENGTH_ERROR = 0x1a00;
export const WRITE_PROTECTED = 0x2700;
export const MEDIUM_NOT_PRESENT = 0x3a00;
export const REMOVAL_PREVENTED = 0x5302;
export const SAVING_NOT_SUPPORTED = 0x3900;
export const MISCOMPARE_DURING_VERIFY = 0x1d00;
export const INSUFFICIENT_REGISTRATIONS = 0x5504;

/** A command that ends in a status of its own making: thrown while it is looked at or executed, made an outcome at one place. */
export class Refusal extends Error {
  readonly status: number;
  readonly fields: SenseFields | undefined;

  constructor(status: number, fields?: SenseFields) {
    super(fields === undefined ? `status ${status}` : `sense ${fields.key}h, ${fields.code.toString(16)}h`);
    this.name = 'Refusal';
    this.status = status;
    this.fields = fields;
  }
}

export function check(key: number, code: number, rest?: Omit<SenseFields, 'key' | 'code'>): Refusal {
  return new Refusal(CHECK_CONDITION, { ...rest, key, code });
}

/** INVALID FIELD IN CDB; `bit` is the field's most significant one. */
export function invalidCdb(byte: number, bit = -1): Refusal {
  return check(ILLEGAL_REQUEST, INVALID_FIELD_IN_CDB, { pointer: { inCdb: true, byte, bit } });
}

/** INVALID FIELD IN PARAMETER LIST. */
export function invalidList(byte: number, bit = -1): Refusal {
  return check(ILLEGAL_REQUEST, INVALID_FIELD_IN_LIST, { pointer: { inCdb: false, byte, bit } });
}

/** PARAMETER LIST LENGTH ERROR: a list that was cut short, in its CDB or on its way. */
export function shortList(): Refusal {
  return check(ILLEGAL_REQUEST, LIST_LENGTH_ERROR);
}

export function illegal(code: number): Refusal {
  return check(ILLEGAL_REQUEST, code);
}

export function notReady(code: number): Refusal {
  return check(NOT_READY, code);
}

export function attention(code: number): Refusal {
  return check(UNIT_ATTENTION, code);
}

export function writeProtected(): Refusal {
  return check(DATA_PROTECT, WRITE_PROTECTED);
}

export function conflict(): Refusal {
  return new Refusal(RESERVATION_CONFLICT);
}
