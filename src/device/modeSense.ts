import { put16, put24, put32, u16 } from '../../parsers/bytes.ts';
import { copyOf } from '../base/bytes.ts';
import type { Command } from './command.ts';
import { command, cut, reply } from './command.ts';
import type { LogicalUnit } from './logicalUnit.ts';
import { ALL_PAGES, ALL_SUBPAGES, pageKey } from './modeKeys.ts';
import type { ModePage } from './modePages.ts';
import { SAVED } from './modes.ts';
import { illegal, invalidCdb, SAVING_NOT_SUPPORTED } from './refusal.ts';
import type { Task } from './task.ts';
import { concat } from './text.ts';

const WP = 0x80;
const DPOFUA = 0x10;
const PS = 0x80;

/** MODE SENSE, SPC-5 sections 6.14 and 6.15. */
function modeSense(task: Task, isLong: boolean): Uint8Array {
  const { cdb, unit } = task;
  const longLba = isLong && (cdb[1] & 0x10) !== 0;
  const descriptor = (cdb[1] & 0x08) !== 0 ? new Uint8Array(0) : blockDescriptor(unit, longLba);
  const pages = chosen(unit, cdb[2] & 0x3f, cdb[3]).map((page) => pageBytes(unit, page, cdb[2] >> 6));
  const specific = (unit.isWriteProtected ? WP : 0) | DPOFUA;
  const head = new Uint8Array(isLong ? 8 : 4);
  const all = concat([head, descriptor, ...pages]);
  if (isLong) {
    put16(all, 0, all.length - 2);
    all[3] = specific;
    all[4] = longLba ? 1 : 0;
    put16(all, 6, descriptor.length);
  } else {
    all[0] = Math.min(all.length - 1, 0xff);
    all[2] = specific;
    all[3] = descriptor.length;
  }
  return cut(all, isLong ? u16(cdb, 7) : cdb[4]);
}

/** The pages that a page and a subpage code ask for, SPC-5 table of page code and subpage code usage. */
function chosen(unit: LogicalUnit, page: number, subpage: number): readonly ModePage[] {
  const { pages } = unit.modes;
  const wantsAll = subpage === ALL_SUBPAGES;
  if (page === ALL_PAGES) {
    if (subpage !== 0 && !wantsAll) throw invalidCdb(3, 7);
    return pages.filter(({ key }) => wantsAll || key % 256 === 0);
  }
  const found = wantsAll
    ? pages.filter(({ key }) => key >> 8 === page)
    : pages.filter(({ key }) => key === pageKey(page, subpage));
  if (found.length === 0) throw pages.some(({ key }) => key >> 8 === page) ? invalidCdb(3, 7) : invalidCdb(2, 5);
  return found;
}

function pageBytes(unit: LogicalUnit, page: ModePage, control: number): Uint8Array {
  const bytes = copyOf(unit.modes.values(page, control));
  if (unit.keeps) bytes[0] |= PS;
  return bytes;
}

/** SBC-4 section 6.5.2: eight bytes, or sixteen where LLBAA let them be. */
function blockDescriptor(unit: LogicalUnit, isLong: boolean): Uint8Array {
  const bytes = new Uint8Array(isLong ? 16 : 8);
  if (isLong) {
    put32(bytes, 0, Math.floor(unit.blocks / 0x100000000));
    put32(bytes, 4, unit.blocks % 0x100000000);
    put32(bytes, 12, unit.blockSize);
  } else {
    put32(bytes, 0, Math.min(unit.blocks, 0xffffffff));
    put24(bytes, 5, unit.blockSize);
  }
  return bytes;
}

function prepare(length: number): Command['prepare'] {
  return (task, cdb) => {
    if (cdb[2] >> 6 === SAVED && !task.unit.keeps) throw illegal(SAVING_NOT_SUPPORTED);
    task.cdb = copyOf(cdb, 0, length);
  };
}

export const modeSenseCommands: readonly Command[] = [
  command(
    [0x1a, 0x08, 0xff, 0xff, 0xff, 0x04],
    { access: 'reads' },
    prepare(6),
    reply((task) => modeSense(task, false)),
  ),
  command(
    [0x5a, 0x18, 0xff, 0xff, 0, 0, 0, 0xff, 0xff, 0x04],
    { access: 'reads' },
    prepare(10),
    reply((task) => modeSense(task, true)),
  ),
];
