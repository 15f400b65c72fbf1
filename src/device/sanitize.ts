import { u16 } from '../../parsers/bytes.ts';
import type { DeviceSteps } from '../base/device.ts';
import type { Command } from './command.ts';
import { bytesOf, command, joined, steps } from './command.ts';
import type { LogicalUnit } from './logicalUnit.ts';
import { check, invalidCdb, invalidList, shortList } from './refusal.ts';
import type { Task } from './task.ts';
import { FORMATTING, SANITIZING, type Treatment, treatAll } from './wholeUnit.ts';

const OVERWRITE = 0x01;
const BLOCK_ERASE = 0x02;
const EXIT_FAILURE_MODE = 0x1f;
const IMMED = 0x80;
const INVERT = 0x80;
const MEDIUM_ERROR = 0x3;
const SANITIZE_FAILED = 0x3103;
const FORMAT_FAILED = 0x3101;
const HEADER = 4;
const FMTDATA = 0x10;
const FORMAT_LIST_MAX = 8;

/** SANITIZE, SBC-4 section 5.30. Reserved bits count here: what it does cannot be undone. */
function prepareSanitize(task: Task, cdb: Uint8Array): void {
  const action = cdb[1] & 0x1f;
  const length = u16(cdb, 7);
  if ((cdb[1] & 0x40) !== 0) throw invalidCdb(1, 6);
  for (let at = 2; at < 7; at += 1) if (cdb[at] !== 0) throw invalidCdb(at, 7);
  const fits = action === OVERWRITE ? length > HEADER && length <= HEADER + task.unit.blockSize : length === 0;
  if (!fits) throw invalidCdb(7, 7);
  task.takes = length;
  task.detail = cdb[1];
}

function* sanitize(task: Task, dataOut: readonly Uint8Array[]): DeviceSteps {
  const { unit, detail } = task;
  const action = detail & 0x1f;
  if (action === EXIT_FAILURE_MODE) {
    unit.sanitizeFailed = false;
    return task.done();
  }
  if (bytesOf(dataOut) < task.takes) throw shortList();
  const treatment = action === BLOCK_ERASE ? 'unmap' : overwriting(joined(dataOut), unit.blockSize);
  unit.sanitizeFailed = false;
  const went = yield* treatAll(task, SANITIZING, treatment, (detail & IMMED) !== 0);
  if (!went) {
    unit.sanitizeFailed = true;
    throw check(MEDIUM_ERROR, SANITIZE_FAILED);
  }
  return task.done();
}

/** The passes of an overwrite: the pattern over and over, inverted in every second one if that was asked for. */
function overwriting(list: Uint8Array, blockSize: number): Treatment {
  const count = list[0] & 0x1f;
  const length = u16(list, 2);
  if (count === 0) throw invalidList(0, 4);
  if (length === 0 || length > blockSize || HEADER + length !== list.length) throw invalidList(2, 7);
  const block = new Uint8Array(blockSize);
  for (let at = 0; at < blockSize; at += 1) block[at] = list[HEADER + (at % length)];
  const inverse = block.map((byte) => byte ^ 0xff);
  const inverts = (list[0] & INVERT) !== 0;
  // The last pass leaves the pattern as it was given.
  return Array.from({ length: count }, (_, i) => (inverts && (count - 1 - i) % 2 === 1 ? inverse : block));
}

/** FORMAT UNIT, SBC-4 section 5.4: no protection information, no defects; every block is zeros afterwards. */
function prepareFormat(task: Task, cdb: Uint8Array): void {
  if ((cdb[1] & 0xc0) !== 0) throw invalidCdb(1, 7);
  if ((cdb[1] & 0x07) !== 0 && (cdb[1] & FMTDATA) === 0) throw invalidCdb(1, 2);
  task.detail = cdb[1];
  if ((cdb[1] & FMTDATA) !== 0) task.takes = Math.min(task.dataOut, FORMAT_LIST_MAX);
}

function* format(task: Task, dataOut: readonly Uint8Array[]): DeviceSteps {
  const { unit } = task;
  const immediate = (task.detail & FMTDATA) !== 0 && readFormatList(task, joined(dataOut));
  const treatment: Treatment = unit.isThin ? 'unmap' : [new Uint8Array(unit.blockSize)];
  if (!(yield* treatAll(task, FORMATTING, treatment, immediate))) throw check(MEDIUM_ERROR, FORMAT_FAILED);
  return task.done();
}

/** Returns IMMED; neither a defect list nor an initialization pattern is taken. */
function readFormatList(task: Task, list: Uint8Array): boolean {
  const isLong = (task.detail & 0x20) !== 0;
  if (list.length < (isLong ? 8 : 4)) throw shortList();
  if ((list[1] & 0x08) !== 0) throw invalidList(1, 3);
  const defects = isLong ? list.subarray(4, 8) : list.subarray(2, 4);
  if (defects.some((byte) => byte !== 0)) throw invalidList(isLong ? 4 : 2, 7);
  return (list[1] & 0x02) !== 0;
}

const traits = { access: 'writes', medium: true, writes: true } as const;
const canRun = (unit: LogicalUnit): boolean => unit.place.background !== undefined;
const usage = (action: number): number[] => [0x48, 0x80 | action, 0, 0, 0, 0, 0, 0xff, 0xff, 0x04];

export const sanitizeCommands: readonly Command[] = [
  command(usage(OVERWRITE), { ...traits, action: OVERWRITE, offered: canRun }, prepareSanitize, steps(sanitize)),
  command(
    usage(BLOCK_ERASE),
    { ...traits, action: BLOCK_ERASE, offered: (unit) => unit.isThin && canRun(unit) },
    prepareSanitize,
    steps(sanitize),
  ),
  command(
    usage(EXIT_FAILURE_MODE),
    { ...traits, action: EXIT_FAILURE_MODE, offered: canRun },
    prepareSanitize,
    steps(sanitize),
  ),
  command([0x04, 0xf8, 0, 0, 0, 0x04], { ...traits, offered: canRun }, prepareFormat, steps(format)),
];
