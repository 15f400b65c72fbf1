import { u32 } from '../../parsers/bytes.ts';
import { copyOf } from '../base/bytes.ts';
import type { DeviceSteps, StoppedTask } from '../base/device.ts';
import type { Command } from './command.ts';
import { command, joined, steps } from './command.ts';
import type { LogicalUnit } from './logicalUnit.ts';
import { preempt } from './preempt.ts';
import { conflict, INVALID_RELEASE, illegal, invalidCdb, invalidList, shortList } from './refusal.ts';
import { register, registerAndMove, registrantOf } from './register.ts';
import { attendRegistrants } from './registrants.ts';
import { isShared, isType } from './registry.ts';
import { readMoveList, readReserveList } from './reserveList.ts';
import { RESERVATIONS_PREEMPTED, RESERVATIONS_RELEASED } from './seat.ts';
import type { Task } from './task.ts';

const REGISTER = 0x00;
const RESERVE = 0x01;
const RELEASE = 0x02;
const CLEAR = 0x03;
const PREEMPT = 0x04;
const PREEMPT_AND_ABORT = 0x05;
const REGISTER_AND_IGNORE = 0x06;
const REGISTER_AND_MOVE = 0x07;
const LIST_LENGTH_MAX = 0x10000;
const WAIT = Object.freeze({ kind: 'wait' as const });

/** Actions whose scope and type mean something (SPC-5 table of PERSISTENT RESERVE OUT service actions). */
const TYPED: readonly number[] = [RESERVE, RELEASE, PREEMPT, PREEMPT_AND_ABORT];

function prepare(task: Task, cdb: Uint8Array): void {
  const action = cdb[1] & 0x1f;
  if (action > REGISTER_AND_MOVE) throw invalidCdb(1, 4);
  if (TYPED.includes(action)) {
    if (cdb[2] >> 4 !== 0) throw invalidCdb(2, 7);
    if (action !== RELEASE && !isType(cdb[2] & 0x0f)) throw invalidCdb(2, 3);
  }
  const length = u32(cdb, 5);
  if (length < 24 || length > LIST_LENGTH_MAX) throw shortList();
  task.takes = length;
  task.detail = action;
  task.cdb = copyOf(cdb, 0, 10);
}

/**
 * PERSISTENT RESERVE OUT, SPC-5 section 6.17: what it changed is kept before it ends, where it is to persist, and undone
 * where it cannot be. One at a time at a logical unit, so that what is undone is its own.
 */
function* reserveOut(task: Task, dataOut: readonly Uint8Array[]): DeviceSteps {
  const { unit } = task;
  const { registry } = unit;
  const list = joined(dataOut);
  if (list.length < task.takes) throw shortList();
  while (unit.isReserving) yield WAIT;
  unit.isReserving = true;
  const before = registry.state();
  try {
    const stopped = carryOut(task, list);
    // One that is aborted from here on has happened, in memory and on disk.
    if (before.isKept || registry.isKept) yield { kind: 'keep', name: 'reservations', bytes: registry.bytes() };
    if (stopped.length > 0) yield { kind: 'stop', tasks: stopped };
  } catch (error) {
    registry.restore(before);
    throw error;
  } finally {
    unit.isReserving = false;
  }
  return task.done();
}

/** Returns the tasks that are to be stopped. */
function carryOut(task: Task, list: Uint8Array): readonly StoppedTask[] {
  const type = task.cdb[2] & 0x0f;
  switch (task.detail) {
    case REGISTER_AND_MOVE:
      registerAndMove(task, readMoveList(list));
      return [];
    case REGISTER:
    case REGISTER_AND_IGNORE:
      register(task, readReserveList(list), task.detail === REGISTER_AND_IGNORE);
      return [];
    case RESERVE:
      reserve(task, readReserveList(list).key, type);
      return [];
    case RELEASE:
      release(task, readReserveList(list).key, type);
      return [];
    case CLEAR:
      clear(task, readReserveList(list).key);
      return [];
    default: {
      const { key, serviceActionKey } = basic(list);
      return preempt(task, { key, serviceActionKey, type, aborts: task.detail === PREEMPT_AND_ABORT });
    }
  }
}

/** SPEC_I_PT is for REGISTER alone (SPC-5 section 6.17.3). */
function basic(list: Uint8Array): ReturnType<typeof readReserveList> {
  const read = readReserveList(list);
  if (read.others !== undefined) throw invalidList(20, 3);
  return read;
}

function reserve(task: Task, key: bigint, type: number): void {
  const { registry } = task.unit;
  const registration = registrantOf(task, key);
  if (registry.type === 0) registry.reserve(registration, type);
  else if (!registry.holds(registration) || registry.type !== type) throw conflict();
}

/** SPC-5 section 5.14.11.2: releasing what one does not hold is no error and does nothing. */
function release(task: Task, key: bigint, type: number): void {
  const { registry } = task.unit;
  const registration = registrantOf(task, key);
  if (!registry.holds(registration)) return;
  if (registry.type !== type) throw illegal(INVALID_RELEASE);
  endReservation(task.unit, task);
}

/** The reservation is over; those who shared it are told. */
function endReservation(unit: LogicalUnit, task: Task): void {
  const { registry } = unit;
  if (isShared(registry.type)) attendRegistrants(unit, [...registry.all()], RESERVATIONS_RELEASED, task.seat);
  registry.release();
}

/** SPC-5 section 5.14.11.6. */
function clear(task: Task, key: bigint): void {
  const { unit } = task;
  const { registry } = unit;
  registrantOf(task, key);
  const all = [...registry.all()];
  registry.release();
  for (const registration of all) registry.remove(registration);
  registry.count();
  attendRegistrants(unit, all, RESERVATIONS_PREEMPTED, task.seat);
}

const usage = (action: number): number[] => [0x5f, action, 0xff, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x04];

export const reserveOutCommands: readonly Command[] = Array.from({ length: REGISTER_AND_MOVE + 1 }, (_, action) =>
  command(usage(action), { action, always: true }, prepare, steps(reserveOut)),
);
