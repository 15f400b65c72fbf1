import type { Nature } from '../../src/base/command.ts';
import type { Direction, Operation } from './operation.ts';
import { operation, shape } from './operation.ts';

const lengths = [6, 10, 10, 16, 16, 12, 6, 6];
const foreign = { blockDevice: false } as const;
const foreignWrite = { blockDevice: false, effect: 'wholeLu' } as const;

function other(opcode: number, action: number, name: string, nature: Nature, direction: Direction): Operation {
  const length = opcode === 0x7f ? 32 : lengths[opcode >> 5];
  return operation(opcode, action, name, nature, direction, shape(length), nature === 'write' ? foreignWrite : foreign);
}

type Row = readonly [code: number, name: string, nature: Nature, direction: Direction];

/** Opcodes that only tapes, changers, optical drives and their like give a meaning to (SSC-5, SMC-3, MMC-6). */
const rows: readonly Row[] = [
  [0x05, 'READ BLOCK LIMITS', 'control', 'r'],
  [0x0f, 'READ REVERSE(6)', 'read', 'r'],
  [0x10, 'WRITE FILEMARKS(6)', 'write', '-'],
  [0x11, 'SPACE(6)', 'control', '-'],
  [0x13, 'VERIFY(6)', 'read', '-'],
  [0x14, 'RECOVER BUFFERED DATA', 'read', 'r'],
  [0x19, 'ERASE(6)', 'write', '-'],
  [0x23, 'READ FORMAT CAPACITIES', 'control', 'r'],
  [0x43, 'READ TOC/PMA/ATIP', 'control', 'r'],
  [0x44, 'REPORT DENSITY SUPPORT', 'control', 'r'],
  [0x45, 'PLAY AUDIO(10)', 'control', '-'],
  [0x46, 'GET CONFIGURATION', 'control', 'r'],
  [0x47, 'PLAY AUDIO MSF', 'control', '-'],
  [0x4a, 'GET EVENT STATUS NOTIFICATION', 'control', 'r'],
  [0x4b, 'PAUSE/RESUME', 'control', '-'],
  [0x4e, 'STOP PLAY/SCAN', 'control', '-'],
  [0x54, 'SEND OPC INFORMATION', 'control', 'w'],
  [0x58, 'REPAIR TRACK', 'write', '-'],
  [0x5b, 'CLOSE TRACK/SESSION', 'write', '-'],
  [0x5c, 'READ BUFFER CAPACITY', 'control', 'r'],
  [0x5d, 'SEND CUE SHEET', 'control', 'w'],
  [0xa5, 'MOVE MEDIUM', 'control', '-'],
  [0xa6, 'EXCHANGE MEDIUM', 'control', '-'],
  [0xa7, 'MOVE MEDIUM ATTACHED', 'control', '-'],
  [0xad, 'READ DISC STRUCTURE', 'control', 'r'],
  [0xb4, 'READ ELEMENT STATUS ATTACHED', 'control', 'r'],
  [0xb6, 'SEND VOLUME TAG', 'control', 'w'],
  [0xb8, 'READ ELEMENT STATUS', 'control', 'r'],
  [0xb9, 'READ CD MSF', 'read', 'r'],
];

/** OSD and OSD-2 service actions of 7Fh: an object store's contents are no blocks of this product's. */
const objectRows: readonly Row[] = [
  [0x01, 'FORMAT OSD', 'write', '-'],
  [0x02, 'CREATE', 'write', 'bidi'],
  [0x03, 'LIST', 'read', 'r'],
  [0x05, 'READ', 'read', 'r'],
  [0x06, 'WRITE', 'write', 'w'],
  [0x07, 'APPEND', 'write', 'w'],
  [0x08, 'FLUSH', 'control', '-'],
  [0x0a, 'REMOVE', 'write', '-'],
  [0x0b, 'CREATE PARTITION', 'write', '-'],
  [0x0c, 'REMOVE PARTITION', 'write', '-'],
  [0x0e, 'GET ATTRIBUTES', 'read', 'r'],
  [0x0f, 'SET ATTRIBUTES', 'write', 'w'],
  [0x12, 'CREATE AND WRITE', 'write', 'w'],
  [0x15, 'CREATE COLLECTION', 'write', '-'],
  [0x16, 'REMOVE COLLECTION', 'write', '-'],
  [0x17, 'LIST COLLECTION', 'read', 'r'],
  [0x18, 'SET KEY', 'control', 'w'],
  [0x19, 'SET MASTER KEY', 'control', 'w'],
  [0x1a, 'FLUSH COLLECTION', 'control', '-'],
  [0x1b, 'FLUSH PARTITION', 'control', '-'],
  [0x1c, 'FLUSH OSD', 'control', '-'],
];

const objectRows2: readonly Row[] = [
  [0x8880, 'OBJECT STRUCTURE CHECK', 'write', '-'],
  [0x8884, 'PUNCH', 'write', '-'],
  [0x8889, 'CLEAR', 'write', '-'],
  [0x88a0, 'QUERY', 'read', 'r'],
  [0x88a1, 'REMOVE MEMBER OBJECTS', 'write', '-'],
  [0x88a2, 'GET MEMBER ATTRIBUTES', 'read', 'r'],
  [0x88a3, 'SET MEMBER ATTRIBUTES', 'write', 'w'],
  [0x88b1, 'READ MAP', 'read', 'r'],
  [0x8f7c, 'PERFORM SCSI COMMAND', 'write', 'bidi'],
  [0x8f7d, 'PERFORM TASK MANAGEMENT FUNCTION', 'control', '-'],
  [0x8f7e, 'PERFORM SCSI COMMAND', 'write', 'bidi'],
  [0x8f7f, 'PERFORM TASK MANAGEMENT FUNCTION', 'control', '-'],
];

const osd = (action: number, [, name, nature, direction]: Row): Operation =>
  other(0x7f, action, `${name} (OSD)`, nature, direction);

export const otherOperations: readonly Operation[] = [
  ...rows.map(([code, name, nature, direction]) => other(code, -1, name, nature, direction)),
  other(0x83, 0x16, 'SET TAPE STREAM MIRRORING', 'control', '-'),
  other(0x84, 0x16, 'REPORT TAPE STREAM MIRRORING', 'control', 'r'),
  other(0xa3, 0x1e, 'READ DYNAMIC RUNTIME ATTRIBUTE', 'control', 'r'),
  other(0xa4, 0x1d, 'GENERATE RECOMMENDED ACCESS ORDER', 'control', 'w'),
  other(0xa4, 0x1e, 'WRITE DYNAMIC RUNTIME ATTRIBUTE', 'control', 'w'),
  other(0xa9, 0x1f, 'SET MEDIUM ATTRIBUTE', 'control', 'w'),
  other(0x9f, 0x1f, 'NOTIFY DATA TRANSFER DEVICE(16)', 'control', 'w'),
  ...objectRows.flatMap((row) => [osd(0x8800 + row[0], row), osd(0x8880 + row[0], row)]),
  ...objectRows2.map((row) => osd(row[0], row)),
];
