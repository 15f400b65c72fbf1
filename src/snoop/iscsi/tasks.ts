import { u16, u32 } from '../../../parsers/iscsi/bytes.ts';
import { BHS_BYTES } from '../../../parsers/iscsi/opcodes.ts';
import type { PduSplitter } from '../../../parsers/iscsi/splitter.ts';
import { LBN_REFUSED, parseCdb } from '../../../parsers/scsi/cdb.ts';
import { lunNumber } from '../../../parsers/scsi/lun.ts';
import {
  isCapacityChanged,
  isPowerOn,
  MISCOMPARE,
  outcomeOf,
  parseSense,
  UNIT_ATTENTION,
} from '../../../parsers/scsi/sense.ts';
import type { Ending } from '../../base/command.ts';
import { Extents } from '../../base/extents.ts';
import { isParseFault } from '../../base/fault.ts';
import type { Bus } from '../bus.ts';
import { CommandReporter } from '../commands.ts';
import { hasList, type ListedExtents, listBytes, readList } from '../lists.ts';
import { Facts } from '../lu/facts.ts';
import type { Journal } from '../lu/journal.ts';
import { SMALL_MAX, Task } from '../task.ts';
import { copies, farOf } from './copies.ts';
import type { Nexus } from './nexus.ts';
import type { Session, SessionTable } from './session.ts';

const GOOD = 0;
const CHECK_CONDITION = 2;
/** Tasks remembered after they were ended without a status. */
const RETIRED_MAX = 256;
/** Commands outstanding on one connection; more is hostile: the oldest is given up. */
const OPEN_MAX = 8192;
/** A target that is silent for so long on a command has perhaps vanished. */
const VANISHED_NS = 2e9;
/** Tasks that outlived their connections; more are not followed one by one. */
const LINGERING_MAX = 4096;
/** An LBN beyond any: LUNs that cannot be expressed share one LU without a volume. */
const NO_LUN = Number.MAX_SAFE_INTEGER;

/** Opens, follows and ends the SCSI tasks of all connections. */
export class Tasks {
  private readonly bus: Bus;
  private readonly journal: Journal;
  private readonly sessions: SessionTable;
  private readonly facts: Facts;
  private readonly reporter: CommandReporter;
  private readonly scratch = new Uint8Array(16 + 1024);
  /** Bytes of parameter lists and answers kept outside the room. */
  private smallBytes = 0;
  private opens = 0;
  /** The latest frame that a command ended in. */
  private lastFrame = 0;

  constructor(bus: Bus, journal: Journal, sessions: SessionTable) {
    this.bus = bus;
    this.journal = journal;
    this.sessions = sessions;
    this.facts = new Facts(bus, journal);
    this.reporter = new CommandReporter(bus);
  }

  /** The LUN field at `at`, as a number. */
  lunAt(b: Uint8Array, at: number): number {
    return lunNumber(b, at) ?? NO_LUN;
  }

  /** A SCSI Command PDU (RFC 7143 section 11.3). */
  opened(nexus: Nexus, pdu: PduSplitter, itt: number): Task {
    const { bhs: b, bhsAt: at } = pdu;
    const old = nexus.open.get(itt);
    const cmdSn = u32(b, at + 24);
    // A command sent again within its connection (RFC 7143 section 7.2.1) is the same command.
    if (old !== undefined && !pdu.immediate && old.cmdSn === cmdSn && old.edtl === u32(b, at + 20)) return old;
    // The host uses the tag again: it has the status that we have not seen.
    if (old !== undefined) this.end(nexus, old, 'status-lost');
    if (nexus.open.size >= OPEN_MAX) this.end(nexus, nexus.open.values().next().value as Task, 'status-lost', false);
    const lun = this.lunAt(b, at + 8);
    const task = new Task(nexus.session.lu(lun));
    const { lu } = task;
    task.itt = itt;
    task.cmdSn = pdu.immediate ? -1 : cmdSn;
    task.ordinal = ++this.opens;
    task.stream = nexus.stream;
    task.lun = lun;
    task.host = nexus.session.hostText;
    task.openFrame = nexus.frame;
    task.frame = nexus.frame;
    task.time = nexus.time;
    task.reads = (b[at + 1] & 0x40) !== 0;
    task.writes = (b[at + 1] & 0x20) !== 0;
    task.edtl = u32(b, at + 20);
    task.queueDepth = ++lu.outstanding;
    this.readCdb(task, pdu);
    nexus.open.set(itt, task);
    nexus.retired.delete(itt);
    const { operation } = task.cdb;
    const foreign = !operation.known || !operation.blockDevice;
    task.mutates = operation.nature === 'write' || (foreign && task.writes);
    if (task.mutates) this.enter(nexus, task, foreign);
    else if (operation.sync) task.epoch = lu.synchroniseSent(task.openFrame);
    else this.keepSmall(task, this.facts.wants(task));
    return task;
  }

  /** Data arrived for `task`: a complete parameter list tells its extents. */
  dataMoved(nexus: Nexus, task: Task): void {
    if (!task.mutates || task.blocksKnown || !hasList(task)) return;
    const need = Math.min(listBytes(task), task.small?.length ?? 0);
    if (need === 0 || task.landed < need) return;
    const list = task.unbelieved(need).isEmpty ? readList(task) : undefined;
    if (list !== undefined && !list.unknown) this.journal.know(task, list.own);
    if (!this.journal.intents.wanted) return;
    if (list === undefined || list.unknown) this.journal.intents.all(task.lu.root);
    if (copies(task)) this.intendFar(farOf(nexus, task, list, this.bus.directory));
  }

  /** The blocks of other LUs that a copy is about to write. */
  private intendFar(far: NonNullable<Task['far']>): void {
    for (const { lu, extents } of far) {
      if (extents === 'wholeLu') this.journal.intents.all(lu);
      else extents.forEachIn(0, Number.MAX_SAFE_INTEGER, (start, end) => this.journal.intents.blocks(lu, start, end));
    }
  }

  /** A status for an open task. `status` -2: the target failed without one. */
  answered(
    nexus: Nexus,
    task: Task,
    status: number,
    senseBytes: Uint8Array | undefined,
    underflow = 0,
    residual = underflow > 0,
  ): void {
    task.status = status < 0 ? -1 : status;
    task.responseFrame = nexus.frame;
    task.endFrame = nexus.frame;
    task.responseTime = nexus.time;
    nexus.answeredAt = task.responseTime;
    task.ending = 'status';
    if (status === CHECK_CONDITION && senseBytes !== undefined && senseBytes.length > 2) {
      const length = Math.min(u16(senseBytes, 0), senseBytes.length - 2);
      const sense = parseSense(senseBytes, 2, length);
      if (!isParseFault(sense)) task.sense = sense;
    }
    nexus.ledger.ended(task, status === GOOD ? Math.max(0, task.edtl - underflow) : task.landed);
    this.close(nexus, task);
    const { session } = nexus;
    if (status === GOOD) {
      session.used.set(task.lu.root, task.lu.root.resets);
      const lu = this.facts.good(task, residual);
      if (lu !== task.lu) session.renamed(task.lu, lu);
      if (task.cdb.operation.sync) this.synchronised(task);
      // MODE SELECT and FORMAT UNIT may have changed WCE and more: what the host reads next counts.
      if (task.cdb.operation.mayChangeFormat) task.lu.root.cache = undefined;
    } else if (task.sense !== undefined) this.attention(session, task);
    if (task.mutates) {
      if (underflow > 0) this.shorten(task, underflow);
      const outcome = status === -2 ? 'doubt' : outcomeOfWrite(task, status);
      if (outcome === 'unchanged') this.journal.leave(task, 'nothing', 'outcome', true);
      else this.landed(nexus, task, outcome);
    }
    this.forgetSmall(task);
    this.lostStatuses(nexus);
  }

  /** A status for a tag without an open task. */
  strayStatus(nexus: Nexus, itt: number, status: number, senseBytes: Uint8Array | undefined): void {
    let outcome: 'done' | 'doubt' | 'unchanged' = status === GOOD ? 'done' : 'doubt';
    if (status >= 0 && status !== GOOD) {
      const sense =
        senseBytes !== undefined && senseBytes.length > 2
          ? parseSense(senseBytes, 2, senseBytes.length - 2)
          : undefined;
      outcome = outcomeOf(status, sense === undefined || isParseFault(sense) ? undefined : sense);
    }
    const retired = nexus.retired.get(itt);
    if (retired !== undefined) {
      nexus.retired.delete(itt);
      // It was ended without its status and has landed only now, perhaps after writes that came later.
      if (retired.mutates && outcome !== 'unchanged') {
        const blocks = new Extents();
        for (let i = 0; i < retired.blocks.length; i += 2) blocks.add(retired.blocks[i], retired.blocks[i + 1]);
        if (retired.wholeLu) this.journal.doubtWhole(retired.lu, 'aborted');
        else this.journal.doubtBlocks(retired.lu, blocks, 'aborted');
      }
      return;
    }
    const ghost = nexus.ledger.ghosts.get(itt);
    const harmless = outcome === 'unchanged' || (ghost?.reads === true && !ghost.writes);
    if (!harmless) {
      const { session } = nexus;
      const lus = ghost !== undefined && ghost.lun >= 0 ? [session.lu(ghost.lun)] : session.reachable();
      this.bus.notice(
        `ghost ${session.targetText}`,
        `stream ${nexus.stream}: a command to ${session.targetText} was not seen`,
      );
      for (const lu of lus) for (const one of lu.candidates ?? [lu]) this.journal.doubtWhole(one, 'lost-command');
    }
    nexus.ledger.answer(itt);
    this.lostStatuses(nexus);
  }

  /** A request that is no SCSI command got its answer although it was never seen: that accounts for one lost PDU. */
  otherAnswered(nexus: Nexus, itt: number): void {
    if (!nexus.requests.delete(itt)) nexus.ledger.answer(itt);
  }

  /** Ends a task without a status of its own. */
  end(nexus: Nexus, task: Task, ending: Exclude<Ending, 'status'>, final = true): void {
    task.ending = ending;
    task.responseFrame = 0;
    task.endFrame = ending === 'aborted' ? Math.max(nexus.frame, this.lastFrame) : nexus.frame;
    this.close(nexus, task);
    nexus.ledger.ended(task, task.landed);
    if (nexus.retired.size >= RETIRED_MAX) nexus.retired.delete(nexus.retired.keys().next().value as number);
    nexus.retired.set(task.itt, task);
    if (task.mutates) {
      const doubt = ending === 'status-lost' || ending === 'unfinished' ? 'lost-status' : 'aborted';
      if (copies(task)) this.copied(nexus, task);
      this.journal.leave(task, 'doubt', doubt, final);
      if (!final) this.linger(nexus, task);
    }
    // The first command of a new session at a target that may have restarted: what was lost may have been the news.
    const { session } = nexus;
    if (ending === 'status-lost' && session.afterSuspect && !session.used.has(task.lu.root)) this.restarted(session);
    this.forgetSmall(task);
  }

  /** It may still land. */
  private linger(nexus: Nexus, task: Task): void {
    const { lingering } = this.sessions;
    lingering.push({ task, session: nexus.session, since: this.bus.now });
    if (lingering.length <= LINGERING_MAX) return;
    const given = lingering.splice(0, LINGERING_MAX / 2);
    for (const one of given) this.journal.finalise(one.task);
    for (const lu of new Set(given.map((one) => one.task.lu.root))) this.journal.unfollowed(lu);
  }

  /** The connection is over: what was open may still land unless the whole source has ended. */
  connectionEnded(nexus: Nexus, sourceEnded: boolean): void {
    // A host that gives up waiting closes first: the target may have vanished, and come back restarted.
    const { answeredAt, time, loggedOut, session } = nexus;
    for (const task of sourceEnded || loggedOut ? [] : nexus.open.values())
      if (task.time >= answeredAt && time - task.time > VANISHED_NS) session.target.suspect = true;
    for (const task of [...nexus.open.values()]) {
      this.end(nexus, task, sourceEnded ? 'unfinished' : 'connection-lost', sourceEnded);
    }
    if (!sourceEnded && !loggedOut) this.joinedAndLost(session);
    nexus.retired.clear();
    nexus.statusCandidates.clear();
  }

  /** A connection that was there before the unit looked has gone: what was under way on it then may still land. */
  private joinedAndLost(session: Session): void {
    const { began, now, settleNs } = this.bus;
    if (began === undefined || session.fromStart || now - began > settleNs) return;
    for (const lu of session.reachable()) for (const one of lu.candidates ?? [lu]) this.journal.unfollowed(one);
  }

  /** Lingering tasks that can no longer land (requirement B6): settled by time. */
  tick(): void {
    const over = this.sessions.take((l) => this.bus.now - l.since > this.bus.settleNs);
    for (const { task } of over) this.journal.finalise(task);
  }

  /** Statuses are missing, and no more tasks are open than that: theirs were the missing ones. */
  private lostStatuses(nexus: Nexus): void {
    const { statusCandidates: candidates } = nexus;
    if (nexus.lostStatuses === 0) return;
    if (candidates.size > 0 && candidates.size <= nexus.lostStatuses) {
      nexus.lostStatuses -= candidates.size;
      for (const task of [...candidates]) this.end(nexus, task, 'status-lost');
    }
    if (candidates.size === 0) nexus.lostStatuses = 0;
  }

  /** GOOD, or an outcome that may have touched the medium. */
  private landed(nexus: Nexus, task: Task, outcome: 'done' | 'doubt'): void {
    if (hasList(task) && task.edtl === 0 && task.cdb.parameterListLength <= 0) {
      this.journal.leave(task, 'nothing', 'effect', true);
      return;
    }
    const list = this.wholeList(task);
    if (copies(task)) this.copied(nexus, task);
    // With IMMED the work goes on after GOOD: SANITIZE and FORMAT of the whole LU, copies, token writes.
    const immed = list?.immed === true || (task.wholeLu && task.cdb.immed);
    this.journal.leave(task, immed ? 'doubt' : outcome, immed ? 'effect' : 'outcome', !immed);
    if (immed) this.linger(nexus, task);
  }

  /** Its parameter list, where all of it was seen. */
  private wholeList(task: Task): ListedExtents | undefined {
    if (!hasList(task) || task.small === undefined || task.edtl === 0) return undefined;
    const need = listBytes(task);
    return need <= task.small.length && task.unbelieved(need).isEmpty ? readList(task) : undefined;
  }

  /** A copy writes to other LUs: those it names, or any that it could. */
  private copied(nexus: Nexus, task: Task): void {
    task.far = farOf(nexus, task, this.wholeList(task), this.bus.directory);
    for (const { lu, extents } of task.far) this.journal.doubtFar(lu, extents);
  }

  private enter(nexus: Nexus, task: Task, foreign: boolean): void {
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
    else this.keepList(nexus, task);
    if (task.edtl > 0 && (placed || effect === 'same')) task.lease = this.bus.room?.take(task.edtl);
  }

  private keepList(nexus: Nexus, task: Task): void {
    this.keepSmall(task, Math.min(listBytes(task), SMALL_MAX));
    if (task.small !== undefined || task.edtl === 0 || !this.journal.intents.wanted) return;
    // Where it writes will not be known before it is complete at the target.
    this.journal.intents.all(task.lu.root);
    if (copies(task)) this.intendFar(farOf(nexus, task, undefined, this.bus.directory));
  }

  private keepSmall(task: Task, bytes: number): void {
    if (bytes === 0 || this.smallBytes + bytes > 64 * SMALL_MAX) return;
    task.small = new Uint8Array(bytes);
    this.smallBytes += bytes;
  }

  private forgetSmall(task: Task): void {
    if (task.small === undefined) return;
    this.smallBytes -= task.small.length;
    task.small = undefined;
  }

  private readCdb(task: Task, pdu: PduSplitter): void {
    const { bhs: b, bhsAt: at } = pdu;
    // An extended CDB continues in an AHS of type 1 (RFC 7143 section 11.2.2.3).
    for (let i = at + BHS_BYTES, end = i + pdu.ahsBytes; i + 4 <= end; ) {
      const length = u16(b, i);
      if (b[i + 2] === 1 && length > 1 && i + 3 + length <= end) {
        this.scratch.set(b.subarray(at + 32, at + 48), 0);
        this.scratch.set(b.subarray(i + 4, i + 3 + length), 16);
        parseCdb(this.scratch, 0, 16 + length - 1, task.cdb);
        return;
      }
      i += (3 + length + 3) & ~3;
    }
    parseCdb(b, at + 32, 16, task.cdb);
  }

  private close(nexus: Nexus, task: Task): void {
    if (task.endFrame > this.lastFrame) this.lastFrame = task.endFrame;
    nexus.open.delete(task.itt);
    nexus.statusCandidates.delete(task);
    task.lu.outstanding--;
    this.reporter.report(task, nexus.session);
  }

  /** The target took less than was sent: what it did not take is not known to be on the medium. */
  private shorten(task: Task, underflow: number): void {
    const taken = Math.max(0, task.edtl - underflow);
    if (taken < task.edtl) task.disbelieve(taken, task.edtl - taken);
  }

  private synchronised(task: Task): void {
    const { lu, cdb } = task;
    if (cdb.immed) return;
    const whole = cdb.lbn === 0 && cdb.toEnd;
    const end = cdb.toEnd ? Number.POSITIVE_INFINITY : cdb.lbn + cdb.blocks;
    if (lu.alias !== undefined) return;
    if (whole) lu.synchronised(task.epoch);
    else if (cdb.lbn >= 0) lu.synchronised(task.epoch, cdb.lbn, end);
    this.journal.barrier(lu, task.responseTime);
  }

  /** Unit attentions tell of restarts and of new capacities (requirement B2b). */
  private attention(session: Session, task: Task): void {
    const lu = task.lu.root;
    if (task.sense === undefined) return;
    if (isCapacityChanged(task.sense)) {
      this.bus.notice(`capacity ${lu.id}`, `${lu.id}: the target says that its capacity changed`);
      // Until the next READ CAPACITY nothing is cut off at the old one.
      lu.blocks = 0;
    }
    // MODE PARAMETERS CHANGED: WCE may be another one.
    if (task.sense.key === UNIT_ATTENTION && task.sense.asc === 0x2a && task.sense.ascq <= 1) lu.cache = undefined;
    if (!isPowerOn(task.sense)) return;
    const greeting = session.used.get(lu) !== lu.resets;
    if (greeting && !session.afterSuspect) return;
    this.restarted(session);
    session.used.clear();
    session.afterSuspect = false;
  }

  /** The target has restarted: what its caches held may be lost, and nothing it had been given before can still land. */
  private restarted(session: Session): void {
    const { target } = session;
    target.suspect = false;
    this.bus.notice(`restart ${target.name} ${this.bus.now}`, `${target.name} seems to have restarted`);
    for (const { task } of this.sessions.take((l) => l.session.target === target)) this.journal.finalise(task);
    for (const lu of new Set([...target.lus].map((one) => one.root))) {
      const { extents, whole } = lu.takeUnsynchronised();
      if (lu.cache === false) continue;
      if (whole) this.journal.doubtWhole(lu, 'cache-loss');
      else if (!extents.isEmpty) this.journal.doubtBlocks(lu, extents, 'cache-loss');
    }
  }
}

/** Requirement B2; a MISCOMPARE of WRITE AND VERIFY comes after the blocks were written (SBC-4 section 5.44). */
function outcomeOfWrite(task: Task, status: number): 'done' | 'doubt' | 'unchanged' {
  const { operation } = task.cdb;
  if (status === CHECK_CONDITION && task.sense?.key === MISCOMPARE && operation.durable) return 'doubt';
  return outcomeOf(status, task.sense);
}
