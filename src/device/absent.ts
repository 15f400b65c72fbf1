import { u16 } from '../../parsers/bytes.ts';
import { CHECK_CONDITION, ILLEGAL_REQUEST } from '../../parsers/scsi/sense.ts';
import { descriptorSense, fixedSense } from '../../parsers/scsi/senseBuild.ts';
import type { DeviceCommand, DeviceOutcome, DeviceSteps, DeviceTask } from '../base/device.ts';
import { cut } from './command.ts';
import { absentInquiry } from './inquiry.ts';
import { INVALID_FIELD_IN_CDB, LU_NOT_SUPPORTED, Refusal } from './refusal.ts';
import { reportLuns } from './reportLuns.ts';
import { answer } from './task.ts';

/** A command to a LUN without a logical unit (SAM-6 section 5.12, SPC-5 section 5.12). */
export class AbsentTask implements DeviceTask {
  readonly lu = undefined;
  readonly takes = 0;
  readonly #outcome: DeviceOutcome;

  constructor(command: DeviceCommand, luns: () => readonly number[]) {
    this.#outcome = outcomeOf(command.cdb, luns);
  }

  run(): DeviceSteps {
    return answer(this.#outcome);
  }

  end(): void {}
}

function outcomeOf(cdb: Uint8Array, luns: () => readonly number[]): DeviceOutcome {
  const unsupported = { key: ILLEGAL_REQUEST, code: LU_NOT_SUPPORTED };
  switch (cdb[0]) {
    case 0x12:
      if ((cdb[1] & 0x03) !== 0 || cdb[2] !== 0) return failed({ key: ILLEGAL_REQUEST, code: INVALID_FIELD_IN_CDB });
      return { status: 0, dataIn: [cut(absentInquiry(), u16(cdb, 3))] };
    case 0x03: {
      const build = (cdb[1] & 0x01) !== 0 ? descriptorSense : fixedSense;
      return { status: 0, dataIn: [cut(build(unsupported), cdb[4])] };
    }
    case 0xa0:
      return listed(cdb, luns());
    default:
      return failed(unsupported);
  }
}

function listed(cdb: Uint8Array, luns: readonly number[]): DeviceOutcome {
  try {
    return { status: 0, dataIn: [reportLuns(cdb, luns)] };
  } catch (error) {
    if (error instanceof Refusal && error.fields !== undefined) return failed(error.fields);
    throw error;
  }
}

function failed(fields: Parameters<typeof fixedSense>[0]): DeviceOutcome {
  return { status: CHECK_CONDITION, sense: fixedSense(fields) };
}
