import { Extents } from '../../base/extents.ts';
import type { UnderWay } from '../../mirror/orderedHorizon.ts';
import type { Outstanding } from '../../snoop/lu/outstanding.ts';

/** What may still change at a LU, in bytes; `landing`: what a process before may have left on its way. */
export function underWayOf(
  outstanding: Outstanding | undefined,
  blockSize: number,
  landing: Extents | undefined,
): UnderWay {
  const { tasks = 0, blocks } = outstanding ?? {};
  const bytes = new Extents();
  addAll(bytes, landing);
  const all = tasks + (landing ? 1 : 0);
  if (tasks === 0) return { tasks: all, bytes };
  if (!blocks || blockSize === 0) return { tasks: all, bytes: undefined };
  const last = Math.floor(Number.MAX_SAFE_INTEGER / blockSize);
  blocks.forEachIn(0, last, (start, end) => bytes.add(start * blockSize, end * blockSize));
  return { tasks: all, bytes };
}

/** The same with what a first volume that is a mirror may yet give up. */
export function withLoose({ tasks, bytes }: UnderWay, loose: Extents | undefined): UnderWay {
  if (!loose || loose.isEmpty || bytes === undefined) return { tasks, bytes };
  addAll(bytes, loose);
  return { tasks: tasks + 1, bytes };
}

function addAll(to: Extents, from: Extents | undefined): void {
  from?.forEachIn(0, Number.MAX_SAFE_INTEGER, (start, end) => to.add(start, end));
}
