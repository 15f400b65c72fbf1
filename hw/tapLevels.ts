import type { TapLevel } from './tap.ts';

/** How a tap tells its level, when that changes and for as long as it lasts. */
export const LEVEL_WORDS: Readonly<Record<TapLevel, string>> = {
  full: 'the tap keeps up again: frames are captured whole',
  headers: 'the tap cannot keep up: long frames are cut to their first bytes, and their data is read back later',
  dropping: 'the tap cannot keep up: frames are dropped',
};
