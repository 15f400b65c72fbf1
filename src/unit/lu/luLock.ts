import { putReserveIn, putReserveOut, reserveList } from '../../../parsers/scsi/build.ts';
import {
  PREEMPT,
  parseReservation,
  READ_RESERVATION,
  REGISTER,
  REGISTER_AND_IGNORE,
  RELEASE,
  RESERVE,
  type Reservation,
  WRITE_EXCLUSIVE,
} from '../../../parsers/scsi/reservation.ts';
import { RESERVATION_CONFLICT } from '../../../parsers/scsi/sense.ts';
import { Fault, isParseFault } from '../../base/fault.ts';
import { CommandFault } from '../../iscsi/lu/verdict.ts';
import type { LuSession } from './luSession.ts';

/**
 * Makes the LU ours alone to write (SPC-5 section 5.14): registers `key` and reserves the LU, Write Exclusive. A
 * reservation under our own key is an earlier session's: a target may count that as another nexus, so it is preempted.
 *
 * Resolves with false where the target has no persistent reservations. Rejects where another key holds the LU.
 */
export async function lockLu(session: LuSession, key: bigint, name: string): Promise<boolean> {
  try {
    await reserveOut(session, REGISTER_AND_IGNORE, 0n, key);
  } catch (error) {
    if (error instanceof CommandFault && error.unsupported) return false;
    throw error;
  }
  if (await reserve(session, key)) return true;
  const holder = await holderOf(session);
  // It was let go between the two commands.
  if (holder === undefined && (await reserve(session, key))) return true;
  if (holder?.key === key) {
    // Registers of our older sessions go with the reservation; ours stays (SPC-5 section 5.14.11.2.5).
    await reserveOut(session, PREEMPT, key, key);
    await reserveOut(session, REGISTER_AND_IGNORE, 0n, key);
    if (await reserve(session, key)) return true;
  }
  await reserveOut(session, REGISTER, key, 0n).catch(() => undefined);
  throw heldByAnother(name, await holderOf(session));
}

/** Gives the LU back. What fails is left as it is: the target may be gone. */
export async function unlockLu(session: LuSession, key: bigint): Promise<void> {
  await reserveOut(session, RELEASE, key, 0n).catch(() => undefined);
  await reserveOut(session, REGISTER, key, 0n).catch(() => undefined);
}

/** False for a RESERVATION CONFLICT. Reserving what this nexus holds already succeeds (SPC-5 section 5.14.9). */
async function reserve(session: LuSession, key: bigint): Promise<boolean> {
  try {
    await reserveOut(session, RESERVE, key, 0n);
    return true;
  } catch (error) {
    if (error instanceof CommandFault && error.status === RESERVATION_CONFLICT) return false;
    throw error;
  }
}

async function reserveOut(session: LuSession, action: number, key: bigint, serviceActionKey: bigint): Promise<void> {
  const registers = action === REGISTER || action === REGISTER_AND_IGNORE;
  const type = registers ? 0 : WRITE_EXCLUSIVE;
  await session.ask((cdb) => putReserveOut(cdb, action, type), { out: reserveList(key, serviceActionKey) });
}

async function holderOf(session: LuSession): Promise<Reservation | undefined> {
  const into = new Uint8Array(64);
  const bytes = await session.ask((cdb) => putReserveIn(cdb, READ_RESERVATION, into.length), { into });
  const holder = parseReservation(bytes, 0, bytes.length);
  if (isParseFault(holder)) throw new Fault('peer', `${session.remote}: ${holder.reason}`);
  return holder;
}

function heldByAnother(name: string, holder: Reservation | undefined): Fault {
  const key = holder === undefined ? '' : ` (key ${holder.key.toString(16).padStart(16, '0')}h)`;
  const mend = 'stop that unit; if it is gone for good, clear the persistent reservation at the target';
  return new Fault('local', `another unit or host holds ${name} for writing${key}`, mend);
}
