import type { Operation } from './operation.ts';
import { listShape, operation, shape } from './operation.ts';

/**
 * Commands whose nature lies in what they carry to the device: ATA PASS-THROUGH (SAT-4 section 12.2) and SECURITY
 * PROTOCOL OUT (SPC-4).
 */
interface PassThrough {
  in: Operation;
  out: Operation;
  none: Operation;
  write: Operation;
}

function passThrough(opcode: number, action: number, name: string, length: number): PassThrough {
  const layout = shape(length);
  const whole = { effect: 'wholeLu', mayChangeFormat: true } as const;
  return {
    in: operation(opcode, action, name, 'control', 'r', layout),
    out: operation(opcode, action, name, 'control', 'w', layout),
    none: operation(opcode, action, name, 'control', '-', layout),
    write: operation(opcode, action, name, 'write', 'w', layout, whole),
  };
}

export const ATA_SERVICE_ACTION_32 = 0x1ff0;
const ata12 = passThrough(0xa1, -1, 'ATA PASS-THROUGH(12)', 12);
const ata16 = passThrough(0x85, -1, 'ATA PASS-THROUGH(16)', 16);
const ata32 = passThrough(0x7f, ATA_SERVICE_ACTION_32, 'ATA PASS-THROUGH(32)', 32);

/**
 * ATA commands (ACS-4 table of opcodes) that leave the medium's data as it is although they send data or none. Every
 * other one, TRUSTED SEND with its TCG methods and vendors' own included, is taken to change it.
 */
const harmless = new Set([
  0x00, // NOP
  0x0b, // REQUEST SENSE DATA EXT
  0x08, // DEVICE RESET
  0x2f,
  0x47,
  0x3f,
  0x57,
  0xb0, // READ/WRITE LOG (DMA) EXT, SMART
  0x40,
  0x42, // READ VERIFY SECTOR(S)
  0x90, // EXECUTE DEVICE DIAGNOSTIC
  0x92,
  0x93, // DOWNLOAD MICROCODE
  0xe0,
  0xe1,
  0xe2,
  0xe3,
  0xe5,
  0xe6, // power management
  0xe7,
  0xea, // FLUSH CACHE
  0xe4,
  0xe8,
  0xe9,
  0xeb, // READ/WRITE BUFFER
  0xec,
  0xa1, // IDENTIFY
  0xef, // SET FEATURES
  0xf1,
  0xf2,
  0xf3,
  0xf5,
  0xf6, // SECURITY SET PASSWORD, UNLOCK, ERASE PREPARE, FREEZE LOCK, DISABLE PASSWORD
  0xf8,
  0x27, // READ NATIVE MAX ADDRESS
]);

/** Data that comes back (T_DIR and a T_LENGTH) proves a reading command; else the ATA command itself is asked. */
function ataOperation(ata: PassThrough, cdb: Uint8Array, flagsAt: number, commandAt: number): Operation {
  const flags = cdb[flagsAt];
  const carriesData = (flags & 0x03) !== 0;
  if (carriesData && (flags & 0x08) !== 0) return ata.in;
  const command = cdb[commandAt];
  if (!harmless.has(command)) return ata.write;
  return carriesData ? ata.out : ata.none;
}

/** The ATA PASS-THROUGH operation that a CDB of the right length stands for; undefined for any other opcode. */
export function ataPassThrough(cdb: Uint8Array, offset: number, opcode: number): Operation | undefined {
  if (opcode === 0xa1) return ataOperation(ata12, cdb, offset + 2, offset + 9);
  if (opcode === 0x85) return ataOperation(ata16, cdb, offset + 2, offset + 14);
  return opcode === 0x7f ? ataOperation(ata32, cdb, offset + 11, offset + 25) : undefined;
}

const list12 = listShape(12, 6, 4);
const securityName = 'SECURITY PROTOCOL OUT';
const securityControl = operation(0xb5, -1, securityName, 'control', 'w', list12);
const securityWrite = operation(0xb5, -1, securityName, 'write', 'w', list12, { effect: 'wholeLu' });

/** Security protocols that only set keys, credentials or associations (SPC-4, SECURITY PROTOCOL values). */
const keyProtocols = new Set([0x00, 0x07, 0x20, 0x21, 0x40, 0x41, 0x42]);

/** TCG (01h-06h), IEEE 1667, ATA security and vendors' own protocols can erase or re-key the medium. */
export function securityProtocolOut(protocol: number): Operation {
  return keyProtocols.has(protocol) ? securityControl : securityWrite;
}

/** One of each, for tables that list every known command. */
export const throughOperations: readonly Operation[] = [ata12.write, ata16.write, ata32.write, securityWrite];
