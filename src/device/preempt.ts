import type { StoppedTask } from '../base/device.ts';
import type { LogicalUnit } from './logicalUnit.ts';
import { conflict, invalidList } from './refusal.ts';
import { registrantOf } from './register.ts';
import { attendRegistrants, seatsOf } from './registrants.ts';
import type { Registration } from './registry.ts';
import { isAllRegistrants } from './registry.ts';
import { COMMANDS_CLEARED, REGISTRATIONS_PREEMPTED, RESERVATIONS_RELEASED } from './seat.ts';
import type { Task } from './task.ts';

export interface Preempting {
  readonly key: bigint;
  readonly serviceActionKey: bigint;
  readonly type: number;
  /** PREEMPT AND ABORT. */
  readonly aborts: boolean;
}

const KEY_AT = 8;

/** PREEMPT and PREEMPT AND ABORT, SPC-5 section 5.14.11.4 and 5.14.11.5. Returns the tasks that are to be stopped. */
export function preempt(task: Task, order: Preempting): readonly StoppedTask[] {
  const { unit } = task;
  const { registry } = unit;
  const own = registrantOf(task, order.key);
  const takesOver = takesReservation(registry.type, registry.holder, order.serviceActionKey);
  if (order.serviceActionKey === 0n && !takesOver) throw invalidList(KEY_AT);
  const all = [...registry.all()];
  const named = order.serviceActionKey === 0n ? all : all.filter(({ key }) => key === order.serviceActionKey);
  if (named.length === 0) throw conflict();
  const removed = named.filter((registration) => registration !== own || !takesOver);
  const stopped = order.aborts ? tasksOf(unit, removed, task) : [];
  if (takesOver) takeOver(task, own, removed, order.type);
  else for (const registration of removed) registry.remove(registration);
  if (!takesOver && isAllRegistrants(registry.type) && registry.size === 0) registry.release();
  registry.count();
  attendRegistrants(unit, removed, REGISTRATIONS_PREEMPTED, task.seat);
  return stopped;
}

/** Whether a SERVICE ACTION RESERVATION KEY means the reservation, not registrations alone. */
function takesReservation(type: number, holder: Registration | undefined, key: bigint): boolean {
  if (type === 0) return false;
  return isAllRegistrants(type) ? key === 0n : holder?.key === key;
}

/** The issuer holds the reservation now; who stays is told where it became another one. */
function takeOver(task: Task, own: Registration, removed: readonly Registration[], type: number): void {
  const { unit } = task;
  const { registry } = unit;
  const changes = registry.type !== type;
  for (const registration of removed) if (registration !== own) registry.remove(registration);
  registry.reserve(own, type);
  if (changes) attendRegistrants(unit, [...registry.all()], RESERVATIONS_RELEASED, task.seat);
}

/** The tasks of those who are removed; who loses one without having asked for it is told (SPC-5 section 5.14.11.5). */
function tasksOf(unit: LogicalUnit, registrations: readonly Registration[], task: Task): StoppedTask[] {
  const seats = new Set(registrations.flatMap((registration) => seatsOf(unit, registration)));
  const stopped: StoppedTask[] = [];
  for (const seat of seats) {
    const others = unit
      .stopped([seat], task.nexus)
      .filter(({ nexus, tag }) => nexus !== task.nexus.id || tag !== task.tag);
    // With TAS their status tells it.
    if (others.length > 0 && seat !== task.seat && !unit.modes.tellsAborted) seat.attend(COMMANDS_CLEARED);
    stopped.push(...others);
  }
  return stopped;
}
