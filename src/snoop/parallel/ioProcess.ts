import type { LeaseRoom } from '../../base/change.ts';
import type { Task } from '../task.ts';

/** Who talks to whom: initiator, target, LUN and tag (SAM-2); -1 where unknown, or for no tag. */
export interface NexusIds {
  initiator: number;
  target: number;
  lun: number;
  tag: number;
}

/** A key of the nexus; all its numbers are small. */
export function nexusKey({ initiator, target, lun, tag }: NexusIds): number {
  return ((((initiator + 1) * 17 + target + 1) * 65 + lun + 1) * 257 + tag + 1) | 0;
}

/** A hole in which other commands may have hidden, until this process proves that it took all of it. */
export interface OpenHole {
  nanoseconds: number;
}

/** An I/O process of the parallel bus: its task, and the initiator's pointers into its data. */
export class IoProcess {
  readonly task: Task;
  readonly ids: NexusIds;
  /** The active and the saved data pointer, in bytes. */
  pointer = 0;
  saved = 0;
  /** Highest pointer so far. */
  high = 0;
  status = -1;
  /** Where the pointer stood at the first and at the last hole that may hide some of its data; -1 without one. */
  lostAt = -1;
  lostTo = -1;
  /** How long those holes were. */
  lostNs = 0;
  /** Its data cannot be placed any more. */
  spoiled = false;
  hole: OpenHole | undefined;
  /** When a hole may first have hidden its end, by the clock of the bus; -1 where none has. */
  missedAt = -1;
  /** The width of its transfers was known: their bytes are counted right. */
  counted = false;
  /** Bytes of data that its CDB asks for; undefined where that is not said exactly. */
  wanted: number | undefined;

  constructor(task: Task, ids: NexusIds) {
    this.task = task;
    this.ids = ids;
  }

  /** Bytes that its CDB asks for and that did not pass yet. */
  get left(): number | undefined {
    return this.wanted === undefined ? undefined : this.wanted - this.pointer;
  }

  /** The data that passed is short by so much, and all of that lies in holes: what came before the first and after the last stays. */
  missed(short: number): void {
    this.task.shift(this.lostTo, short);
    this.task.disbelieve(this.lostAt, this.lostTo - this.lostAt + short);
  }

  /** `length` bytes of data passed at the pointer; undefined bytes were counted, not seen. */
  move(bytes: Uint8Array | undefined, length: number, room: LeaseRoom | undefined): void {
    const { task } = this;
    const at = this.pointer;
    if (bytes === undefined) {
      task.arrived(at, length);
      if (task.mutates || task.small !== undefined) task.disbelieve(at, length);
    } else {
      if (task.lease !== undefined) this.fit(at + length, room);
      task.land(bytes, 0, length, at);
    }
    this.pointer = at + length;
    if (this.pointer > this.high) this.high = this.pointer;
  }

  /** The pointer goes back to what was saved: what it had passed comes again. */
  restore(): void {
    // What a hole took comes again as well; where the pointer was saved in it, what is missing lies here.
    if (this.lostTo > this.saved) {
      this.lostAt = Math.min(this.lostAt, this.saved);
      this.lostTo = this.saved;
    }
    this.pointer = this.saved;
    this.task.rewind(this.saved);
  }

  modify(by: number): void {
    if (by < 0 && this.lostTo > this.pointer + by) this.spoil();
    this.pointer = Math.max(0, this.pointer + by);
  }

  /** Some of its data may have passed unseen within so long, at the place where the pointer stood. */
  touch(at: number, nanoseconds: number): void {
    this.lostNs += nanoseconds;
    if (this.lostTo > at) this.spoil();
    if (this.lostAt < 0) this.lostAt = at;
    this.lostTo = at;
  }

  spoil(): void {
    this.spoiled = true;
    this.task.giveUpData();
  }

  /** The block size was not known, and the data is longer than was thought. */
  private fit(end: number, room: LeaseRoom | undefined): void {
    const { task } = this;
    let capacity = 0;
    for (const part of task.lease?.parts ?? []) capacity += part.length;
    if (end <= capacity) return;
    const landed = Buffer.concat(task.view(0, Math.min(task.landed, capacity)));
    task.releaseTo(room);
    task.lease = room?.take(end * 2);
    if (task.lease !== undefined) task.replace(landed, 0);
  }
}
