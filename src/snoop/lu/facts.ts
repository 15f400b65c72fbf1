import { parseCapacity10, parseCapacity16 } from '../../../parsers/scsi/capacity.ts';
import { designatorWords, globallyUnique, parseDesignators } from '../../../parsers/scsi/designator.ts';
import { parseBlockLimits, parseProvisioning } from '../../../parsers/scsi/inquiry.ts';
import { parseModeSense6, parseModeSense10 } from '../../../parsers/scsi/mode.ts';
import { isParseFault } from '../../base/fault.ts';
import type { Bus } from '../bus.ts';
import type { Task } from '../task.ts';
import type { Journal } from './journal.ts';
import type { Lu } from './lu.ts';

/** Answers are kept up to here. */
const ANSWER_MAX = 4096;
const CAPACITY_10 = 0x25;
const SERVICE_IN_16 = 0x9e;
const CAPACITY_16 = 0x10;
const INQUIRY = 0x12;
const MODE_SENSE_6 = 0x1a;
const MODE_SENSE_10 = 0x5a;
const READS = new Set([0x08, 0x28, 0xa8, 0x88]);

/** Learns about LUs from the answers that hosts get: capacity, identity, caching, provisioning. */
export class Facts {
  private readonly bus: Bus;
  private readonly journal: Journal;

  private readonly sure: (task: Task, blocks: number) => boolean;

  /** `sure` says whether a capacity that a host was told is believed; else it stays what it was. */
  constructor(bus: Bus, journal: Journal, sure: (task: Task, blocks: number) => boolean = () => true) {
    this.bus = bus;
    this.journal = journal;
    this.sure = sure;
  }

  /** How much of the answer to keep; 0 when it tells nothing. */
  wants(task: Task): number {
    const { cdb } = task;
    const telling =
      cdb.opcode === CAPACITY_10 ||
      (cdb.opcode === SERVICE_IN_16 && cdb.serviceAction === CAPACITY_16) ||
      (cdb.opcode === INQUIRY &&
        cdb.vpd &&
        (cdb.pageCode === 0x83 || cdb.pageCode === 0xb0 || cdb.pageCode === 0xb2)) ||
      ((cdb.opcode === MODE_SENSE_6 || cdb.opcode === MODE_SENSE_10) && cdb.pageControl === 0);
    return telling ? Math.min(task.edtl, ANSWER_MAX) : 0;
  }

  /** A command ended in GOOD. `residual` is true where the target said that less was transferred. Returns the LU it is. */
  good(task: Task, residual: boolean): Lu {
    const { cdb } = task;
    const lu = task.lu.root;
    if (lu.blockSize === 0 && !residual && cdb.protect === 0 && cdb.blocks > 0 && task.edtl > 0) this.transfer(task);
    const answer = task.small;
    if (answer === undefined || task.mutates || !task.reads) return lu;
    const length = Math.min(task.landed, answer.length);
    if (task.disbelieved !== undefined && !task.disbelieved.isEmpty) return lu;
    switch (cdb.opcode) {
      case CAPACITY_10:
      case SERVICE_IN_16:
        this.capacity(task, answer, length);
        break;
      case INQUIRY:
        return this.inquiry(lu, answer, length, cdb.pageCode);
      case MODE_SENSE_6:
      case MODE_SENSE_10: {
        const mode =
          cdb.opcode === MODE_SENSE_6 ? parseModeSense6(answer, 0, length) : parseModeSense10(answer, 0, length);
        if (!isParseFault(mode) && mode.wce !== undefined) lu.cache = mode.wce;
      }
    }
    return lu;
  }

  /** Requirement B3b: a transfer without residual and without protection tells the block size, if a second agrees. */
  private transfer(task: Task): void {
    const { cdb } = task;
    const lu = task.lu.root;
    const { effect } = cdb.operation;
    const same = effect === 'same' && !cdb.ndob;
    const moved = READS.has(cdb.opcode) ? task.dataIn : effect === 'data' || same ? task.dataOut : 0;
    // WRITE SAME carries one block, however many it writes.
    const blocks = same ? 1 : cdb.blocks;
    if (moved !== task.edtl || !lu.sizeSeen(task.edtl, blocks)) return;
    lu.blockSize = task.edtl / blocks;
    this.announce(lu);
    this.journal.sizeKnown(lu);
  }

  private capacity(task: Task, answer: Uint8Array, length: number): void {
    const lu = task.lu.root;
    const long = task.cdb.opcode === SERVICE_IN_16;
    const capacity = long ? parseCapacity16(answer, 0, length) : parseCapacity10(answer, 0, length);
    if (isParseFault(capacity)) return;
    const size = capacity.blockSize;
    if (size < 1 || size > 1 << 24 || capacity.blocks > Number.MAX_SAFE_INTEGER / size) return;
    if (long && length >= 32) {
      lu.readsZeros = capacity.lbprz ? true : (lu.readsZeros ?? false);
      lu.protection = capacity.protection;
      lu.physicalBlocks = 2 ** capacity.physicalExponent;
      lu.lowestAligned = capacity.lowestAligned;
    }
    if (lu.blockSizeGiven && lu.blockSize !== size) {
      this.bus.notice(
        `size ${lu.id}`,
        `${lu.id}: configured with blocks of ${lu.blockSize} bytes, but the target says ${size}`,
      );
      return;
    }
    const reformatted = lu.blockSize !== 0 && lu.blockSize !== size;
    const blocks = capacity.blocks > 0 && this.sure(task, capacity.blocks) ? capacity.blocks : lu.blocks;
    const resized = lu.blocks !== blocks;
    const first = lu.blockSize === 0;
    lu.blockSize = size;
    lu.blocks = blocks;
    if (first || resized || reformatted) this.announce(lu);
    if (first) this.journal.sizeKnown(lu);
    if (reformatted) {
      this.bus.notice(`size ${lu.id}`, `${lu.id}: the block size changed to ${size} bytes`);
      this.journal.doubtWhole(lu, 'block-size');
    }
  }

  private inquiry(lu: Lu, answer: Uint8Array, length: number, page: number): Lu {
    if (page === 0xb0) {
      const limits = parseBlockLimits(answer, 0, length);
      if (!isParseFault(limits)) {
        lu.granularity = limits.unmapGranularity;
        lu.granularityAlignment = limits.alignmentValid ? limits.unmapAlignment : 0;
      }
    } else if (page === 0xb2) {
      const provisioning = parseProvisioning(answer, 0, length);
      if (!isParseFault(provisioning)) {
        lu.readsZeros = provisioning.unmappedReads === 'zeros';
        lu.initializationPattern = provisioning.unmappedReads === 'pattern';
      }
    } else if (page === 0x83) {
      const designators = parseDesignators(answer, 0, length);
      if (isParseFault(designators)) return lu;
      lu.designators = designators.filter((d) => d.association === 0).map(designatorWords);
      lu.identities = designators.filter(globallyUnique).map(designatorWords);
      const { lu: same, merged } = this.bus.directory.identify(lu, lu.identities);
      this.announce(same);
      if (same.blockSize > 0) this.journal.sizeKnown(same);
      for (const name of merged) this.journal.merged(name, same);
      return same;
    }
    return lu;
  }

  private announce(lu: Lu): void {
    this.bus.sink.facts?.({ lu: lu.id, blockSize: lu.blockSize, blocks: lu.blocks, designators: lu.designators });
  }
}
