import { put16, u16 } from '../../parsers/bytes.ts';
import { copyOf } from '../base/bytes.ts';
import type { Command } from './command.ts';
import { command, cut, reply } from './command.ts';
import type { LogicalUnit } from './logicalUnit.ts';
import { invalidCdb } from './refusal.ts';
import type { Task } from './task.ts';
import { putText } from './text.ts';
import { vpdPage } from './vpd.ts';

const STANDARD_BYTES = 96;
const RESPONSE_FORMAT = 0x02;
const HISUP = 0x10;
/** SPC-4: hosts in use know no more (iscsi-test-cu refuses another). */
const VERSION = 0x06;
const THIRD_PARTY_COPY = 0x08;
const COMMAND_QUEUE = 0x02;
/** SAM-5, SAM-6, iSCSI, SPC-4, SBC-3, SPC-5, SBC-4; no version of any claimed (SPC-5 annex D). */
const VERSION_DESCRIPTORS = [0x00a0, 0x00c0, 0x0960, 0x0460, 0x04c0, 0x05c0, 0x0600];

/** Standard INQUIRY data, SPC-5 section 6.7.2. */
function standardInquiry(unit: LogicalUnit): Uint8Array {
  const bytes = new Uint8Array(STANDARD_BYTES);
  bytes[1] = unit.isRemovable ? 0x80 : 0;
  bytes[2] = VERSION;
  bytes[3] = HISUP | RESPONSE_FORMAT;
  bytes[4] = STANDARD_BYTES - 5;
  bytes[5] = THIRD_PARTY_COPY;
  bytes[7] = COMMAND_QUEUE;
  putText(bytes, 8, 8, unit.identity.vendor);
  putText(bytes, 16, 16, unit.identity.product);
  putText(bytes, 32, 4, unit.identity.revision);
  for (const [i, descriptor] of VERSION_DESCRIPTORS.entries()) put16(bytes, 58 + i * 2, descriptor);
  return bytes;
}

/** Standard INQUIRY data of a LUN without a logical unit: qualifier 011b, type 1Fh (SPC-5 section 6.7.2). */
export function absentInquiry(): Uint8Array {
  const bytes = new Uint8Array(36);
  bytes[0] = 0x7f;
  bytes[2] = VERSION;
  bytes[3] = HISUP | RESPONSE_FORMAT;
  bytes[4] = bytes.length - 5;
  bytes.fill(0x20, 8);
  return bytes;
}

function prepare(task: Task, cdb: Uint8Array): void {
  if ((cdb[1] & 0x02) !== 0) throw invalidCdb(1, 1);
  if ((cdb[1] & 0x01) === 0 && cdb[2] !== 0) throw invalidCdb(2, 7);
  task.cdb = copyOf(cdb, 0, 6);
}

function inquire(task: Task): Uint8Array {
  const { cdb, unit } = task;
  const bytes = (cdb[1] & 0x01) === 0 ? standardInquiry(unit) : vpdPage(unit, task.nexus, cdb[2]);
  if (bytes === undefined) throw invalidCdb(2, 7);
  return cut(bytes, u16(cdb, 3));
}

export const inquiryCommand: Command = command(
  [0x12, 0x01, 0xff, 0xff, 0xff, 0x04],
  { calm: true, always: true },
  prepare,
  reply(inquire),
);
