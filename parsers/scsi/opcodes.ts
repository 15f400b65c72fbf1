import { blockOperations, zoneOperations } from './opcodes.block.ts';
import { otherOperations } from './opcodes.other.ts';
import { controllerOperations, primaryOperations } from './opcodes.primary.ts';
import { ATA_SERVICE_ACTION_32, ataPassThrough, securityProtocolOut, throughOperations } from './opcodes.through.ts';
import type { Operation } from './operation.ts';
import { operation, shape } from './operation.ts';

export type { Direction, Effect, Operation, Shape, ZeroBlocks } from './operation.ts';

/** Every operation with a fixed nature, plus one of each that depends on what it carries. */
export const operations: readonly Operation[] = [
  ...primaryOperations,
  ...blockOperations,
  ...zoneOperations,
  ...controllerOperations,
  ...otherOperations,
  ...throughOperations,
];

/** Opcodes that keep a service action in bits 4-0 of byte 1 (SPC-4 section 4.2.5.2). */
const actionOpcodes = new Set([0x48, 0x5e, 0x5f, 0x83, 0x84, 0x86, 0x87, 0x8c, 0x94, 0x95]);
for (const opcode of [0x9d, 0x9e, 0x9f, 0xa3, 0xa4, 0xa9, 0xab]) actionOpcodes.add(opcode);

/** Group 3's opcodes: a service action of two bytes, and a CDB wrapped into another (SPC-4 sections 4.2.3 and 4.2.4). */
export const VARIABLE_LENGTH = 0x7f;
export const EXTENDED_CDB = 0x7e;

function unknown(opcode: number, action: number): Operation {
  const hex = (value: number): string => value.toString(16).toUpperCase().padStart(2, '0');
  const name = action < 0 ? `UNKNOWN(${hex(opcode)}h)` : `UNKNOWN(${hex(opcode)}h/${hex(action)}h)`;
  return operation(opcode, action, name, 'control', '-', shape(1), {}, false);
}

/** Made when first met, at most once each: most never are, and making them all is half of this room's start-up. */
const unknowns: Operation[] = [];

/** `action` -1 names the opcode alone. */
function unknownOf(opcode: number, action: number): Operation {
  const key = opcode * 33 + action + 1;
  unknowns[key] ??= unknown(opcode, action);
  return unknowns[key];
}

/** By opcode; by opcode * 32 + service action; by the service action of 7Fh. */
const plain: (Operation | undefined)[] = new Array(256).fill(undefined);
const actions: (Operation | undefined)[] = new Array(256 * 32).fill(undefined);
const variable = new Map<number, Operation>();

for (const entry of operations) {
  if (entry.opcode === VARIABLE_LENGTH) variable.set(entry.serviceAction, entry);
  else if (entry.serviceAction >= 0) actions[entry.opcode * 32 + entry.serviceAction] = entry;
  else plain[entry.opcode] = entry;
}

/** The service action of a CDB, -1 where its opcode has none or the CDB ends before it. */
export function serviceActionOf(cdb: Uint8Array, offset: number, length: number): number {
  const opcode = cdb[offset];
  if (opcode === VARIABLE_LENGTH) return length < 10 ? -1 : (cdb[offset + 8] << 8) | cdb[offset + 9];
  return actionOpcodes.has(opcode) && length > 1 ? cdb[offset + 1] & 0x1f : -1;
}

/**
 * The operation of a CDB of `length` bytes at `offset` (at least one). An `UNKNOWN(xxh)` one, with `known` false, where
 * no standard defines it or the CDB is shorter than the command demands.
 */
export function operationOf(cdb: Uint8Array, offset: number, length: number): Operation {
  const opcode = cdb[offset];
  const action = serviceActionOf(cdb, offset, length);
  const found = lookup(cdb, offset, length, opcode, action);
  if (found === undefined) return unknownOf(opcode, opcode === VARIABLE_LENGTH ? -1 : action);
  if (length < found.shape.length) return unknownOf(opcode, -1);
  // ADDITIONAL CDB LENGTH counts what follows byte 7.
  if (opcode === VARIABLE_LENGTH && cdb[offset + 7] + 8 < found.shape.length) return unknownOf(opcode, -1);
  return found;
}

function lookup(
  cdb: Uint8Array,
  offset: number,
  length: number,
  opcode: number,
  action: number,
): Operation | undefined {
  if (opcode === VARIABLE_LENGTH) {
    const isAta = action === ATA_SERVICE_ACTION_32 && length >= 32;
    return isAta ? ataPassThrough(cdb, offset, opcode) : variable.get(action);
  }
  if (opcode === 0xb5 && length >= 12) return securityProtocolOut(cdb[offset + 1]);
  if ((opcode === 0xa1 && length >= 12) || (opcode === 0x85 && length >= 16))
    return ataPassThrough(cdb, offset, opcode);
  // SANITIZE, PERSISTENT RESERVE and their like are one command each, whatever their service action asks of it.
  return plain[opcode] ?? (action < 0 ? undefined : actions[opcode * 32 + action]);
}

/** True for opcodes that the standards leave to vendors (groups 6 and 7, SPC-4 section 4.2.5.1). */
export function isVendorSpecific(opcode: number): boolean {
  return opcode >= 0xc0;
}
