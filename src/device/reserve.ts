import type { Command } from './command.ts';
import { act, command } from './command.ts';
import { conflict, invalidCdb } from './refusal.ts';
import { isShared } from './registry.ts';
import type { Task } from './task.ts';

/** Third-party reservations are obsolete, and nothing here takes them. */
function prepare6(_: Task, cdb: Uint8Array): void {
  if ((cdb[1] & 0x1f) !== 0) throw invalidCdb(1, 4);
}

function prepare10(task: Task, cdb: Uint8Array): void {
  if ((cdb[1] & 0x13) !== 0) throw invalidCdb(1, 4);
  task.takes = 0;
}

/** CRH, SPC-5 section 5.14.3: who shares the persistent reservation has nothing to ask for; where others are registered it conflicts. */
function isPersistent(task: Task): boolean {
  const { registry } = task.unit;
  if (registry.size === 0) return false;
  const own = registry.of(task.nexus);
  const shares = registry.type !== 0 && own !== undefined && (registry.holds(own) || isShared(registry.type));
  if (!shares) throw conflict();
  return true;
}

/** RESERVE, SPC-2 sections 7.21 and 7.22. */
function reserve(task: Task): void {
  if (!isPersistent(task)) task.unit.holder = task.seat;
}

/** RELEASE, SPC-2 sections 7.16 and 7.17: what somebody else has reserved stays, without an error. */
function release(task: Task): void {
  if (!isPersistent(task) && task.unit.holder === task.seat) task.unit.holder = undefined;
}

export const reserveCommands: readonly Command[] = [
  command([0x16, 0, 0, 0, 0, 0x04], {}, prepare6, act(reserve)),
  command([0x17, 0, 0, 0, 0, 0x04], { unreserved: true }, prepare6, act(release)),
  command([0x56, 0, 0, 0, 0, 0, 0, 0, 0, 0x04], {}, prepare10, act(reserve)),
  command([0x57, 0, 0, 0, 0, 0, 0, 0, 0, 0x04], { unreserved: true }, prepare10, act(release)),
];
