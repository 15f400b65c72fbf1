import type { Nature } from '../base/command.ts';

/** Natures as array indices, so that counting one costs no lookup. */
export type NatureIndex = 0 | 1 | 2;
export const READ: NatureIndex = 0;
export const WRITE: NatureIndex = 1;
export const CONTROL: NatureIndex = 2;
export const NATURES: readonly Nature[] = ['read', 'write', 'control'];

export function natureIndex(nature: Nature): NatureIndex {
  return nature === 'read' ? READ : nature === 'write' ? WRITE : CONTROL;
}
