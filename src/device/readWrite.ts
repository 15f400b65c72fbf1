import type { DeviceOutcome, DeviceSteps } from '../base/device.ts';
import type { Command } from './command.ts';
import { bytesOf, command } from './command.ts';
import type { Form } from './ranges.ts';
import { limitTransfer, refuseProtection, takeRange } from './ranges.ts';
import type { Task } from './task.ts';

const FUA = 0x08;
const FLUSH = Object.freeze({ kind: 'flush' as const });
const NOTHING: DeviceOutcome = Object.freeze({ status: 0, dataIn: Object.freeze([]) });

const RW6 = [0x1f, 0xff, 0xff, 0xff, 0x04];
const RW10 = [0xf8, 0xff, 0xff, 0xff, 0xff, 0x3f, 0xff, 0xff, 0x04];
const RW12 = [0xf8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f, 0x04];
const RW16 = [0xf8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f, 0x04];

/** CDB usage of READ and WRITE and of all that have their fields. */
export const rwUsage: Readonly<Record<Form, readonly number[]>> = {
  6: RW6,
  10: RW10,
  12: RW12,
  16: RW16,
};

function prepareRead(form: Form): Command['prepare'] {
  return (task, cdb) => {
    takeRange(task, cdb, form);
    if (form === 6) return;
    refuseProtection(cdb[1]);
    limitTransfer(task, task.unit.transferBlocksMax, form);
    task.fua = (cdb[1] & FUA) !== 0;
  };
}

function prepareWrite(form: Form): Command['prepare'] {
  return (task, cdb) => {
    takeRange(task, cdb, form);
    task.takes = task.blocks * task.unit.blockSize;
    task.fua = !task.unit.modes.writeCache;
    if (form === 6) return;
    refuseProtection(cdb[1]);
    limitTransfer(task, task.unit.transferBlocksMax, form);
    task.fua ||= (cdb[1] & FUA) !== 0;
  };
}

/** READ, SBC-4 sections 5.15 to 5.18. An initiator that expects less than the CDB says is given that much. */
function* read(task: Task): DeviceSteps {
  const { blockSize } = task.unit;
  const wanted = task.blocks * blockSize;
  const length = task.dataIn >= wanted ? wanted : Math.ceil(task.dataIn / blockSize) * blockSize;
  try {
    // From the medium, not from a cache that may be lost: what is in there has to be on it first.
    if (task.fua && task.unit.modes.writeCache) yield FLUSH;
    if (length === 0) return wanted === 0 ? NOTHING : { status: 0, dataIn: [], wanted };
    const bytes = (yield { kind: 'read', offset: task.lbn * blockSize, length }) as Uint8Array;
    if (length === wanted && task.dataIn >= wanted) return { status: 0, dataIn: [bytes] };
    return { status: 0, dataIn: [bytes.subarray(0, task.dataIn)], wanted };
  } catch (error) {
    return task.outcomeOf(error);
  }
}

/** WRITE, SBC-4 sections 5.39 to 5.42. */
function* write(task: Task, dataOut: readonly Uint8Array[]): DeviceSteps {
  const length = bytesOf(dataOut);
  try {
    if (length !== task.takes) return yield* writeShort(task, dataOut, length);
    if (length > 0) {
      const pieces = [{ offset: task.lbn * task.unit.blockSize, length, payload: dataOut }];
      yield { kind: 'write', pieces, fua: task.fua };
    }
    return task.done();
  } catch (error) {
    return task.outcomeOf(error);
  }
}

/**
 * An initiator that expected to send less than the CDB says: what came is written, part of a block too, as targets in use
 * do. The rest of such a block stays what it was.
 */
export function* writeShort(task: Task, dataOut: readonly Uint8Array[], length: number): DeviceSteps {
  const { blockSize } = task.unit;
  const offset = task.lbn * blockSize;
  const part = length % blockSize;
  let payload = dataOut;
  if (part !== 0) {
    yield { kind: 'hold', offset: offset + length - part, length: blockSize };
    const block = (yield { kind: 'read', offset: offset + length - part, length: blockSize }) as Uint8Array;
    payload = [...dataOut, block.subarray(part)];
  }
  const whole = part === 0 ? length : length - part + blockSize;
  if (whole > 0) yield { kind: 'write', pieces: [{ offset, length: whole, payload }], fua: task.fua };
  return task.done();
}

function reader(opcode: number, form: Form): Command {
  return command([opcode, ...rwUsage[form]], { access: 'reads', medium: true }, prepareRead(form), read);
}

function writer(opcode: number, form: Form): Command {
  const traits = { access: 'writes', medium: true, writes: true } as const;
  return command([opcode, ...rwUsage[form]], traits, prepareWrite(form), write);
}

export const readWriteCommands: readonly Command[] = [
  reader(0x08, 6),
  reader(0x28, 10),
  reader(0xa8, 12),
  reader(0x88, 16),
  writer(0x0a, 6),
  writer(0x2a, 10),
  writer(0xaa, 12),
  writer(0x8a, 16),
];
