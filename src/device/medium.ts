import type { DeviceSteps } from '../base/device.ts';
import type { Command } from './command.ts';
import { act, command, steps } from './command.ts';
import type { LogicalUnit } from './logicalUnit.ts';
import { illegal, invalidCdb, REMOVAL_PREVENTED } from './refusal.ts';
import { MEDIUM_CHANGED } from './seat.ts';
import type { Task } from './task.ts';

const START = 0x01;
const LOEJ = 0x02;
const NO_FLUSH = 0x04;
const POWER_CONDITION = 0xf0;
const OTHERS_KEEP_OUT = { access: 'writes', unreserved: false } as const;

function prepareStartStop(task: Task, cdb: Uint8Array): void {
  task.detail = cdb[4];
  // A reservation lets others start it, no more (SBC-4 table of commands in the presence of reservations).
  if ((cdb[4] & (POWER_CONDITION | LOEJ | START)) !== START) task.unit.admit(task.seat, OTHERS_KEEP_OUT);
  const loads = (cdb[4] & LOEJ) !== 0 && (cdb[4] & POWER_CONDITION) === 0;
  if (loads && !task.unit.isRemovable) throw invalidCdb(4, 1);
}

/**
 * START STOP UNIT, SBC-4 section 5.31. Nothing turns that could be stopped, and other hosts are at it: stopping writes the
 * cache, and power conditions are all the same. A medium that can be removed is.
 */
function* startStop(task: Task): DeviceSteps {
  const { unit, detail } = task;
  if ((detail & POWER_CONDITION) !== 0) return task.done();
  const ejects = (detail & LOEJ) !== 0 && (detail & START) === 0;
  if ((detail & LOEJ) !== 0 && isPrevented(unit)) throw illegal(REMOVAL_PREVENTED);
  if ((detail & START) === 0 && !unit.isEjected && (ejects || (detail & NO_FLUSH) === 0)) yield { kind: 'flush' };
  if (ejects) unit.isEjected = true;
  else if ((detail & LOEJ) !== 0) load(task);
  return task.done();
}

function load(task: Task): void {
  const { unit } = task;
  if (!unit.isEjected) return;
  unit.isEjected = false;
  unit.attendAll(MEDIUM_CHANGED, task.seat);
}

function isPrevented(unit: LogicalUnit): boolean {
  for (const seat of unit.seats.values()) if (seat.prevents) return true;
  return false;
}

function preparePrevent(task: Task, cdb: Uint8Array): void {
  if ((cdb[4] & 0x02) !== 0) throw invalidCdb(4, 1);
  task.detail = cdb[4] & 0x01;
  if (task.detail === 1) task.unit.admit(task.seat, OTHERS_KEEP_OUT);
}

/** PREVENT ALLOW MEDIUM REMOVAL, SBC-4 section 5.15: for each nexus, until it is lost or the unit is reset. */
function prevent(task: Task): void {
  task.seat.prevents = task.detail === 1;
}

export const mediumCommands: readonly Command[] = [
  command([0x1b, 0x01, 0, 0x0f, 0xf7, 0x04], {}, prepareStartStop, steps(startStop)),
  command([0x1e, 0, 0, 0, 0x01, 0x04], { offered: (unit) => unit.isRemovable }, preparePrevent, act(prevent)),
];
