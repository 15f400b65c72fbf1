import { TOO_LARGE, u16, u24, u32, u64 } from '../../parsers/bytes.ts';
import { copyOf } from '../base/bytes.ts';
import type { DeviceSteps } from '../base/device.ts';
import type { Command } from './command.ts';
import { command, joined, steps } from './command.ts';
import type { LogicalUnit } from './logicalUnit.ts';
import { CURRENT, differsOnlyIn, keyOf, pageLength } from './modes.ts';
import { invalidCdb, invalidList, shortList } from './refusal.ts';
import { MODE_PARAMETERS_CHANGED } from './seat.ts';
import type { Task } from './task.ts';

const PF = 0x10;
const SP = 0x01;
const ANY_BLOCKS = 0xffffffff;

function prepare(isLong: boolean): Command['prepare'] {
  return (task, cdb) => {
    // Pages of SCSI-2's vendors came without PF.
    if ((cdb[1] & PF) === 0) throw invalidCdb(1, 4);
    if ((cdb[1] & 0x02) !== 0) throw invalidCdb(1, 1);
    if ((cdb[1] & SP) !== 0 && !task.unit.keeps) throw invalidCdb(1, 0);
    task.takes = isLong ? u16(cdb, 7) : cdb[4];
    task.detail = cdb[1];
  };
}

/** MODE SELECT, SPC-5 sections 6.12 and 6.13: all of the list or nothing of it. */
function select(isLong: boolean): Command['run'] {
  return steps(function* selected(task: Task, dataOut): DeviceSteps {
    const { unit, seat } = task;
    const list = joined(dataOut);
    if (task.takes === 0) return task.done();
    if (list.length < task.takes) throw shortList();
    const pages = readPages(unit, list, readHeader(unit, list, isLong));
    const hadCache = unit.modes.writeCache;
    const saves = (task.detail & SP) !== 0;
    if (unit.modes.change(pages, saves)) unit.attendAll(MODE_PARAMETERS_CHANGED, seat);
    // What lies in the cache is written before the host is told that there is none any more.
    if (hadCache && !unit.modes.writeCache) yield { kind: 'flush' };
    if (saves) yield { kind: 'keep', name: 'modes', bytes: unit.modes.bytes() };
    return task.done();
  });
}

/** Holds header and block descriptor against what is; returns where the pages start. */
function readHeader(unit: LogicalUnit, list: Uint8Array, isLong: boolean): number {
  const header = isLong ? 8 : 4;
  if (list.length < header) throw shortList();
  const descriptors = isLong ? u16(list, 6) : list[3];
  const longLba = isLong && (list[4] & 0x01) !== 0;
  if (list.length < header + descriptors) throw shortList();
  if (descriptors !== 0) readDescriptor(unit, list, header, descriptors, longLba);
  return header + descriptors;
}

/** Neither the capacity nor the block size can be changed this way: both have to be what they are (SBC-4 section 6.5.2). */
function readDescriptor(unit: LogicalUnit, list: Uint8Array, at: number, length: number, longLba: boolean): void {
  if (length !== (longLba ? 16 : 8)) throw invalidList(at - (longLba ? 2 : 1));
  const blocks = longLba ? u64(list, at) : u32(list, at);
  const blockSize = longLba ? u32(list, at + 12) : u24(list, at + 5);
  const isAny = blocks === 0 || (longLba ? blocks === TOO_LARGE : blocks === ANY_BLOCKS);
  if (!isAny && blocks !== unit.blocks) throw invalidList(at);
  if (blockSize !== unit.blockSize) throw invalidList(at + (longLba ? 12 : 5));
}

function readPages(unit: LogicalUnit, list: Uint8Array, from: number): Uint8Array[] {
  const pages: Uint8Array[] = [];
  let at = from;
  while (at < list.length) {
    if (at + 4 > list.length || at + pageLength(list, at) > list.length) throw shortList();
    const bytes = copyOf(list, at, at + pageLength(list, at));
    // PS is reserved here.
    bytes[0] &= 0x7f;
    checkPage(unit, bytes, at);
    pages.push(bytes);
    at += bytes.length;
  }
  return pages;
}

function checkPage(unit: LogicalUnit, bytes: Uint8Array, at: number): void {
  const page = unit.modes.pages.find(({ key }) => key === keyOf(bytes));
  if (page === undefined) throw invalidList(at, 5);
  const current = unit.modes.values(page, CURRENT);
  if (bytes.length !== current.length) throw invalidList(at + 1);
  if (differsOnlyIn(bytes, current, page.changeable)) return;
  const wrong = bytes.findIndex((byte, i) => ((byte ^ current[i]) & ~page.changeable[i]) !== 0);
  throw invalidList(at + wrong);
}

export const modeSelectCommands: readonly Command[] = [
  command([0x15, 0x11, 0, 0, 0xff, 0x04], { access: 'writes' }, prepare(false), select(false)),
  command([0x55, 0x11, 0, 0, 0, 0, 0, 0xff, 0xff, 0x04], { access: 'writes' }, prepare(true), select(true)),
];
