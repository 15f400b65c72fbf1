import { Extents } from '../base/extents.ts';
import type { ListedExtents } from './lists.ts';
import type { LuDirectory } from './lu/directory.ts';
import type { Lu } from './lu/lu.ts';
import type { Task } from './task.ts';

/** What a command's nexus can reach beyond its own LU. */
export interface Reach {
  readonly session: { reachable(): Lu[] };
}

/** True for commands that may write to other LUs than the one they were sent to (EXTENDED COPY and its like). */
export function copies({ cdb }: Task): boolean {
  return cdb.operation.thirdParty || cdb.operation.effect === 'xcopy';
}

/**
 * The other LUs that a copy writes to: those its parameter list names, or any that it could where the list is not known
 * (`undefined`) or names what nobody has seen.
 */
export function farOf(
  reach: Reach,
  task: Task,
  list: ListedExtents | undefined,
  directory: LuDirectory,
): NonNullable<Task['far']> {
  const own = new Set([...task.lu.designators, ...task.lu.identities]);
  const far: NonNullable<Task['far']> = [];
  const unknown = list === undefined || list.unknown;
  let nameless = false;
  for (const { identity, unique, first, end } of list?.others ?? []) {
    const lu = own.has(identity) ? task.lu.root : directory.byDesignator(identity);
    const extents = new Extents();
    extents.add(first, end);
    if (lu !== undefined) far.push({ lu, extents });
    else {
      nameless = true;
      // Any whose identity was not seen may be it, and any at all where others may carry the same name.
      for (const one of directory.claimed)
        if (!unique || one.identities.length === 0) far.push({ lu: one, extents: 'wholeLu' });
    }
  }
  if (unknown) for (const lu of directory.claimed) far.push({ lu, extents: 'wholeLu' });
  if (unknown || nameless) {
    for (const lu of reach.session.reachable())
      if (unknown || lu.identities.length === 0) far.push({ lu, extents: 'wholeLu' });
  }
  return far.filter(
    (one, i) => one.extents !== 'wholeLu' || far.findIndex((f) => f.lu === one.lu && f.extents === 'wholeLu') === i,
  );
}
