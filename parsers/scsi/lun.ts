import { u16, u32 } from '../bytes.ts';
import { hexOf } from './bytes.ts';

/**
 * The number of the LU that an eight-byte LUN at `offset` names (SAM-5 section 4.7), or undefined where no exact number
 * can. A single-level LUN by peripheral (bus 0) or flat space addressing is its plain number, the same in both; any
 * other (logical unit, extended, well known, several levels) is its significant bytes read as one number, which
 * never meets a plain one.
 */
export function lunNumber(bytes: Uint8Array, offset: number): number | undefined {
  const first = u16(bytes, offset);
  const levels = levelsOf(bytes, offset);
  if (levels <= 1) return first < 0x100 ? first : first >> 14 === 1 ? first & 0x3fff : first;
  // Leading zeros would make two LUNs of different depth one number.
  if (first === 0) return undefined;
  let value = 0;
  for (let level = 0; level < levels; level += 1) value = value * 0x10000 + u16(bytes, offset + level * 2);
  return value > Number.MAX_SAFE_INTEGER ? undefined : value;
}

/** How many of the four two-byte levels are in use, counted to the last that is not zero. */
function levelsOf(bytes: Uint8Array, offset: number): number {
  let levels = 4;
  while (levels > 0 && u16(bytes, offset + levels * 2 - 2) === 0) levels -= 1;
  return levels;
}

/** The eight bytes of a plain LUN up to 16383: by peripheral addressing below 256, else by flat space (SAM-5 section 4.7). */
export function lunBytes(lun: number): Uint8Array {
  const first = lun < 0x100 ? lun : 0x4000 | lun;
  return Uint8Array.of(first >> 8, first & 0xff, 0, 0, 0, 0, 0, 0);
}

/** A LUN's number in words: decimal up to 16383, else hexadecimal, as operators know them from other tools. */
export function lunNumberWords(lun: number): string {
  return lun <= 0x3fff ? String(lun) : `0x${lun.toString(16)}`;
}

/** The LUN at `offset` in words; all eight bytes where no number names it. */
export function lunWords(bytes: Uint8Array, offset: number): string {
  const lun = lunNumber(bytes, offset);
  return lun === undefined ? `0x${hexOf(bytes, offset, offset + 8)}` : lunNumberWords(lun);
}

/** The LUNs in REPORT LUNS data that arrived whole (SPC-5 section 6.33.2), in words. */
export function lunListWords(bytes: Uint8Array, offset: number, length: number): string[] {
  const luns: string[] = [];
  const end = length < 8 ? 0 : offset + Math.min(length, 8 + u32(bytes, offset));
  for (let at = offset + 8; at + 8 <= end; at += 8) luns.push(lunWords(bytes, at));
  return luns;
}
