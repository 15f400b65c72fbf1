import { put16, u16, u32 } from '../../parsers/bytes.ts';
import { copyOf } from '../base/bytes.ts';
import type { Command } from './command.ts';
import { act, command, cut, reply } from './command.ts';
import { invalidCdb } from './refusal.ts';
import type { Task } from './task.ts';

/** Log pages, SPC-5 section 7.3: the list of them, temperature (not known), informational exceptions (none). */
const SUPPORTED_PAGES = 0x00;
const TEMPERATURE = 0x0d;
const EXCEPTIONS = 0x2f;
const PAGES = [SUPPORTED_PAGES, TEMPERATURE, EXCEPTIONS];
const NOT_KNOWN = 0xff;

function prepareLog(task: Task, cdb: Uint8Array): void {
  if ((cdb[1] & 0x01) !== 0) throw invalidCdb(1, 0);
  if (!PAGES.includes(cdb[2] & 0x3f)) throw invalidCdb(2, 5);
  // Subpage FFh of page 00h lists the subpages as well.
  const isList = (cdb[2] & 0x3f) === SUPPORTED_PAGES && cdb[3] === 0xff;
  if (cdb[3] !== 0 && !isList) throw invalidCdb(3, 7);
  task.cdb = copyOf(cdb, 0, 10);
}

/** LOG SENSE, SPC-5 section 6.8. */
function logSense(task: Task): Uint8Array {
  const page = task.cdb[2] & 0x3f;
  const hasSubpages = task.cdb[3] === 0xff;
  const content = logContent(page, hasSubpages);
  const bytes = new Uint8Array(4 + content.length);
  bytes[0] = page | (hasSubpages ? 0x40 : 0);
  bytes[1] = hasSubpages ? 0xff : 0;
  put16(bytes, 2, content.length);
  bytes.set(content, 4);
  return cut(bytes, u16(task.cdb, 7));
}

function logContent(page: number, hasSubpages: boolean): Uint8Array {
  switch (page) {
    case TEMPERATURE:
      // Parameters 0000h and 0001h, two bytes each: temperature, reference temperature.
      return Uint8Array.of(0, 0, 0x03, 2, 0, NOT_KNOWN, 0, 1, 0x03, 2, 0, NOT_KNOWN);
    case EXCEPTIONS:
      return Uint8Array.of(0, 0, 0x03, 4, 0, 0, NOT_KNOWN, 0);
    default:
      return hasSubpages
        ? Uint8Array.from([SUPPORTED_PAGES, 0, SUPPORTED_PAGES, 0xff, TEMPERATURE, 0, EXCEPTIONS, 0])
        : Uint8Array.from(PAGES);
  }
}

/** SEND DIAGNOSTIC, SPC-5 section 6.42: the default self-test, which finds nothing. */
function prepareDiagnostic(task: Task, cdb: Uint8Array): void {
  if (cdb[1] >> 5 !== 0) throw invalidCdb(1, 7);
  if (u16(cdb, 3) !== 0) throw invalidCdb(3, 7);
  task.takes = 0;
}

const FORMATS = 0x07;
const LISTS = 0x18;

/** READ DEFECT DATA, SBC-4 sections 5.19 and 5.20: lists without an entry, in the format that was asked for. */
function prepareDefects(isLong: boolean): Command['prepare'] {
  return (task, cdb) => {
    const at = isLong ? 1 : 2;
    task.detail = cdb[at] & (FORMATS | LISTS);
    task.cdb = copyOf(cdb, 0, isLong ? 12 : 10);
  };
}

function readDefects(isLong: boolean): Command['run'] {
  return reply((task) => {
    const bytes = new Uint8Array(isLong ? 8 : 4);
    bytes[1] = task.detail;
    return cut(bytes, isLong ? u32(task.cdb, 6) : u16(task.cdb, 7));
  });
}

/** REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS, SPC-5 section 6.38. */
function supportedFunctions(task: Task): Uint8Array {
  const isExtended = (task.cdb[2] & 0x80) !== 0;
  const bytes = new Uint8Array(isExtended ? 16 : 4);
  // ATS, ATSS, CTSS, LURS, TRS (warm and cold reset).
  bytes[0] = 0x80 | 0x40 | 0x10 | 0x08 | 0x02;
  if (isExtended) bytes[3] = 12;
  return cut(bytes, u32(task.cdb, 6));
}

const keep12: Command['prepare'] = (task, cdb) => {
  task.cdb = copyOf(cdb, 0, 12);
};

export const diagnosticCommands: readonly Command[] = [
  command([0x4d, 0x01, 0xff, 0xff, 0, 0xff, 0xff, 0xff, 0xff, 0x04], { unreserved: true }, prepareLog, reply(logSense)),
  command(
    [0x1d, 0xf7, 0, 0xff, 0xff, 0x04],
    { access: 'writes' },
    prepareDiagnostic,
    act(() => {}),
  ),
  command(
    [0x37, 0, 0x1f, 0, 0, 0, 0, 0xff, 0xff, 0x04],
    { access: 'reads', medium: true },
    prepareDefects(false),
    readDefects(false),
  ),
  command(
    [0xb7, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0x04],
    { access: 'reads', medium: true },
    prepareDefects(true),
    readDefects(true),
  ),
  command(
    [0xa3, 0x0d, 0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0x04],
    { action: 0x0d, access: 'reads', always: true },
    keep12,
    reply(supportedFunctions),
  ),
];
