import { Extents } from '../../base/extents.ts';
import type { LuDirectory } from './directory.ts';
import type { Lu } from './lu.ts';

/** Writes on their way to a LU: open, ended but not yet told, or without a connection and perhaps still landing. */
export interface Outstanding {
  tasks: number;
  /** The blocks that they may change; undefined where that may be any. */
  blocks: Extents | undefined;
}

/** `restless`: LUs where tasks that nobody follows any more may still land. */
export function outstandingAt(lu: Lu, directory: LuDirectory, restless: ReadonlyMap<Lu, number>): Outstanding {
  const blocks = new Extents();
  let anywhere = restless.has(lu) || lu.held.length > 0 || lu.crowded;
  let tasks = lu.held.length + (restless.has(lu) ? 1 : 0);
  const see = (one: Lu): void => {
    for (const task of one.open) {
      tasks++;
      anywhere ||= one !== lu || task.wholeLu || !task.blocksKnown;
      for (let i = 0; i < task.blocks.length; i += 2) blocks.add(task.blocks[i], task.blocks[i + 1]);
    }
  };
  see(lu);
  // What is on its way under another name, or to a LU that may be this one, may land anywhere here.
  for (const other of directory.busyBeside(lu)) {
    if (other.root === lu || other.candidates?.includes(lu) || other.twins?.includes(lu)) see(other);
  }
  return { tasks, blocks: anywhere ? undefined : blocks };
}
