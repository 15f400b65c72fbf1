import { BHS_BYTES } from '../../../parsers/iscsi/opcodes.ts';
import type { Task } from '../task.ts';

/** A command that was not seen, known by the answers it got. */
export interface Ghost {
  /** R2T or Data-Out: it writes. */
  writes: boolean;
  /** Data-In: it reads. */
  reads: boolean;
  /** Its LUN, where a PDU carried it; -1 else. */
  lun: number;
}

const GHOSTS_MAX = 1024;

/**
 * Accounts for what a hole towards the target may have swallowed (requirement A8). Lost commands are counted by CmdSN;
 * immediate ones do not advance it, so the bytes must be accounted for too: by the data that known tasks were still to
 * send, and by answers to tags that were never seen.
 */
export class LossLedger {
  /** Commands skipped by CmdSN. */
  lostCommands = 0;
  readonly ghosts = new Map<number, Ghost>();
  /** When the last loss happened. */
  since = 0;

  private gapBytes = 0;
  /** Tags that got an answer although their request was never seen. */
  private answered = 0;
  private readonly tasks = new Set<Task>();
  private owedBytes = 0;
  private owedPdus = 0;
  /** Length of the data segments this host sends. */
  private segment = 0;

  /** A Data-Out of `length` bytes was seen. */
  dataOut(length: number): void {
    if (length > this.segment) this.segment = length;
  }

  /** `bytes` of the stream were not understood; `open` are the write-natured tasks whose data may lie there. */
  gap(bytes: number, open: Iterable<Task>, now: number): void {
    this.gapBytes += bytes;
    this.since = now;
    for (const task of open) if (task.writes && task.effect === 'pending') this.tasks.add(task);
  }

  skipped(commands: number, now: number): void {
    this.lostCommands += commands;
    this.since = now;
  }

  /** A task has ended with a status: what it should have sent and no known PDU carried lay in a gap. */
  ended(task: Task, sent: number): void {
    if (!this.tasks.delete(task)) return;
    const missing = task.missing(sent);
    this.owedBytes += missing;
    if (missing > 0) this.owedPdus += Math.max(1, Math.ceil(missing / Math.max(this.segment, 512)));
  }

  ghost(itt: number): Ghost {
    let ghost = this.ghosts.get(itt);
    if (ghost === undefined) {
      ghost = { writes: false, reads: false, lun: -1 };
      if (this.ghosts.size < GHOSTS_MAX) this.ghosts.set(itt, ghost);
    }
    return ghost;
  }

  /** The ghost got its status (or a request of another kind its response). */
  answer(itt: number): void {
    this.ghosts.delete(itt);
    this.answered++;
  }

  /** True while something may have been lost that nothing accounts for. */
  owes(headerDigest: boolean, dataDigest: boolean): boolean {
    if (this.gapBytes === 0 && this.lostCommands === 0) return this.ghostWrites();
    if (this.tasks.size > 0 || this.ghostWrites()) return true;
    const header = BHS_BYTES + (headerDigest ? 4 : 0);
    const data = this.owedPdus * (header + (dataDigest ? 4 : 0)) + this.owedBytes;
    const exact = this.gapBytes === data + this.answered * header;
    return this.lostCommands > this.answered || (this.gapBytes > 0 && !exact);
  }

  private ghostWrites(): boolean {
    for (const ghost of this.ghosts.values()) if (!ghost.reads) return true;
    return false;
  }

  /** Everything so far is accounted for, or has been reported. */
  clear(): void {
    this.lostCommands = 0;
    this.gapBytes = 0;
    this.answered = 0;
    this.tasks.clear();
    this.owedBytes = 0;
    this.owedPdus = 0;
    this.ghosts.clear();
  }
}
