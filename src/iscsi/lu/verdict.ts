import { operationOf } from '../../../parsers/scsi/opcodes.ts';
import {
  ACA_ACTIVE,
  BUSY,
  CHECK_CONDITION,
  CONDITION_MET,
  DATA_PROTECT,
  GOOD,
  ILLEGAL_REQUEST,
  NOT_READY,
  RECOVERED_ERROR,
  RESERVATION_CONFLICT,
  type SenseData,
  senseWords,
  statusWords,
  TASK_ABORTED,
  TASK_SET_FULL,
  UNIT_ATTENTION,
} from '../../../parsers/scsi/sense.ts';
import { Fault } from '../../base/fault.ts';
import type { Command } from '../initiator/command.ts';

/** What becomes of a command that ended with a status: it is done, sent again at once or after a pause, or it failed. */
export type Verdict = 'good' | 'again' | 'later' | 'failed';

const ABORTED_COMMAND = 0xb;
const LU_NOT_READY = 0x04;
/** NOT READY that ends by itself: becoming ready, ALUA transition, space allocation, configuration in progress. */
const SOON_READY = [0x01, 0x0a, 0x14, 0x1a, 0x1d];

/** SAM-5 section 5.3.1 for the statuses, SPC-5 section 4.4 for the sense keys. */
export function verdictOf(status: number, sense: SenseData | undefined): Verdict {
  switch (status) {
    case GOOD:
    case CONDITION_MET:
      return 'good';
    case BUSY:
    case TASK_SET_FULL:
    case ACA_ACTIVE:
      return 'later';
    case TASK_ABORTED:
      return 'again';
    case CHECK_CONDITION:
      return sense === undefined ? 'failed' : verdictOfSense(sense);
    default:
      return 'failed';
  }
}

function verdictOfSense(sense: SenseData): Verdict {
  // It tells of an earlier command; this one was not carried out (SPC-5 section 4.4.7).
  if (sense.deferred) return 'again';
  switch (sense.key) {
    case RECOVERED_ERROR:
      return 'good';
    case UNIT_ATTENTION:
    case ABORTED_COMMAND:
      return 'again';
    case NOT_READY:
      return sense.asc === LU_NOT_READY && SOON_READY.includes(sense.ascq) ? 'later' : 'failed';
    default:
      return 'failed';
  }
}

/** A command that the target did not carry out, with what it said. */
export class CommandFault extends Fault {
  readonly status: number;
  readonly sense: SenseData | undefined;

  constructor(message: string, status: number, sense: SenseData | undefined, mend?: string) {
    super('local', message, mend);
    this.status = status;
    this.sense = sense;
  }

  /** Somebody else has reserved the LU. */
  get reserved(): boolean {
    return this.status === RESERVATION_CONFLICT;
  }

  /** The target does not know the command, or not this form of it: another way may do. */
  get unsupported(): boolean {
    return this.status === CHECK_CONDITION && (this.sense === undefined || this.sense.key === ILLEGAL_REQUEST);
  }
}

const INVALID_OPCODE = 0x20;
const LBA_OUT_OF_RANGE = 0x21;
const NO_SUCH_LU = 0x25;
const WRITE_PROTECTED = 0x27;
const SPACE_EXHAUSTED = 0x07;

/** The `Fault` of a command that failed at `name`, the LU in words. */
export function commandFault(name: string, command: Command): CommandFault {
  const { status, sense } = command;
  const operation = operationOf(command.cdb, 0, command.cdb.length).name;
  const told = status === CHECK_CONDITION && sense ? senseWords(sense) : statusWords(status);
  return new CommandFault(`${name}: ${operation} ended with ${told}`, status, sense, mendOf(status, sense));
}

function mendOf(status: number, sense: SenseData | undefined): string | undefined {
  if (status === RESERVATION_CONFLICT) return 'another initiator has reserved the LU: release it there';
  if (status === BUSY || status === TASK_SET_FULL) return 'the target has been too busy for long: look at its load';
  if (status !== CHECK_CONDITION || sense === undefined) return undefined;
  if (sense.asc === NO_SUCH_LU)
    return 'there is no LU of this number at the target, or not for this initiator: see its mapping';
  if (sense.key === NOT_READY) return 'look at the target: its medium is not ready';
  if (sense.asc === WRITE_PROTECTED && sense.ascq === SPACE_EXHAUSTED)
    return 'the target is out of space: free some there';
  if (sense.key === DATA_PROTECT) return 'the LU is write protected: allow writing at the target';
  if (sense.asc === LBA_OUT_OF_RANGE) return 'the LU has become smaller';
  if (sense.asc === INVALID_OPCODE) return 'the target lacks a command that is needed';
  return sense.key === 3 || sense.key === 4 ? 'look at the target: its medium fails' : undefined;
}
