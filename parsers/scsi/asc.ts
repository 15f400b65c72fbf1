import { commandCodes } from './asc.command.ts';
import { deviceCodes } from './asc.device.ts';

/**
 * Additional sense codes in words (SPC-4 section 4.5.6, and T10's list of the codes): those that a block device, its
 * enclosure or a copy manager gives. One line each: ASC and ASCQ in hexadecimal, then the standard's text.
 */
const tables = [deviceCodes, commandCodes];

/** Codes whose qualifier is a number of its own. */
const families: Readonly<Record<number, string>> = {
  64: 'DIAGNOSTIC FAILURE ON COMPONENT',
  65: 'DATA PATH FAILURE',
  66: 'POWER-ON OR SELF-TEST FAILURE',
  77: 'TAGGED OVERLAPPED COMMANDS (TASK TAG)',
  112: 'DECOMPRESSION EXCEPTION SHORT ALGORITHM ID',
};

let words: Map<number, string> | undefined;

/** Every code of the table; read once, when the first sense has to be told in words. */
export function ascTable(): ReadonlyMap<number, string> {
  if (words === undefined) {
    const lines = tables.flatMap((table) => table.trim().split('\n'));
    words = new Map(lines.map((line) => [Number.parseInt(line.slice(0, 4), 16), line.slice(5)]));
  }
  return words;
}

/** The standard's text for an additional sense code, undefined where the table has none. */
export function ascWords(asc: number, ascq: number): string | undefined {
  const exact = ascTable().get(asc * 256 + ascq);
  if (exact !== undefined) return exact;
  if (asc >= 0x80 || ascq >= 0x80) return families[asc] ?? 'VENDOR SPECIFIC';
  return families[asc];
}
