import type { Piece } from '../../base/change.ts';
import { Extents } from '../../base/extents.ts';
import type { Task } from '../task.ts';
import type { Lu } from './lu.ts';

/** What a number of bytes can address, in blocks. */
export function blocksMax(lu: Lu): number {
  return lu.blocks > 0 ? Number.MAX_SAFE_INTEGER : Math.floor(Number.MAX_SAFE_INTEGER / lu.blockSize);
}

/** Without a capacity to clip them to, blocks may lie where no number of bytes can address them. */
export function beyondBytes(task: Task, lu: Lu): boolean {
  if (lu.blockSize === 0 || lu.blocks > 0) return false;
  const max = blocksMax(lu);
  for (let i = 1; i < task.blocks.length; i += 2) if (task.blocks[i] > max) return true;
  return false;
}

/** The blocks that pieces touch. */
export function blocksOf(lu: Lu, pieces: readonly Piece[]): Extents {
  const out = new Extents();
  for (const { offset, length } of pieces)
    out.add(Math.floor(offset / lu.blockSize), Math.ceil((offset + length) / lu.blockSize));
  return out;
}

/** Notes at a LU that is not configured what was written there, should it turn out to be one that is. */
export function remember(lu: Lu, pieces: readonly Piece[] | 'wholeLu'): void {
  if (pieces === 'wholeLu' || lu.blockSize === 0) {
    lu.writtenWhole = true;
    return;
  }
  for (const { offset, length } of pieces)
    lu.written.add(Math.floor(offset / lu.blockSize), Math.ceil((offset + length) / lu.blockSize));
}
