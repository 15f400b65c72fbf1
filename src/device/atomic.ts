import { u16, u64 } from '../../parsers/bytes.ts';
import type { DeviceSteps } from '../base/device.ts';
import { orInto } from '../base/payload.ts';
import type { Command } from './command.ts';
import { bytesOf, command, steps } from './command.ts';
import { firstDifference, miscompare, slices } from './compare.ts';
import { limitTransfer, refuseProtection, setRange, takeRange } from './ranges.ts';
import { writeShort } from './readWrite.ts';
import { invalidCdb } from './refusal.ts';
import type { Task } from './task.ts';
import { atomicBlocksMax } from './vpd.ts';

const FUA = 0x08;
const OR_CHUNK = 0x100000;

/** For commands that make no sense with a part of their data: its length is at that byte of the CDB, or nowhere. */
export function demandWhole(task: Task, at: number): void {
  if (task.dataOut !== task.takes) throw invalidCdb(at);
}

function isDurable(task: Task, flags: number): boolean {
  return (flags & FUA) !== 0 || !task.unit.modes.writeCache;
}

/** COMPARE AND WRITE, SBC-4 section 5.3: as many blocks to compare as to write. */
function prepareCompareWrite(task: Task, cdb: Uint8Array): void {
  setRange(task, u64(cdb, 2), cdb[13]);
  refuseProtection(cdb[1]);
  task.takes = 2 * task.blocks * task.unit.blockSize;
  task.fua = isDurable(task, cdb[1]);
  demandWhole(task, 13);
}

function* compareWrite(task: Task, dataOut: readonly Uint8Array[]): DeviceSteps {
  const length = task.blocks * task.unit.blockSize;
  const offset = task.lbn * task.unit.blockSize;
  if (length === 0) return task.done();
  if (bytesOf(dataOut) !== 2 * length) throw invalidCdb(13);
  yield { kind: 'hold', offset, length };
  const bytes = (yield { kind: 'read', offset, length }) as Uint8Array;
  const found = firstDifference(bytes, dataOut, 0);
  if (found >= 0) throw miscompare(found);
  yield { kind: 'write', pieces: [{ offset, length, payload: slices(dataOut, length, length) }], fua: task.fua };
  return task.done();
}

/** ORWRITE(16), SBC-4 section 5.11. */
function prepareOrWrite(task: Task, cdb: Uint8Array): void {
  takeRange(task, cdb, 16);
  refuseProtection(cdb[1]);
  limitTransfer(task, task.unit.transferBlocksMax, 16);
  task.takes = task.blocks * task.unit.blockSize;
  task.fua = isDurable(task, cdb[1]);
}

function* orWrite(task: Task, dataOut: readonly Uint8Array[]): DeviceSteps {
  const { blockSize } = task.unit;
  const base = task.lbn * blockSize;
  const length = bytesOf(dataOut);
  const whole = Math.ceil(length / blockSize) * blockSize;
  if (whole > 0) yield { kind: 'hold', offset: base, length: whole };
  for (let at = 0; at < whole; at += OR_CHUNK) {
    const run = Math.min(OR_CHUNK, whole - at);
    const bytes = (yield { kind: 'read', offset: base + at, length: run }) as Uint8Array;
    orInto(bytes.subarray(0, Math.min(run, length - at)), dataOut, at);
    yield { kind: 'write', pieces: [{ offset: base + at, length: run, payload: [bytes] }], fua: task.fua };
  }
  return task.done();
}

/** WRITE ATOMIC(16), SBC-4 section 5.48: any alignment, no boundary. */
function prepareWriteAtomic(task: Task, cdb: Uint8Array): void {
  setRange(task, u64(cdb, 2), u16(cdb, 12));
  refuseProtection(cdb[1]);
  // ATOMIC BOUNDARY needs a maximum of its own, which is zero here.
  if (u16(cdb, 10) !== 0) throw invalidCdb(10, 7);
  if (task.blocks > atomicBlocksMax(task.unit)) throw invalidCdb(12, 7);
  task.takes = task.blocks * task.unit.blockSize;
  task.fua = isDurable(task, cdb[1]);
}

/** Nobody reads or writes a part of it while it lands. */
function* writeAtomic(task: Task, dataOut: readonly Uint8Array[]): DeviceSteps {
  const length = bytesOf(dataOut);
  const offset = task.lbn * task.unit.blockSize;
  if (length !== task.takes) return yield* writeShort(task, dataOut, length);
  if (length === 0) return task.done();
  yield { kind: 'hold', offset, length };
  yield { kind: 'write', pieces: [{ offset, length, payload: dataOut }], fua: task.fua };
  return task.done();
}

const traits = { access: 'writes', medium: true, writes: true } as const;
const LBN_8 = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

export const atomicCommands: readonly Command[] = [
  command([0x89, 0xf8, ...LBN_8, 0, 0, 0, 0xff, 0x3f, 0x04], traits, prepareCompareWrite, steps(compareWrite)),
  command([0x8b, 0xf8, ...LBN_8, 0xff, 0xff, 0xff, 0xff, 0x3f, 0x04], traits, prepareOrWrite, steps(orWrite)),
  command([0x9c, 0xf8, ...LBN_8, 0xff, 0xff, 0xff, 0xff, 0x3f, 0x04], traits, prepareWriteAtomic, steps(writeAtomic)),
];
