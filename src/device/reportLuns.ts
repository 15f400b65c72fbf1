import { put32, u32 } from '../../parsers/bytes.ts';
import { lunBytes } from '../../parsers/scsi/lun.ts';
import { copyOf } from '../base/bytes.ts';
import type { Command } from './command.ts';
import { command, reply } from './command.ts';
import { invalidCdb } from './refusal.ts';
import { LUNS_CHANGED } from './seat.ts';

/**
 * REPORT LUNS, SPC-5 section 6.33. Reports that select well known logical units alone, or administrative and subsidiary
 * ones, are empty: there are none.
 */
export function reportLuns(cdb: Uint8Array, luns: readonly number[]): Uint8Array {
  const select = cdb[2];
  const length = u32(cdb, 6);
  if (select > 0x02 && select !== 0x10 && select !== 0x11 && select !== 0x12) throw invalidCdb(2, 7);
  if (length < 16) throw invalidCdb(6, 7);
  const listed = select === 0x01 || select >= 0x10 ? [] : luns;
  const bytes = new Uint8Array(8 + listed.length * 8);
  put32(bytes, 0, listed.length * 8);
  for (const [i, lun] of listed.entries()) bytes.set(lunBytes(lun), 8 + i * 8);
  return bytes.length > length ? bytes.subarray(0, length) : bytes;
}

export const reportLunsCommand: Command = command(
  [0xa0, 0, 0xff, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0x04],
  { calm: true, always: true },
  (task, cdb) => {
    task.cdb = copyOf(cdb, 0, 12);
  },
  reply((task) => {
    const bytes = reportLuns(task.cdb, task.unit.place.luns());
    task.seat.dismiss(LUNS_CHANGED);
    return bytes;
  }),
);
