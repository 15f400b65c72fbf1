import type { DeviceSteps } from '../base/device.ts';
import type { Command } from './command.ts';
import { bytesOf, command, steps } from './command.ts';
import { firstDifference, miscompare } from './compare.ts';
import type { Form } from './ranges.ts';
import { limitTransfer, refuseProtection, takeRange } from './ranges.ts';
import { rwUsage, writeShort } from './readWrite.ts';
import { invalidCdb } from './refusal.ts';
import type { Task } from './task.ts';

/** BYTCHK, SBC-4 section 5.36: compare nothing, every block, or one block with all of them. */
const MEDIUM_ONLY = 0;
const COMPARE = 1;
const COMPARE_ONE = 3;
/** Bytes that are read at once. */
const CHUNK = 0x100000;

function prepareVerify(form: Form): Command['prepare'] {
  return (task, cdb) => {
    takeRange(task, cdb, form);
    refuseProtection(cdb[1]);
    task.detail = (cdb[1] >> 1) & 0x03;
    const { blockSize, transferBlocksMax } = task.unit;
    if (task.detail === 2) throw invalidCdb(1, 2);
    if (task.detail === COMPARE) {
      limitTransfer(task, transferBlocksMax, form);
      task.takes = task.blocks * blockSize;
    } else if (task.detail === COMPARE_ONE && task.blocks > 0) task.takes = blockSize;
  };
}

/** VERIFY, SBC-4 sections 5.36 to 5.38. Of data-out that is short, what came is compared. */
function* verify(task: Task, dataOut: readonly Uint8Array[]): DeviceSteps {
  const { blockSize } = task.unit;
  const base = task.lbn * blockSize;
  const wants = task.detail === COMPARE ? bytesOf(dataOut) : task.blocks * blockSize;
  const block = task.detail === COMPARE_ONE ? repeated(dataOut, blockSize) : undefined;
  for (let at = 0; at < wants; at += CHUNK) {
    const length = Math.min(CHUNK, Math.ceil((wants - at) / blockSize) * blockSize);
    const bytes = (yield { kind: 'read', offset: base + at, length }) as Uint8Array;
    if (task.detail === MEDIUM_ONLY) continue;
    const compared = bytes.subarray(0, Math.min(length, wants - at));
    const found =
      block === undefined ? firstDifference(compared, dataOut, at) : differsFrom(block, compared, blockSize);
    if (found >= 0) throw miscompare(block === undefined ? at + found : found);
  }
  return task.done();
}

/** The one block of BYTCHK 11b; nothing is compared where not all of it came. */
function repeated(dataOut: readonly Uint8Array[], blockSize: number): readonly Uint8Array[] {
  return bytesOf(dataOut) === blockSize ? dataOut : [];
}

/** Where in the one block the first difference of any of `bytes` is. */
function differsFrom(block: readonly Uint8Array[], bytes: Uint8Array, blockSize: number): number {
  if (block.length === 0) return -1;
  for (let at = 0; at < bytes.length; at += blockSize) {
    const found = firstDifference(bytes.subarray(at, at + blockSize), block, 0);
    if (found >= 0) return found;
  }
  return -1;
}

function prepareWriteVerify(form: Form): Command['prepare'] {
  return (task, cdb) => {
    takeRange(task, cdb, form);
    refuseProtection(cdb[1]);
    task.detail = (cdb[1] >> 1) & 0x03;
    if (task.detail > COMPARE) throw invalidCdb(1, 2);
    limitTransfer(task, task.unit.transferBlocksMax, form);
    task.takes = task.blocks * task.unit.blockSize;
    task.fua = true;
  };
}

/**
 * WRITE AND VERIFY, SBC-4 sections 5.44 to 5.46: durable, then read back, and compared where BYTCHK asks for it. Nobody
 * else writes these blocks meanwhile, or the comparison would be with theirs.
 */
function* writeVerify(task: Task, dataOut: readonly Uint8Array[]): DeviceSteps {
  const { blockSize } = task.unit;
  const base = task.lbn * blockSize;
  const length = bytesOf(dataOut);
  const whole = Math.ceil(length / blockSize) * blockSize;
  if (whole === 0) return task.done();
  if (whole === length) {
    yield { kind: 'hold', offset: base, length: whole };
    yield { kind: 'write', pieces: [{ offset: base, length, payload: dataOut }], fua: true };
  } else yield* writeShort(task, dataOut, length);
  for (let at = 0; at < whole; at += CHUNK) {
    const bytes = (yield { kind: 'read', offset: base + at, length: Math.min(CHUNK, whole - at) }) as Uint8Array;
    if (task.detail !== COMPARE) continue;
    const found = firstDifference(bytes.subarray(0, Math.min(bytes.length, length - at)), dataOut, at);
    if (found >= 0) throw miscompare(at + found);
  }
  return task.done();
}

const VERIFY_FLAGS = 0xf6;

function verifier(opcode: number, form: Form): Command {
  const usage = [opcode, VERIFY_FLAGS, ...rwUsage[form].slice(1)];
  return command(usage, { access: 'reads', medium: true }, prepareVerify(form), steps(verify));
}

function writeVerifier(opcode: number, form: Form): Command {
  const usage = [opcode, VERIFY_FLAGS, ...rwUsage[form].slice(1)];
  const traits = { access: 'writes', medium: true, writes: true } as const;
  return command(usage, traits, prepareWriteVerify(form), steps(writeVerify));
}

export const verifyCommands: readonly Command[] = [
  verifier(0x2f, 10),
  verifier(0xaf, 12),
  verifier(0x8f, 16),
  writeVerifier(0x2e, 10),
  writeVerifier(0xae, 12),
  writeVerifier(0x8e, 16),
];
