import type { LuId } from '../../base/change.ts';
import { Extents } from '../../base/extents.ts';
import type { Task } from '../task.ts';

/** Ranges remembered per epoch of unsynchronised writes; more grow together (doubt may widen, never shrink). */
const EPOCH_RANGES = 4096;
const EPOCHS_MAX = 8;

/** How READ CAPACITY(16) says that blocks carry protection information (SBC-4 section 5.20.2). */
export interface Protection {
  enabled: boolean;
  /** Blocks per protection interval, as an exponent of two dividing the block. */
  intervalExponent: number;
}

/** A logical unit as the bus shows it. */
export class Lu {
  readonly id: LuId;
  readonly lun: number;
  /** 0 while unknown. */
  blockSize = 0;
  blocks = 0;
  /** The configuration said so: the bus is not asked. */
  blockSizeGiven = false;
  /** READ CAPACITY(16) or VPD B2h says that unmapped blocks read as zeros; undefined while not seen. */
  readsZeros: boolean | undefined;
  /** OPTIMAL UNMAP GRANULARITY and its alignment in blocks (VPD B0h), 0 while not seen. */
  granularity = 0;
  granularityAlignment = 0;
  protection: Protection | undefined;
  /**
   * ORWRITE's generation codes were seen in use: the target may then end a set operation in GOOD and discard its data,
   * as the policy says that a change of generation has set (SBC-4 section 4.27.4, table 29).
   */
  orwGenerations = false;
  /** Write cache enabled, as the caching mode page last told. */
  cache: boolean | undefined;
  designators: readonly string[] = [];
  /** Globally unique designators only. */
  identities: readonly string[] = [];
  /** Set where the LU could not be proved: every configured LU it could be. */
  candidates: readonly Lu[] | undefined;
  /** Stands in the configuration. */
  configured = false;
  /** The target it was seen at, for doubts that concern all its LUs. */
  target = '';

  /** Write-natured tasks that are open, wait for their turn, or may still land. */
  open: Task[] = [];
  /** Ended tasks that wait for an earlier one on the same blocks. */
  waiting: Task[] = [];
  /** Ended tasks from before the block size was known. */
  held: Task[] = [];
  outstanding = 0;
  writes = 0;
  /** Resets by task management: they explain the unit attentions that follow. */
  resets = 0;

  /** GOOD writes since a SYNCHRONIZE CACHE, oldest epoch first (requirement B2b). */
  private epochs: { id: number; extents: Extents; whole: boolean }[] = [];
  private nextEpoch = 1;
  /** Block size candidates from transfers (requirement B3b). */
  private guess = 0;

  constructor(id: LuId, lun: number) {
    this.id = id;
    this.lun = lun;
  }

  /** A GOOD transfer of `bytes` for `blocks` without protection; true once two of them agree on the block size. */
  sizeSeen(bytes: number, blocks: number): boolean {
    const size = bytes / blocks;
    if (!Number.isInteger(size) || size < 512 || (size & (size - 1)) !== 0 || size > 1 << 20) return false;
    if (this.guess === size) return true;
    this.guess = size;
    return false;
  }

  /** A GOOD write from a cache that may be volatile. */
  unsynchronised(start: number, end: number): void {
    let last = this.epochs.at(-1);
    if (last === undefined) {
      last = { id: this.nextEpoch++, extents: new Extents(EPOCH_RANGES), whole: false };
      this.epochs.push(last);
    }
    if (end === Number.POSITIVE_INFINITY) last.whole = true;
    else last.extents.add(start, end);
  }

  /** A SYNCHRONIZE CACHE was sent: returns the epoch it will cover once it is GOOD. */
  synchroniseSent(): number {
    const covered = this.nextEpoch - 1;
    if (this.epochs.length > 0 && this.epochs.at(-1)!.id === covered) {
      this.epochs.push({ id: this.nextEpoch++, extents: new Extents(EPOCH_RANGES), whole: false });
    }
    if (this.epochs.length > EPOCHS_MAX) {
      // Many SYNCHRONIZE CACHEs in flight: two epochs become one, which is forgotten later than it could be.
      const [old, next] = this.epochs;
      old.extents.forEachIn(0, Number.MAX_SAFE_INTEGER, (s, e) => next.extents.add(s, e));
      next.whole ||= old.whole;
      this.epochs.shift();
    }
    return covered;
  }

  /** It was GOOD, for the whole LU or for [start, end). */
  synchronised(epoch: number, start = 0, end = Number.POSITIVE_INFINITY): void {
    if (start === 0 && end === Number.POSITIVE_INFINITY) {
      this.epochs = this.epochs.filter((e) => e.id > epoch);
      return;
    }
    const to = Math.min(end, Number.MAX_SAFE_INTEGER);
    for (const e of this.epochs) if (e.id <= epoch) e.extents.remove(start, to);
  }

  /** Everything a lost cache may have held; empties the memory of it. */
  takeUnsynchronised(): { extents: Extents; whole: boolean } {
    const extents = new Extents(EPOCH_RANGES);
    let whole = false;
    for (const e of this.epochs) {
      e.extents.forEachIn(0, Number.MAX_SAFE_INTEGER, (s, t) => extents.add(s, t));
      whole ||= e.whole;
    }
    this.epochs = [];
    return { extents, whole };
  }
}
