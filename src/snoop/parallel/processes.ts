import { parseCdb } from '../../../parsers/scsi/cdb.ts';
import {
  CHECK_CONDITION,
  CONDITION_MET,
  GOOD,
  isCapacityChanged,
  isPowerOn,
  parseSense,
  passesAttentions,
  type SenseData,
} from '../../../parsers/scsi/sense.ts';
import type { Ending } from '../../base/command.ts';
import { isParseFault } from '../../base/fault.ts';
import type { Bus } from '../bus.ts';
import { CommandReporter } from '../commands.ts';
import { copies, type Reach } from '../copies.ts';
import { hasList } from '../lists.ts';
import { Facts } from '../lu/facts.ts';
import type { Journal } from '../lu/journal.ts';
import type { Lu } from '../lu/lu.ts';
import { Opening } from '../opening.ts';
import { outcomeOfWrite, synchronised } from '../outcome.ts';
import { Task } from '../task.ts';
import type { Agreement } from './agreements.ts';
import type { Moment } from './connection.ts';
import { HIDING_WITHIN_NS, unaccounted } from './interruption.ts';
import { IoProcess, type NexusIds, nexusKey } from './ioProcess.ts';

const REQUEST_SENSE = 0x03;
const SENSE_BYTES = 252;
const READS = new Set([0x08, 0x28, 0xa8, 0x88]);
/** Bytes of an answer whose CDB does not say how long it is. */
const ANSWER_BYTES = 4096;
/** The lengths of blocks start here; a transfer of unknown length is given room as if it were made of these. */
const BLOCK_GUESS = 512;
/** Data that is short by so much took long enough to hide a whole command. */
const HIDING_BYTES = 300;
const LINGERING_MAX = 4096;

/** Opens and ends the I/O processes of a bus, and hands what they did to the journal. */
export class Processes {
  readonly open = new Map<number, IoProcess>();
  readonly moment: Moment = { frame: 0, time: 0 };
  private readonly bus: Bus;
  private readonly journal: Journal;
  private readonly facts: Facts;
  private readonly reporter: CommandReporter;
  private readonly opening: Opening;
  private readonly reach: Reach = { session: { reachable: () => this.lus() } };
  /** CHECK CONDITION, and its sense not asked for yet; by initiator, target and LUN. */
  private readonly checked = new Map<number, IoProcess>();
  /** LUs that an initiator has used, with their resets then: a unit attention is no greeting any more. */
  private readonly used = new Map<string, number>();
  private readonly lingering: { task: Task; since: number }[] = [];
  /** The capacity that a host was last told of a LU. */
  private readonly told = new Map<string, number>();
  private ordinal = 0;

  constructor(bus: Bus, journal: Journal) {
    this.bus = bus;
    this.journal = journal;
    this.facts = new Facts(bus, journal, (task, blocks) => this.toldTwice(task, blocks));
    this.reporter = new CommandReporter(bus);
    this.opening = new Opening(bus, journal);
  }

  /** A command was sent whole. */
  start(ids: NexusIds, cdb: Uint8Array, writes: boolean, sent: Moment): IoProcess {
    const key = nexusKey(ids);
    const old = this.open.get(key);
    // The host uses the nexus again: it has the status that was not seen.
    if (old !== undefined) this.end(old, 'status-lost');
    if (cdb[0] !== REQUEST_SENSE) this.senseless(ids);
    const lu = this.bus.directory.find(`scsi:${ids.target}`, '', ids.lun).root;
    const task = new Task(lu);
    parseCdb(cdb, 0, cdb.length, task.cdb);
    const io = new IoProcess(task, { ...ids });
    const { operation, direction } = task.cdb;
    io.wanted = wantedBytes(task);
    task.counted = true;
    task.itt = ids.tag < 0 ? 0xffffffff : ids.tag;
    task.ordinal = ++this.ordinal;
    task.lun = ids.lun;
    task.host = ids.initiator < 0 ? 'scsi' : `scsi:${ids.initiator}`;
    task.openFrame = sent.frame;
    task.frame = sent.frame;
    task.time = sent.time;
    task.reads = direction === 'r' || direction === 'bidi';
    task.writes = direction === 'w' || direction === 'bidi' || (!operation.known && writes);
    task.edtl = expected(task, lu.blockSize || BLOCK_GUESS) || (task.reads ? ANSWER_BYTES : 0);
    task.queueDepth = ++lu.outstanding;
    this.open.set(key, io);
    const foreign = !operation.known || !operation.blockDevice;
    task.mutates = operation.nature === 'write' || (foreign && task.writes);
    if (task.mutates) this.opening.enter(this.reach, task, foreign);
    else if (operation.sync) task.epoch = lu.synchroniseSent(task.openFrame);
    else this.opening.keepSmall(task, cdb[0] === REQUEST_SENSE ? SENSE_BYTES : this.facts.wants(task));
    return io;
  }

  /** A command that nothing is known of carries data out after all. */
  carriesOut(io: IoProcess): void {
    const { task } = io;
    if (task.writes || task.cdb.operation.known) return;
    task.writes = true;
    task.mutates = true;
    this.opening.enter(this.reach, task, true);
  }

  dataMoved({ task }: IoProcess): void {
    this.opening.dataMoved(this.reach, task);
  }

  /** Its status is known for good. `agreement` learns the width where the count proves it. */
  answered(io: IoProcess, agreement: Agreement): void {
    const { task, ids, status } = io;
    this.open.delete(nexusKey(ids));
    task.responseFrame = this.moment.frame;
    task.responseTime = this.moment.time;
    task.endFrame = this.moment.frame;
    task.status = status;
    task.ending = 'status';
    if (status === CHECK_CONDITION) {
      this.senseless(ids);
      this.checked.set(conditionKey(ids), io);
      return;
    }
    this.count(io, agreement);
    io.counted = agreement.proven;
    if (task.cdb.opcode === REQUEST_SENSE && status === GOOD) this.sensed(io);
    this.finish(io, undefined);
  }

  /** Ends it without a status of its own. */
  end(io: IoProcess, ending: Exclude<Ending, 'status'>): void {
    const { task, ids } = io;
    this.open.delete(nexusKey(ids));
    this.unproven(io);
    task.ending = ending;
    task.endFrame = this.moment.frame;
    this.report(io);
    if (task.mutates) {
      const lost = ending === 'status-lost' || ending === 'unfinished';
      if (copies(task)) this.opening.copied(this.reach, task);
      // What the host had not sent cannot be on the medium, if nothing of it can have passed unseen.
      const unsent = !lost && io.high === 0 && io.lostAt < 0 && needsData(task);
      task.edtl = lost || io.lostAt >= 0 ? Number.MAX_SAFE_INTEGER : io.high;
      this.journal.leave(task, unsent ? 'nothing' : 'doubt', lost ? 'lost-status' : 'aborted', true);
    }
    this.opening.forgetSmall(task);
  }

  /** Every LU of the bus that may have been written in a hole, or those of one target, or one. */
  doubt(target = -1, lun = -1): void {
    for (const lu of this.lus(target, lun)) this.journal.doubtWhole(lu, 'lost-command');
  }

  /** The target, or all of them, was reset. */
  wasReset(target = -1, lun = -1): void {
    for (const lu of this.lus(target, lun)) lu.resets++;
  }

  /** No sense was asked for: it stays unknown. */
  senseless(ids: NexusIds): void {
    const waiting = this.checked.get(conditionKey(ids));
    if (waiting === undefined) return;
    this.checked.delete(conditionKey(ids));
    this.finish(waiting, undefined);
  }

  /** Sense that comes from now on may be another command's. */
  forgetSense(): void {
    for (const io of [...this.checked.values()]) this.finish(io, undefined);
    this.checked.clear();
  }

  /** The source has ended: what is open stays in doubt. */
  close(): void {
    this.forgetSense();
    for (const io of [...this.open.values()]) this.end(io, 'unfinished');
    for (const { task } of this.lingering) this.journal.finalise(task);
  }

  /** A hole hid how it left the bus: unless it comes back in time it has ended. It may be known only since (its command was). */
  missed(io: IoProcess): void {
    if (io.missedAt < 0) io.missedAt = this.bus.now;
  }

  /** Time has passed: what GOOD came too early for is over by now, and what ended in a hole does not come back any more. */
  tick(): void {
    const { lingering } = this;
    for (const io of this.open.values()) {
      if (io.missedAt >= 0 && this.bus.now - io.missedAt > this.bus.settleNs) this.end(io, 'status-lost');
    }
    while (lingering.length > 0) {
      if (this.bus.now - lingering[0].since <= this.bus.settleNs && lingering.length <= LINGERING_MAX) return;
      this.journal.finalise(lingering.shift()!.task);
    }
  }

  /**
   * No checksum covers what passes on a parallel bus, and a capacity decides whether a mirror is long enough: it counts once
   * one host was told the same twice running.
   */
  private toldTwice(task: Task, blocks: number): boolean {
    const name = `${task.host} ${task.lu.root.id}`;
    const same = this.told.get(name) === blocks;
    this.told.set(name, blocks);
    return same;
  }

  /** LUs of the bus: those of a target, or with a number, or the one of both. */
  private lus(target = -1, lun = -1): Lu[] {
    const prefix = target < 0 ? 'scsi:' : `scsi:${target}/`;
    const suffix = lun < 0 ? '' : `/${lun}`;
    const mine = this.bus.directory.all().filter(({ id }) => id.startsWith(prefix) && id.endsWith(suffix));
    return [...new Set(mine.map((lu) => lu.root))];
  }

  private sensed(io: IoProcess): void {
    const { task, ids } = io;
    const waiting = this.checked.get(conditionKey(ids));
    if (waiting === undefined) return;
    this.checked.delete(conditionKey(ids));
    const known = task.small !== undefined && io.lostAt < 0 && task.intact(task.landed);
    const sense = known ? parseSense(task.small!, 0, Math.min(task.landed, task.small!.length)) : undefined;
    this.finish(waiting, sense === undefined || isParseFault(sense) ? undefined : sense);
  }

  /** Holds the data that passed against what the CDB asks for: it tells the width, or that some of it was not seen. */
  private count(io: IoProcess, agreement: Agreement): void {
    const { task } = io;
    const wanted = wantedBytes(task);
    if (!isSuccess(task.status) || wanted === undefined) {
      this.unproven(io);
      return;
    }
    const short = wanted - task.landed;
    if (!agreement.proven && short * 2 === wanted && io.lostAt < 0) {
      agreement.width = 2;
      agreement.proven = true;
      return;
    }
    const missing = Math.max(0, short);
    const fits = io.lostAt < 0 ? short < HIDING_BYTES : unaccounted(io.lostNs, missing, agreement) >= 0;
    if (short < 0 || !fits) {
      this.bus.notice(
        `count ${task.lu.id}`,
        `${task.lu.id}: ${task.landed} bytes of data were seen where ${wanted} had to pass: samples are missing`,
      );
      // Whose data it was nobody knows.
      io.spoil();
      io.hole = undefined;
      this.doubt();
      return;
    }
    if (short > 0 && io.lostAt >= 0 && task.mutates && !io.spoiled) {
      // A source that loses samples without a mark may have done so anywhere.
      if (Number.isFinite(io.lostNs)) io.missed(short);
      else io.spoil();
    }
    // The data alone took all of the hole: no command fitted beside it.
    const own = io.hole?.nanoseconds ?? 0;
    if (!io.spoiled && unaccounted(own, missing, agreement) < HIDING_WITHIN_NS) io.hole = undefined;
    this.unproven(io);
  }

  /** A hole that it did not account for may have hidden any command. */
  private unproven(io: IoProcess): void {
    if (io.hole === undefined) return;
    io.hole = undefined;
    this.doubt();
  }

  private finish(io: IoProcess, sense: SenseData | undefined): void {
    const { task } = io;
    if (sense !== undefined) task.sense = { key: sense.key, asc: sense.asc, ascq: sense.ascq };
    this.report(io);
    if (isSuccess(task.status)) this.good(io);
    else if (sense !== undefined) this.attention(io);
    this.unproven(io);
    if (task.mutates) this.landed(io, sense);
    this.opening.forgetSmall(task);
  }

  private good(io: IoProcess): void {
    const { task } = io;
    const { root } = task.lu;
    if (!passesAttentions(task.cdb.operation.opcode)) this.used.set(`${io.ids.initiator} ${root.id}`, root.resets);
    // What passed is what was meant, unless some of it was not seen.
    task.edtl = io.high;
    task.dataIn = task.reads ? io.high : 0;
    task.dataOut = task.reads ? 0 : io.high;
    this.facts.good(task, !io.counted || io.lostAt >= 0 || !task.intact(io.high));
    if (task.cdb.operation.sync) synchronised(task, this.journal);
    if (task.cdb.operation.mayChangeFormat) root.cache = undefined;
  }

  private landed(io: IoProcess, sense: SenseData | undefined): void {
    const { task } = io;
    const outcome = outcomeOfWrite(task, task.status, sense);
    const unsent = outcome === 'doubt' && io.high === 0 && io.lostAt < 0 && needsData(task);
    if (outcome === 'unchanged' || unsent || (hasList(task) && task.cdb.parameterListLength === 0)) {
      this.journal.leave(task, 'nothing', 'outcome', true);
      return;
    }
    const list = this.opening.wholeList(task);
    if (copies(task)) this.opening.copied(this.reach, task);
    const whole = outcome === 'done' || io.lostAt >= 0;
    // The count against the CDB is what the length is proved by.
    task.edtl = task.cdb.protect !== 0 || !whole ? io.high : Number.MAX_SAFE_INTEGER;
    const immed = list?.immed === true || (task.wholeLu && task.cdb.immed);
    this.journal.leave(task, immed ? 'doubt' : outcome, immed ? 'effect' : 'outcome', !immed);
    if (immed) this.lingering.push({ task, since: this.bus.now });
  }

  /** Unit attentions tell of new capacities, and of a power loss that took the cache along (requirement B2b). */
  private attention(io: IoProcess): void {
    const { task, ids } = io;
    const { root } = task.lu;
    if (task.sense === undefined) return;
    if (isCapacityChanged(task.sense)) root.blocks = 0;
    const name = `${ids.initiator} ${root.id}`;
    const greeting = this.used.get(name) !== root.resets;
    this.used.set(name, root.resets);
    if (!isPowerOn(task.sense) || greeting) return;
    for (const lu of this.lus(ids.target)) {
      lu.resets++;
      const { extents, whole } = lu.takeUnsynchronised();
      if (lu.cache === false) continue;
      if (whole) this.journal.doubtWhole(lu, 'cache-loss');
      else if (!extents.isEmpty) this.journal.doubtBlocks(lu, extents, 'cache-loss');
    }
    this.used.set(name, root.resets);
  }

  private report(io: IoProcess): void {
    const { task, ids } = io;
    task.lu.outstanding--;
    task.dataIn = task.reads ? io.high : 0;
    task.dataOut = task.reads ? 0 : io.high;
    task.edtl = expected(task, task.lu.root.blockSize) || io.high;
    this.reporter.report(task, { targetText: `scsi:${ids.target}` });
  }
}

/** GOOD, CONDITION MET, and what linked commands say in their place: INTERMEDIATE, INTERMEDIATE-CONDITION MET. */
function isSuccess(status: number): boolean {
  return status === GOOD || status === CONDITION_MET || status === 0x10 || status === 0x14;
}

/** Without its data it cannot change anything. */
function needsData(task: Task): boolean {
  const { effect } = task.cdb.operation;
  return effect === 'data' || effect === 'or' || effect === 'compareWrite' || hasList(task);
}

/** Initiator, target and LUN: sense is kept for these (SAM-2). */
function conditionKey(ids: NexusIds): number {
  return nexusKey({ ...ids, tag: -1 });
}

/** Bytes that a command asks for with blocks of so many bytes; 0 where neither says. */
function expected({ cdb }: Task, blockSize: number): number {
  const { effect, nature } = cdb.operation;
  if (cdb.parameterListLength >= 0) return cdb.parameterListLength;
  if (cdb.allocationLength >= 0) return cdb.allocationLength;
  if (effect === 'same') return cdb.ndob ? 0 : blockSize;
  if (effect === 'scattered') return (cdb.dataOffset + cdb.transferBlocks) * blockSize;
  if (cdb.blocks > 0 && (nature === 'read' || effect === 'data' || effect === 'or')) return cdb.blocks * blockSize;
  if (effect === 'compareWrite' && cdb.blocks > 0) return 2 * cdb.blocks * blockSize;
  return 0;
}

/** Bytes that must have passed when a command ends in GOOD; undefined where its CDB does not say that exactly. */
function wantedBytes(task: Task): number | undefined {
  const { cdb } = task;
  const { blockSize } = task.lu.root;
  const { effect } = cdb.operation;
  if (cdb.protect !== 0) return undefined;
  if (effect === 'data' || effect === 'or' || READS.has(cdb.opcode)) {
    return blockSize > 0 && cdb.blocks > 0 ? cdb.blocks * blockSize : undefined;
  }
  const bytes = task.writes && !task.reads ? expected(task, blockSize) : 0;
  return bytes > 0 ? bytes : undefined;
}
