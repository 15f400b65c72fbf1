import { BufferPool } from './pool.ts';
import { Room } from './room.ts';
import type { Task } from './task.ts';
import type { TargetLimits, TargetOptions, TargetOwner } from './types.ts';

/** Unused buffers that are kept for later. */
const KEPT_MAX: number = 64 * 1024 * 1024;

/** What all sessions of a node share. */
export class Shared {
  options: TargetOptions;
  readonly limits: TargetLimits;
  readonly owner: TargetOwner;
  readonly pool = new BufferPool(KEPT_MAX);
  readonly room: Room;
  /** Bytes of unsolicited data that lie with commands which wait for room. */
  unsolicited = 0;
  /** Logs in nobody any more. */
  stopping = false;

  constructor(options: TargetOptions, limits: TargetLimits, owner: TargetOwner) {
    this.options = options;
    this.limits = limits;
    this.owner = owner;
    this.room = new Room(limits.bytes, limits.sessionBytes, (task: Task) => task.session.tasks.admitted(task));
  }
}
