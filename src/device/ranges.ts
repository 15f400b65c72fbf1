import { TOO_LARGE, u16, u24, u32, u64 } from '../../parsers/bytes.ts';
import type { LogicalUnit } from './logicalUnit.ts';
import { check, invalidCdb, LBA_OUT_OF_RANGE } from './refusal.ts';
import type { Task } from './task.ts';

const ILLEGAL_REQUEST = 0x5;

/** Where a CDB keeps the count of its blocks. */
export type Form = 6 | 10 | 12 | 16;
const BLOCKS_AT: Readonly<Record<Form, number>> = { 6: 4, 10: 7, 12: 6, 16: 10 };

/** Reads LBN and count of a 6-, 10-, 12- or 16-byte CDB and holds them against the capacity. */
export function takeRange(task: Task, cdb: Uint8Array, form: Form): void {
  switch (form) {
    case 10:
      setRange(task, u32(cdb, 2), u16(cdb, 7));
      break;
    case 16:
      setRange(task, u64(cdb, 2), u32(cdb, 10));
      break;
    case 12:
      setRange(task, u32(cdb, 2), u32(cdb, 6));
      break;
    case 6:
      setRange(task, u24(cdb, 1) & 0x1fffff, cdb[4] === 0 ? 256 : cdb[4]);
      break;
  }
}

export function setRange(task: Task, lbn: number, blocks: number): void {
  demandRange(task.unit, lbn, blocks);
  task.lbn = lbn;
  task.blocks = blocks;
}

/** LOGICAL BLOCK ADDRESS OUT OF RANGE unless all of it lies below the capacity; nothing at its very end is in range. */
export function demandRange(unit: LogicalUnit, lbn: number, blocks: number): void {
  if (lbn === TOO_LARGE || lbn + blocks > unit.blocks) throw outOfRange(unit, lbn);
}

function outOfRange(unit: LogicalUnit, lbn: number): Error {
  // The first block that is not there (SBC-4 section 4.18.1 lets INFORMATION say so).
  const first = lbn === TOO_LARGE ? undefined : Math.max(lbn, unit.blocks);
  return check(ILLEGAL_REQUEST, LBA_OUT_OF_RANGE, first === undefined ? {} : { information: first });
}

/** Protection information is not kept: whoever asks for it is refused (SBC-4 section 4.21.2). */
export function refuseProtection(flags: number): void {
  if ((flags & 0xe0) !== 0) throw invalidCdb(1, 7);
}

/** The longest transfer that a command may ask for, as the Block Limits page says. */
export function limitTransfer(task: Task, blocksMax: number, form: Form): void {
  if (task.blocks > blocksMax) throw invalidCdb(BLOCKS_AT[form], 7);
}
