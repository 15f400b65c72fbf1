import { put16, put32 } from '../bytes.ts';

/** Which field of a CDB or of a parameter list was wrong: SENSE KEY SPECIFIC of ILLEGAL REQUEST, SPC-5 section 4.4.2.4.2. */
export interface FieldPointer {
  readonly inCdb: boolean;
  readonly byte: number;
  /** The field's most significant bit; -1 where the byte says enough. */
  readonly bit: number;
}

/** What sense data is to say. */
export interface SenseFields {
  readonly key: number;
  /** ASC in the upper byte, ASCQ in the lower one. */
  readonly code: number;
  /** The INFORMATION field; absent where it is not valid. */
  readonly information?: number;
  readonly pointer?: FieldPointer;
  /** PROGRESS INDICATION of NOT READY and NO SENSE, in 65536ths (SPC-5 section 4.4.2.4.4). */
  readonly progress?: number;
}

const FIXED_LENGTH = 18;
const SPECIFIC_VALID = 0x80;
const IN_CDB = 0x40;
const BIT_VALID = 0x08;

/** Sense data for a current error, fixed format: 18 bytes, SPC-5 section 4.4.3. */
export function fixedSense(fields: SenseFields): Uint8Array {
  const sense = new Uint8Array(FIXED_LENGTH);
  const { information } = fields;
  // A value that four bytes cannot hold leaves the field not valid.
  const valid = information !== undefined && information <= 0xffffffff;
  sense[0] = valid ? 0xf0 : 0x70;
  sense[2] = fields.key;
  if (valid) put32(sense, 3, information);
  sense[7] = FIXED_LENGTH - 8;
  put16(sense, 12, fields.code);
  putSpecific(sense, 15, fields);
  return sense;
}

/** Sense data for a current error, descriptor format, SPC-5 section 4.4.2. */
export function descriptorSense(fields: SenseFields): Uint8Array {
  const hasInformation = fields.information !== undefined;
  const hasSpecific = fields.pointer !== undefined || fields.progress !== undefined;
  const length = (hasInformation ? 12 : 0) + (hasSpecific ? 8 : 0);
  const sense = new Uint8Array(8 + length);
  sense[0] = 0x72;
  sense[1] = fields.key;
  put16(sense, 2, fields.code);
  sense[7] = length;
  let at = 8;
  if (fields.information !== undefined) {
    sense[at + 1] = 0x0a;
    sense[at + 2] = 0x80;
    put32(sense, at + 4, Math.floor(fields.information / 0x100000000));
    put32(sense, at + 8, fields.information % 0x100000000);
    at += 12;
  }
  if (hasSpecific) {
    sense[at] = 0x02;
    sense[at + 1] = 0x06;
    putSpecific(sense, at + 4, fields);
  }
  return sense;
}

function putSpecific(sense: Uint8Array, at: number, fields: SenseFields): void {
  const { pointer, progress } = fields;
  if (pointer !== undefined) {
    const bit = pointer.bit < 0 ? 0 : BIT_VALID | pointer.bit;
    sense[at] = SPECIFIC_VALID | (pointer.inCdb ? IN_CDB : 0) | bit;
    put16(sense, at + 1, pointer.byte);
  } else if (progress !== undefined) {
    sense[at] = SPECIFIC_VALID;
    put16(sense, at + 1, progress);
  }
}
