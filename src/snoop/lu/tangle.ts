import { Extents } from '../../base/extents.ts';
import type { Task } from '../task.ts';

/** Pairs of extents of two commands that are compared one by one. */
const PAIRS_MAX = 65536;

/** True when two tasks write to the same blocks, as far as their blocks are known. */
export function common(a: Task, b: Task): boolean {
  if (!a.blocksKnown || !b.blocksKnown) return false;
  if (a.wholeLu || b.wholeLu) return true;
  if (a.blocks.length * b.blocks.length > PAIRS_MAX) {
    const [from, to] = hull(b);
    return a.blocks.some((first, i) => i % 2 === 0 && first < to && from < a.blocks[i + 1]);
  }
  for (let i = 0; i < a.blocks.length; i += 2) {
    for (let k = 0; k < b.blocks.length; k += 2) {
      if (a.blocks[i] < b.blocks[k + 1] && b.blocks[k] < a.blocks[i + 1]) return true;
    }
  }
  return false;
}

/** The order of two tasks on the blocks that both write is not certain. */
export function tangleCommon(a: Task, b: Task): void {
  if (b.wholeLu) tangleAll(a);
  if (a.wholeLu) tangleAll(b);
  if (a.blocks.length * b.blocks.length > PAIRS_MAX) {
    tangleWithin(a, ...hull(b));
    tangleWithin(b, ...hull(a));
    return;
  }
  for (let i = 0; i < a.blocks.length; i += 2) {
    for (let k = 0; k < b.blocks.length; k += 2) {
      const s = Math.max(a.blocks[i], b.blocks[k]);
      const e = Math.min(a.blocks[i + 1], b.blocks[k + 1]);
      tangle(a, s, e);
      tangle(b, s, e);
    }
  }
}

/** The span of all extents of a long list. */
function hull(task: Task): [number, number] {
  let from = Number.MAX_SAFE_INTEGER;
  let to = 0;
  for (let i = 0; i < task.blocks.length; i += 2) {
    from = Math.min(from, task.blocks[i]);
    to = Math.max(to, task.blocks[i + 1]);
  }
  return [from, to];
}

/** The order of `task` on those of its blocks that lie in [start, end) is not certain. */
export function tangleWithin(task: Task, start: number, end: number): void {
  for (let i = 0; i < task.blocks.length; i += 2)
    tangle(task, Math.max(start, task.blocks[i]), Math.min(end, task.blocks[i + 1]));
}

/** Its order is certain nowhere. */
export function tangleAll(task: Task): void {
  for (let i = 0; i < task.blocks.length; i += 2) tangle(task, task.blocks[i], task.blocks[i + 1]);
}

function tangle(task: Task, start: number, end: number): void {
  if (start >= end) return;
  task.tangled ??= new Extents();
  task.tangled.add(start, end);
}
