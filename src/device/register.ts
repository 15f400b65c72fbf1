import type { TransportId } from '../../parsers/scsi/transportId.ts';
import type { LogicalUnit } from './logicalUnit.ts';
import { conflict, INSUFFICIENT_REGISTRATIONS, illegal, invalidList } from './refusal.ts';
import { attendRegistrants } from './registrants.ts';
import type { Registration } from './registry.ts';
import { isAllRegistrants, isShared } from './registry.ts';
import type { MoveList, ReserveList } from './reserveList.ts';
import { RESERVATIONS_RELEASED } from './seat.ts';
import type { Task } from './task.ts';

const KEY_AT = 8;

/** The issuer's registration, which has to be there and of that key (SPC-5 section 5.14.7). */
export function registrantOf(task: Task, key: bigint): Registration {
  const registration = task.unit.registry.of(task.nexus);
  if (registration === undefined || registration.key !== key) throw conflict();
  return registration;
}

/** REGISTER and REGISTER AND IGNORE EXISTING KEY, SPC-5 section 5.14.7. */
export function register(task: Task, list: ReserveList, ignores: boolean): void {
  const { registry } = task.unit;
  const own = registry.of(task.nexus);
  if (!ignores && (own?.key ?? 0n) !== list.key) throw conflict();
  // Others may only be registered by who is not registered yet, and never without looking at the key.
  demandKeeper(task, list.keep, 20);
  if (list.others !== undefined && (ignores || own !== undefined)) throw invalidList(20, 3);
  if (own === undefined) addAll(task, list);
  else if (list.serviceActionKey === 0n) unregister(task, own);
  else own.key = list.serviceActionKey;
  registry.isKept = list.keep;
  registry.count();
}

/** APTPL is refused where nobody keeps anything (SPC-5 section 6.17.3). */
function demandKeeper(task: Task, keep: boolean, at: number): void {
  if (keep && !task.unit.keeps) throw invalidList(at, 0);
}

/** All of them or none. */
function addAll(task: Task, list: ReserveList): void {
  if (list.serviceActionKey === 0n) return;
  const { unit, nexus } = task;
  const targetPort = list.allTargetPorts ? 0 : nexus.targetPort;
  const ports = [
    { initiator: nexus.initiator, initiatorPort: nexus.initiatorPort },
    ...(list.others ?? []).flatMap((id) => portsOf(unit, id)),
  ];
  const added = ports.map((port) => ({ ...port, targetPort, key: list.serviceActionKey }));
  if (
    added.some(({ initiatorPort }, i) => i > 0 && unit.registry.find(initiatorPort, nexus.targetPort) !== undefined)
  ) {
    throw invalidList(24);
  }
  if (!unit.registry.hasRoomFor(added.length)) throw illegal(INSUFFICIENT_REGISTRATIONS);
  for (const registration of added) unit.registry.put(registration);
}

interface Port {
  readonly initiator: string;
  readonly initiatorPort: string;
}

/** A TransportID without an ISID means all ports of that initiator that are known (SPC-5 section 7.6.4.6). */
function portsOf(unit: LogicalUnit, id: TransportId): Port[] {
  if (id.initiatorPort !== undefined) return [{ initiator: id.initiator, initiatorPort: id.initiatorPort }];
  const ports = new Map<string, Port>();
  for (const { nexus } of unit.seats.values()) {
    if (nexus.initiator !== id.initiator) continue;
    ports.set(nexus.initiatorPort, { initiator: nexus.initiator, initiatorPort: nexus.initiatorPort });
  }
  return [...ports.values()];
}

/** SPC-5 section 5.14.11.3: the holder's reservation ends with its registration, that of all registrants with the last. */
export function unregister(task: Task, registration: Registration): void {
  const { unit } = task;
  const { registry } = unit;
  registry.remove(registration);
  const ends = isAllRegistrants(registry.type) ? registry.size === 0 : registry.holder === registration;
  if (!ends || registry.type === 0) return;
  if (isShared(registry.type)) attendRegistrants(unit, [...registry.all()], RESERVATIONS_RELEASED, task.seat);
  registry.release();
}

/** REGISTER AND MOVE, SPC-5 section 5.14.8. */
export function registerAndMove(task: Task, list: MoveList): void {
  const { registry } = task.unit;
  const own = registrantOf(task, list.key);
  if (isAllRegistrants(registry.type) || !registry.holds(own)) throw conflict();
  demandKeeper(task, list.keep, 17);
  if (list.serviceActionKey === 0n) throw invalidList(KEY_AT);
  // An initiator alone is no place for a reservation (SPC-5 section 7.6.4.6).
  const { initiator, initiatorPort } = list.to;
  if (initiatorPort === undefined || list.targetPort === 0) throw invalidList(initiatorPort === undefined ? 24 : 18);
  if (initiatorPort === task.nexus.initiatorPort && list.targetPort === task.nexus.targetPort) throw invalidList(24);
  const known = registry.find(initiatorPort, list.targetPort);
  if (known === undefined && !registry.hasRoomFor(1)) throw illegal(INSUFFICIENT_REGISTRATIONS);
  const moved = known ?? { initiator, initiatorPort, targetPort: list.targetPort, key: 0n };
  moved.key = list.serviceActionKey;
  registry.put(moved);
  registry.reserve(moved, registry.type);
  if (list.unregister) registry.remove(own);
  registry.isKept = list.keep;
  registry.count();
}
