import { put16, put32, u16, u32 } from '../../parsers/bytes.ts';
import { copyOf } from '../base/bytes.ts';
import type { Command } from './command.ts';
import { command, cut, reply } from './command.ts';
import { invalidCdb } from './refusal.ts';
import type { Task } from './task.ts';
import { concat } from './text.ts';

/** REPORTING OPTIONS, SPC-5 section 6.37.1. */
const ALL = 0;
const OPCODE = 1;
const ACTION = 2;
const EITHER = 3;
const NOT_SUPPORTED = 0x01;
const SUPPORTED = 0x03;
const RCTD = 0x80;

/** Command time-outs descriptor, SPC-5 section 6.37.4: neither a nominal nor a recommended time. */
function timeouts(): Uint8Array {
  const bytes = new Uint8Array(12);
  put16(bytes, 0, 10);
  return bytes;
}

function prepare(task: Task, cdb: Uint8Array): void {
  if ((cdb[2] & 0x07) > EITHER) throw invalidCdb(2, 2);
  task.cdb = copyOf(cdb, 0, 12);
}

/** REPORT SUPPORTED OPERATION CODES, SPC-5 section 6.37. `entries` is every command that there may be. */
export function supportedCommand(entries: () => readonly Command[]): Command {
  const report = (task: Task): Uint8Array => {
    const offered = entries().filter((entry) => entry.offered?.(task.unit) !== false);
    const hasTimeouts = (task.cdb[2] & RCTD) !== 0;
    const option = task.cdb[2] & 0x07;
    const bytes = option === ALL ? listAll(offered, hasTimeouts) : one(offered, task, option, hasTimeouts);
    return cut(bytes, u32(task.cdb, 6));
  };
  const usage = [0xa3, 0x0c, 0x87, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0x04];
  return command(usage, { action: 0x0c, access: 'reads', always: true }, prepare, reply(report));
}

function listAll(entries: readonly Command[], hasTimeouts: boolean): Uint8Array {
  const parts = entries.map((entry) => {
    const bytes = new Uint8Array(8);
    bytes[0] = entry.opcode;
    put16(bytes, 2, Math.max(entry.action, 0));
    // CTDP and SERVACTV.
    bytes[5] = (hasTimeouts ? 0x02 : 0) | (entry.action < 0 ? 0 : 0x01);
    put16(bytes, 6, entry.usage.length);
    return hasTimeouts ? concat([bytes, timeouts()]) : bytes;
  });
  const all = concat([new Uint8Array(4), ...parts]);
  put32(all, 0, all.length - 4);
  return all;
}

function one(entries: readonly Command[], task: Task, option: number, hasTimeouts: boolean): Uint8Array {
  const opcode = task.cdb[3];
  const action = u16(task.cdb, 4);
  const named = entries.filter((entry) => entry.opcode === opcode);
  const hasActions = named.some((entry) => entry.action >= 0);
  // An opcode with service actions is not asked for by itself, one without not with one.
  if (option === OPCODE && hasActions) throw invalidCdb(2, 2);
  if (option === ACTION && named.length > 0 && !hasActions) throw invalidCdb(2, 2);
  const found = named.find((entry) => (hasActions ? entry.action === action : option !== EITHER || action === 0));
  return describe(found, hasTimeouts);
}

/** One_command parameter data, SPC-5 section 6.37.3. */
function describe(entry: Command | undefined, hasTimeouts: boolean): Uint8Array {
  if (entry === undefined) return Uint8Array.of(0, NOT_SUPPORTED, 0, 0);
  const head = Uint8Array.of(0, SUPPORTED | (hasTimeouts ? 0x80 : 0), 0, entry.usage.length);
  const parts = [head, Uint8Array.from(entry.usage)];
  return concat(hasTimeouts ? [...parts, timeouts()] : parts);
}
