import { put16, put32, u16 } from '../../parsers/bytes.ts';
import { transportIdBytes } from '../../parsers/scsi/transportId.ts';
import { copyOf } from '../base/bytes.ts';
import type { Command } from './command.ts';
import { command, cut, reply } from './command.ts';
import { invalidCdb } from './refusal.ts';
import type { Registration, Registry } from './registry.ts';
import type { Task } from './task.ts';
import { concat } from './text.ts';

const READ_KEYS = 0x00;
const READ_RESERVATION = 0x01;
const REPORT_CAPABILITIES = 0x02;
const READ_FULL_STATUS = 0x03;
/** CRH, SIP_C, ATP_C. */
const CAPABLE = 0x1c;
/** A registration may persist through a power loss. */
const PTPL_C = 0x01;
const TYPE_MASK_VALID = 0x80;
/** ALLOW COMMANDS 001b: TEST UNIT READY goes through every reservation. */
const ALLOWS = 0x10;

/** PERSISTENT RESERVE IN, SPC-5 section 6.16. */
function reserveIn(task: Task): Uint8Array {
  const { registry } = task.unit;
  const bytes = answer(registry, task.detail);
  if (task.detail === REPORT_CAPABILITIES && task.unit.keeps) bytes[2] |= PTPL_C;
  if (task.detail !== REPORT_CAPABILITIES) put32(bytes, 0, registry.generation);
  return cut(bytes, u16(task.cdb, 7));
}

function answer(registry: Registry, action: number): Uint8Array {
  switch (action) {
    case READ_KEYS:
      return listed([...registry.all()].map(({ key }) => keyBytes(key)));
    case READ_RESERVATION:
      return listed(registry.type === 0 ? [] : [reservation(registry)]);
    case REPORT_CAPABILITIES:
      return Uint8Array.of(0, 8, CAPABLE, TYPE_MASK_VALID | ALLOWS | (registry.isKept ? 1 : 0), 0xea, 0x01, 0, 0);
    default:
      return listed([...registry.all()].map((registration) => fullStatus(registry, registration)));
  }
}

/** PRGENERATION, which the caller fills in, and the length of what follows. */
function listed(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = concat([new Uint8Array(8), ...parts]);
  put32(bytes, 4, bytes.length - 8);
  return bytes;
}

function keyBytes(key: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, key);
  return bytes;
}

/** The key is zero where all registrants hold it (SPC-5 section 6.16.3.2). */
function reservation(registry: Registry): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes.set(keyBytes(registry.holder?.key ?? 0n));
  bytes[13] = registry.type;
  return bytes;
}

/** Full status descriptor, SPC-5 section 6.16.5.2. */
function fullStatus(registry: Registry, registration: Registration): Uint8Array {
  const id = transportIdBytes(registration.initiatorPort);
  const bytes = new Uint8Array(24 + id.length);
  const holds = registry.holds(registration);
  bytes.set(keyBytes(registration.key));
  bytes[12] = (registration.targetPort === 0 ? 0x02 : 0) | (holds ? 0x01 : 0);
  bytes[13] = holds ? registry.type : 0;
  put16(bytes, 18, registration.targetPort);
  put32(bytes, 20, id.length);
  bytes.set(id, 24);
  return bytes;
}

function prepare(task: Task, cdb: Uint8Array): void {
  task.detail = cdb[1] & 0x1f;
  if (task.detail > READ_FULL_STATUS) throw invalidCdb(1, 4);
  task.cdb = copyOf(cdb, 0, 10);
}

/** One command for each service action, as REPORT SUPPORTED OPERATION CODES tells them. */
export const reserveInCommands: readonly Command[] = [
  READ_KEYS,
  READ_RESERVATION,
  REPORT_CAPABILITIES,
  READ_FULL_STATUS,
].map((action) =>
  command([0x5e, action, 0, 0, 0, 0, 0, 0xff, 0xff, 0x04], { action, always: true }, prepare, reply(reserveIn)),
);
