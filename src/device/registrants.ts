import type { LogicalUnit } from './logicalUnit.ts';
import type { Registration } from './registry.ts';
import type { Seat } from './seat.ts';

/** The nexuses that are there now and that a registration is of. */
export function seatsOf(unit: LogicalUnit, registration: Registration): Seat[] {
  return [...unit.seats.values()].filter(({ nexus }) => {
    const isPort = registration.targetPort === 0 || registration.targetPort === nexus.targetPort;
    return isPort && nexus.initiatorPort === registration.initiatorPort;
  });
}

/** A unit attention for all nexuses of these registrations but one. */
export function attendRegistrants(
  unit: LogicalUnit,
  registrations: readonly Registration[],
  code: number,
  except: Seat,
): void {
  for (const registration of registrations) {
    for (const seat of seatsOf(unit, registration)) if (seat !== except) seat.attend(code);
  }
}
