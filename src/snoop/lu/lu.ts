import type { LuId } from '../../base/change.ts';
import { Extents } from '../../base/extents.ts';
import type { Task } from '../task.ts';
import { Recent } from './recent.ts';

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
  /** With an unknown capacity: the end of the last write that proved growth. */
  grownTo = 0;
  /** The configuration said so: the bus is not asked. */
  blockSizeGiven = false;
  /** READ CAPACITY(16) or VPD B2h says that unmapped blocks read as zeros; undefined while not seen. */
  readsZeros: boolean | undefined;
  /** OPTIMAL UNMAP GRANULARITY and its alignment in blocks (VPD B0h), 0 while not seen. */
  granularity = 0;
  granularityAlignment = 0;
  protection: Protection | undefined;
  /** VPD B2h says that unmapped blocks read as a provisioning initialization pattern, and so does WRITE SAME with NDOB. */
  initializationPattern = false;
  /** Logical blocks of a physical block and the lowest LBN that starts one, from READ CAPACITY(16); 0 while not seen. */
  physicalBlocks = 0;
  lowestAligned = 0;
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
  /** VPD 83h showed that this was another name of that LU: whatever happens here happens there. */
  alias: Lu | undefined;
  /** Configured LUs that VPD 83h showed to be the same medium. */
  twins: Lu[] | undefined;
  /** What was written under a name that is not configured, should it turn out to be another's. */
  readonly written = new Extents(EPOCH_RANGES);
  writtenWhole = false;
  /** The target it was seen at, for doubts that concern all its LUs. */
  target = '';

  /** Write-natured tasks that are open, wait for their turn, or may still land. */
  open: Task[] = [];
  /** Ended tasks that wait for an earlier one on the same blocks. */
  waiting: Task[] = [];
  /** Ended tasks from before the block size was known. */
  held: Task[] = [];
  /** Ended tasks that are no longer in `open`. */
  readonly recent = new Recent();
  /** More tasks are open than are weighed against each other: none of them is exact. */
  crowded = false;
  outstanding = 0;
  writes = 0;
  /** How often it came into doubt, in part or whole, by something that is no write of its own. */
  doubts = 0;
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

  /** The LU that this name stands for. */
  get root(): Lu {
    return this.alias === undefined ? this : this.alias.root;
  }

  /** Takes over what `other`, another name of this LU, was told and this one was not. */
  adopt(other: Lu): void {
    if (this.blockSize === 0) this.blockSize = other.blockSize;
    if (this.blocks === 0 && this.blockSize === other.blockSize) this.blocks = other.blocks;
    this.readsZeros ??= other.readsZeros;
    this.protection ??= other.protection;
    if (this.granularity === 0) {
      this.granularity = other.granularity;
      this.granularityAlignment = other.granularityAlignment;
    }
    if (this.physicalBlocks === 0) {
      this.physicalBlocks = other.physicalBlocks;
      this.lowestAligned = other.lowestAligned;
    }
    this.initializationPattern ||= other.initializationPattern;
    this.orwGenerations ||= other.orwGenerations;
    this.cache ??= other.cache;
    if (this.designators.length === 0) this.designators = other.designators;
    if (this.identities.length === 0) this.identities = other.identities;
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

  /** A SYNCHRONIZE CACHE was sent in `frame`: returns the epoch it will cover once it is GOOD. */
  synchroniseSent(frame: number): number {
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
    // Writes of other connections that ended only after it was sent are known already, but not covered.
    if (this.recent.newest > frame) this.recent.since(frame, (s, e) => this.unsynchronised(s, e));
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
