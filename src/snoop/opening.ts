import { LBN_REFUSED } from '../../parsers/scsi/cdb.ts';
import type { Bus } from './bus.ts';
import { copies, farOf, type Reach } from './copies.ts';
import { hasList, type ListedExtents, listBytes, readList } from './lists.ts';
import type { Journal } from './lu/journal.ts';
import { SMALL_MAX, type Task } from './task.ts';

/** What a command says of itself, in its CDB and its parameter list: what it is, and where it will write. */
export class Opening {
  private readonly bus: Bus;
  private readonly journal: Journal;
  /** Bytes of parameter lists and answers kept outside the room. */
  private smallBytes = 0;

  constructor(bus: Bus, journal: Journal) {
    this.bus = bus;
    this.journal = journal;
  }

  /** It may change the medium: where, as far as the command itself tells. */
  enter(reach: Reach, task: Task, foreign: boolean): void {
    const { cdb, lu } = task;
    const { operation } = cdb;
    if (foreign) {
      this.bus.notice(
        `opcode ${operation.name} ${lu.id}`,
        `${lu.id}: ${operation.name} carries data out and is not understood`,
      );
      task.doubt = 'unknown-command';
    }
    const { effect } = operation;
    const placed = effect === 'data' || effect === 'or' || effect === 'compareWrite';
    const counted = placed || effect === 'extents';
    if (effect === 'or' && (cdb.bmop !== 0 || cdb.orwGeneration !== 0)) {
      for (const one of lu.candidates ?? [lu]) one.orwGenerations = true;
    }
    if (counted && cdb.blocks === 0 && !cdb.toEnd) {
      task.mutates = false;
      return;
    }
    this.journal.enter(task);
    const longPhysical = cdb.pblock && lu.physicalBlocks !== 1;
    if (foreign || effect === 'wholeLu' || cdb.lbn === LBN_REFUSED) this.journal.knowWhole(task);
    else if (counted && (cdb.toEnd || (longPhysical && lu.physicalBlocks === 0))) this.journal.knowWhole(task);
    else if (counted && longPhysical) {
      // WRITE LONG with PBLOCK replaces the physical block that holds the LBN (SBC-3 section 5.47).
      const n = lu.physicalBlocks;
      const first = Math.floor((cdb.lbn - lu.lowestAligned) / n) * n + lu.lowestAligned;
      this.journal.know(task, [Math.max(0, first), first + n]);
    } else if (counted) this.journal.know(task, [cdb.lbn, cdb.lbn + cdb.blocks]);
    else if (effect === 'same') {
      const capacity = lu.blocks > 0 ? Math.max(lu.blocks, cdb.lbn) : Number.MAX_SAFE_INTEGER;
      const end = cdb.toEnd ? capacity : cdb.lbn + cdb.blocks;
      this.journal.know(task, [cdb.lbn, end]);
    } else if (!hasList(task)) this.journal.knowWhole(task);
    else this.keepList(reach, task);
    if (task.edtl > 0 && (placed || effect === 'same')) task.lease = this.bus.room?.take(task.edtl);
  }

  private keepList(reach: Reach, task: Task): void {
    this.keepSmall(task, Math.min(listBytes(task), SMALL_MAX));
    if (task.small !== undefined || task.edtl === 0 || !this.journal.intents.wanted) return;
    // Where it writes will not be known before it is complete at the target.
    this.journal.intents.all(task.lu.root);
    if (copies(task)) this.intendFar(farOf(reach, task, undefined, this.bus.directory));
  }

  /** Keeps so many bytes of its data, or of its answer, outside the room. */
  keepSmall(task: Task, bytes: number): void {
    if (bytes === 0 || this.smallBytes + bytes > 64 * SMALL_MAX) return;
    task.small = new Uint8Array(bytes);
    this.smallBytes += bytes;
  }

  forgetSmall(task: Task): void {
    if (task.small === undefined) return;
    this.smallBytes -= task.small.length;
    task.small = undefined;
  }

  /** Data arrived for `task`: a complete parameter list tells its extents. */
  dataMoved(reach: Reach, task: Task): void {
    if (!task.mutates || task.blocksKnown || !hasList(task)) return;
    const need = Math.min(listBytes(task), task.small?.length ?? 0);
    if (need === 0 || task.landed < need) return;
    const list = task.unbelieved(need).isEmpty ? readList(task) : undefined;
    if (list !== undefined && !list.unknown) this.journal.know(task, list.own);
    if (!this.journal.intents.wanted) return;
    if (list === undefined || list.unknown) this.journal.intents.all(task.lu.root);
    if (copies(task)) this.intendFar(farOf(reach, task, list, this.bus.directory));
  }

  /** The blocks of other LUs that a copy is about to write. */
  private intendFar(far: NonNullable<Task['far']>): void {
    for (const { lu, extents } of far) {
      if (extents === 'wholeLu') this.journal.intents.all(lu);
      else extents.forEachIn(0, Number.MAX_SAFE_INTEGER, (start, end) => this.journal.intents.blocks(lu, start, end));
    }
  }

  /** Its parameter list, where all of it was seen. */
  wholeList(task: Task): ListedExtents | undefined {
    if (!hasList(task) || task.small === undefined || task.edtl === 0) return undefined;
    const need = listBytes(task);
    return need <= task.small.length && task.unbelieved(need).isEmpty ? readList(task) : undefined;
  }

  /** A copy writes to other LUs: those it names, or any that it could. */
  copied(reach: Reach, task: Task): void {
    task.far = farOf(reach, task, this.wholeList(task), this.bus.directory);
    for (const { lu, extents } of task.far) this.journal.doubtFar(lu, extents);
  }
}
