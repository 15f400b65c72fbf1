import { put32, u32 } from '../../parsers/bytes.ts';
import { descriptorSense, fixedSense } from '../../parsers/scsi/senseBuild.ts';
import { copyOf } from '../base/bytes.ts';
import type { Command } from './command.ts';
import { act, command, cut, reply } from './command.ts';
import { invalidCdb } from './refusal.ts';
import type { Task } from './task.ts';

const UNIT_ATTENTION = 0x6;
const NO_SENSE = 0x0;
const NOT_READY = 0x2;

function keepCdb(length: number): Command['prepare'] {
  return (task, cdb) => {
    task.cdb = copyOf(cdb, 0, length);
  };
}

/** TEST UNIT READY, SPC-5 section 6.47. */
const testUnitReady = command(
  [0x00, 0, 0, 0, 0, 0x04],
  { medium: true },
  () => {},
  act(() => {}),
);

/** REQUEST SENSE, SPC-5 section 6.39: a pending unit attention, why the unit is not ready, or nothing. */
function requestSense(task: Task): Uint8Array {
  const { cdb, unit, seat } = task;
  const build = (cdb[1] & 0x01) !== 0 ? descriptorSense : fixedSense;
  const code = seat.takeAttention();
  if (code !== undefined) return cut(build({ key: UNIT_ATTENTION, code }), cdb[4]);
  if (unit.job !== undefined) {
    return cut(build({ key: NOT_READY, code: unit.job.code, progress: unit.job.progress }), cdb[4]);
  }
  if (unit.isEjected) return cut(build({ key: NOT_READY, code: 0x3a00 }), cdb[4]);
  return cut(build({ key: NO_SENSE, code: 0 }), cdb[4]);
}

/** READ CAPACITY(10), SBC-4 section 5.20. */
function readCapacity10(task: Task): Uint8Array {
  const bytes = new Uint8Array(8);
  put32(bytes, 0, Math.min(task.unit.blocks - 1, 0xffffffff));
  put32(bytes, 4, task.unit.blockSize);
  return bytes;
}

/** READ CAPACITY(16), SBC-4 section 5.21. */
function readCapacity16(task: Task): Uint8Array {
  const { unit } = task;
  const bytes = new Uint8Array(32);
  put32(bytes, 0, Math.floor((unit.blocks - 1) / 0x100000000));
  put32(bytes, 4, (unit.blocks - 1) % 0x100000000);
  put32(bytes, 8, unit.blockSize);
  bytes[13] = unit.physicalExponent;
  // LBPME and LBPRZ.
  bytes[14] = unit.isThin ? 0xc0 : 0;
  return cut(bytes, u32(task.cdb, 10));
}

export const basicCommands: readonly Command[] = [
  testUnitReady,
  command([0x03, 0x01, 0, 0, 0xff, 0x04], { calm: true, always: true }, keepCdb(6), reply(requestSense)),
  command(
    [0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0x04],
    { medium: true, unreserved: true },
    (task, cdb) => {
      // PMI is obsolete; without it an address means nothing (SBC-2 section 5.10).
      if ((cdb[8] & 0x01) === 0 && u32(cdb, 2) !== 0) throw invalidCdb(2, 7);
      task.takes = 0;
    },
    reply(readCapacity10),
  ),
  command(
    [0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0x04],
    { action: 0x10, medium: true, unreserved: true },
    keepCdb(16),
    reply(readCapacity16),
  ),
];
