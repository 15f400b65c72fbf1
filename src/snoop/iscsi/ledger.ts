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
/** PDUs of one task that a gap may have swallowed. */
const PDUS_MAX = 65536;
/** Sums of data that are weighed against a gap's bytes. */
const SUMS_MAX = 4096;
/** R2Ts remembered over all tasks of a connection. */
const R2TS = 64;
/** RFC 7143 section 13.12: what a side that declares nothing takes in one data segment. */
const SEGMENT_DEFAULT = 8192;
/** And the least that it may declare. */
const SEGMENT_MIN = 512;

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
  /** Data segments (padded) that lay in the gaps, and those that may, in the order that each task would send them. */
  private owedBytes = 0;
  private owedPdus = 0;
  private readonly possible: number[][] = [];
  /** The last gap reaches to the connection's end: its last PDU may not be whole. */
  private cut = false;
  /** Length of the data segments this host sends: all but the last of a sequence have it. */
  private segment = SEGMENT_DEFAULT;
  private segmentSeen = false;
  /** The last R2Ts as a ring: task and BufferOffset. A data sequence starts at each (RFC 7143 section 11.8). */
  private readonly r2tTask = new Float64Array(R2TS);
  private readonly r2tAt = new Float64Array(R2TS);
  private r2tNext = 0;

  /** The target's MaxRecvDataSegmentLength, which hosts use in full until one is seen to use another. */
  agreed(segment: number): void {
    if (!this.segmentSeen && segment >= SEGMENT_MIN) this.segment = segment;
  }

  /** A Data-Out of `length` bytes was seen, with more of its sequence to come or not. */
  dataOut(length: number, last: boolean): void {
    if (length < SEGMENT_MIN) return;
    if (last ? length <= this.segment : this.segmentSeen && length === this.segment) return;
    this.segment = length;
    this.segmentSeen ||= !last;
  }

  r2t(task: Task, offset: number): void {
    const at = this.r2tNext++ % R2TS;
    this.r2tTask[at] = task.ordinal;
    this.r2tAt[at] = offset;
  }

  /** The boundary was lost: data of `open`, the tasks that may still send some, may lie where nothing is understood. */
  losing(open: Iterable<Task>, now: number): void {
    this.since = now;
    for (const task of open) if (task.writes && task.effect === 'pending') this.tasks.add(task);
  }

  /**
   * `bytes` of the stream were not understood. PDUs are multiples of four bytes (RFC 7143 section 11.1): what is over was
   * a FIN, and less than a header no command.
   */
  gap(bytes: number, now: number, toTheEnd: boolean): void {
    if (bytes < BHS_BYTES) return;
    this.cut = toTheEnd;
    this.gapBytes += bytes - (bytes % 4);
    this.since = now;
  }

  skipped(commands: number, now: number): void {
    this.lostCommands += commands;
    this.since = now;
  }

  /**
   * A task has ended. With GOOD it had sent the first `sent` bytes, and what no known PDU carried lay in a gap; after any
   * other end its missing data may lie there, as far as it had come.
   */
  ended(task: Task, sent: number): void {
    if (!this.tasks.delete(task)) return;
    const certain = task.ending === 'status' && task.status === 0;
    const end = certain ? sent : task.edtl;
    const pdus: number[] = [];
    let at = task.landed;
    task.beyond?.forEachIn(at, Math.max(at, end), (start, stop) => {
      this.pdusOf(task, at, start, pdus);
      at = stop;
    });
    this.pdusOf(task, at, end, pdus);
    if (pdus.length === 0) return;
    if (!certain) this.possible.push(pdus);
    else {
      this.owedPdus += pdus.length;
      for (const bytes of pdus) this.owedBytes += bytes;
    }
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
    if (this.lostCommands > this.answered) return true;
    if (this.gapBytes === 0) return false;
    const header = BHS_BYTES + (headerDigest ? 4 : 0);
    const around = header + (dataDigest ? 4 : 0);
    const data = this.owedPdus * around + this.owedBytes;
    return !this.explained(this.gapBytes - data - this.answered * header, around);
  }

  /** True when data that tasks without a GOOD may have sent makes up `rest` bytes of the gaps. */
  private explained(rest: number, around: number): boolean {
    let sums = new Set([0]);
    for (const pdus of this.possible) {
      const next = new Set(sums);
      for (const sum of sums) {
        let total = sum;
        for (const bytes of pdus) {
          if (this.cut && rest > total && rest < total + around + bytes) return true;
          total += around + bytes;
          if (total > rest) break;
          next.add(total);
        }
      }
      if (next.size > SUMS_MAX) return false;
      sums = next;
    }
    return sums.has(rest);
  }

  /** Adds the PDUs of data [start, end) of `task`: they have full length but for the last of each sequence. */
  private pdusOf(task: Task, start: number, end: number, out: number[]): void {
    if ((end - start) / this.segment > PDUS_MAX) {
      // No gap has room for that many: nothing accounts for it.
      out.push(Number.POSITIVE_INFINITY);
      return;
    }
    for (let at = start; at < end; ) {
      let next = Math.min(end, at + this.segment);
      for (let i = 0; i < R2TS; i++) {
        const begins = this.r2tAt[i];
        if (this.r2tTask[i] === task.ordinal && begins > at && begins < next) next = begins;
      }
      out.push((next - at + 3) & ~3);
      at = next;
    }
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
    this.possible.length = 0;
    this.cut = false;
    this.ghosts.clear();
  }
}
