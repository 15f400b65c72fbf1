import { FAN_OUT, LEVELS_MAX, nodeBytes, SUM_BYTES } from '../base/blocks.ts';

/**
 * How a table lies in its storage: a header, then sections one behind the other, so that it grows with the volume. A group
 * are the 64 blocks under one node of level 1, a section is 512 groups: a page of flags (a bit for each block, lowest
 * first), the groups' own checksums, those of their blocks. What stands above level 1 is made from these.
 */
export const HEADER_BYTES = 4096;
export const SECTION_GROUPS = 512;
/** Of a group. */
export const FLAG_BYTES: number = FAN_OUT / 8;
export const FINE_BYTES: number = FAN_OUT * SUM_BYTES;
/** Of a section. */
export const FLAGS_PAGE: number = SECTION_GROUPS * FLAG_BYTES;
export const COARSE_BYTES: number = SECTION_GROUPS * SUM_BYTES;
export const SECTION_BYTES: number = FLAGS_PAGE + COARSE_BYTES + SECTION_GROUPS * FINE_BYTES;

export function sectionAt(section: number): number {
  return HEADER_BYTES + section * SECTION_BYTES;
}

export function sectionOf(group: number): number {
  return Math.floor(group / SECTION_GROUPS);
}

/** Where a group's flags lie. */
export function flagsAt(group: number): number {
  return sectionAt(sectionOf(group)) + (group % SECTION_GROUPS) * FLAG_BYTES;
}

/** Where the checksums of a section's groups begin. */
export function coarseAt(section: number): number {
  return sectionAt(section) + FLAGS_PAGE;
}

/** Where the checksums of a group's blocks begin. */
export function fineAt(group: number): number {
  return coarseAt(sectionOf(group)) + COARSE_BYTES + (group % SECTION_GROUPS) * FINE_BYTES;
}

/** The lowest level with one node, or the highest that there is. */
export function topLevel(bytes: number, blockBytes: number): number {
  let level = 0;
  while (level < LEVELS_MAX - 1 && nodeBytes(blockBytes, level) < bytes) level++;
  return level;
}
