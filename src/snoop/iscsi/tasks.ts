import { u16, u32 } from '../../../parsers/bytes.ts';
import type { PduSplitter } from '../../../parsers/iscsi/splitter.ts';
import { lunNumber } from '../../../parsers/scsi/lun.ts';
import { outcomeOf, parseSense, passesAttentions } from '../../../parsers/scsi/sense.ts';
import type { Ending } from '../../base/command.ts';
import { Extents } from '../../base/extents.ts';
import { isParseFault } from '../../base/fault.ts';
import type { Bus } from '../bus.ts';
import { CommandReporter } from '../commands.ts';
import { copies } from '../copies.ts';
import { hasList } from '../lists.ts';
import { Facts } from '../lu/facts.ts';
import type { Journal } from '../lu/journal.ts';
import { Opening } from '../opening.ts';
import { outcomeOfWrite, synchronised } from '../outcome.ts';
import { Reads } from '../reads.ts';
import { Task } from '../task.ts';
import { readCdb } from './commandCdb.ts';
import { Landing } from './landing.ts';
import type { Nexus } from './nexus.ts';
import { Restarts } from './restarts.ts';
import type { SessionTable } from './session.ts';

const GOOD = 0;
const CHECK_CONDITION = 2;
/** Tasks remembered after they were ended without a status. */
const RETIRED_MAX = 256;
/** Commands outstanding on one connection; more is hostile: the oldest is given up. */
const OPEN_MAX = 8192;
/** A target that is silent for so long on a command has perhaps vanished. */
const VANISHED_NS = 2e9;
/** An LBN beyond any: LUNs that cannot be expressed share one LU without a volume. */
const NO_LUN = Number.MAX_SAFE_INTEGER;

/** Opens, follows and ends the SCSI tasks of all connections. */
export class Tasks {
  private readonly bus: Bus;
  private readonly journal: Journal;
  private readonly facts: Facts;
  private readonly reporter: CommandReporter;
  private readonly opening: Opening;
  private readonly landing: Landing;
  private readonly restarts: Restarts;
  private readonly reads: Reads | undefined;
  private opens = 0;
  /** The latest frame that a command ended in. */
  private lastFrame = 0;

  constructor(bus: Bus, journal: Journal, sessions: SessionTable) {
    this.bus = bus;
    this.journal = journal;
    this.facts = new Facts(bus, journal);
    this.reporter = new CommandReporter(bus);
    this.opening = new Opening(bus, journal);
    this.landing = new Landing(bus, journal, sessions);
    this.restarts = new Restarts(bus, journal, sessions);
    this.reads = bus.reads && new Reads(bus.reads);
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
    readCdb(task, pdu);
    nexus.open.set(itt, task);
    nexus.retired.delete(itt);
    const { operation } = task.cdb;
    const foreign = !operation.known || !operation.blockDevice;
    task.mutates = operation.nature === 'write' || (foreign && task.writes);
    if (task.mutates) this.opening.enter(nexus, task, foreign);
    else if (operation.sync) task.epoch = lu.synchroniseSent(task.openFrame);
    else {
      this.opening.keepSmall(task, this.facts.wants(task));
      this.reads?.opened(task);
    }
    return task;
  }

  /** Data arrived for `task`. */
  dataMoved(nexus: Nexus, task: Task): void {
    this.opening.dataMoved(nexus, task);
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
      if (!passesAttentions(task.cdb.operation.opcode)) session.used.set(task.lu.root, task.lu.root.resets);
      const lu = this.facts.good(task, residual);
      if (lu !== task.lu) session.renamed(task.lu, lu);
      if (task.cdb.operation.sync) synchronised(task, this.journal);
      // MODE SELECT and FORMAT UNIT may have changed WCE and more: what the host reads next counts.
      if (task.cdb.operation.mayChangeFormat) task.lu.root.cache = undefined;
    } else if (task.sense !== undefined) this.restarts.attention(session, task);
    if (task.mutates) {
      if (underflow > 0) this.shorten(task, underflow);
      const outcome = status === -2 ? 'doubt' : outcomeOfWrite(task, status);
      if (outcome === 'unchanged') this.journal.leave(task, 'nothing', 'outcome', true);
      else this.landed(nexus, task, outcome);
    }
    if (task.kept !== undefined) this.reads?.ended(task, task.status, task.edtl - underflow);
    this.opening.forgetSmall(task);
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
  end(nexus: Nexus, task: Task, ending: Exclude<Ending, 'status'>, seenLast = true): void {
    // What the unit itself holds back reaches the target after whatever ended it here.
    const final = seenLast && !nexus.heldBack();
    task.ending = ending;
    task.responseFrame = 0;
    task.endFrame = ending === 'aborted' ? Math.max(nexus.frame, this.lastFrame) : nexus.frame;
    this.close(nexus, task);
    nexus.ledger.ended(task, task.landed);
    if (nexus.retired.size >= RETIRED_MAX) nexus.retired.delete(nexus.retired.keys().next().value as number);
    nexus.retired.set(task.itt, task);
    if (task.mutates) {
      const doubt = ending === 'status-lost' || ending === 'unfinished' ? 'lost-status' : 'aborted';
      if (copies(task)) this.opening.copied(nexus, task);
      this.journal.leave(task, 'doubt', doubt, final);
      if (!final) this.landing.linger(nexus, task);
    }
    // The first command of a new session at a target that may have restarted: what was lost may have been the news.
    const { session } = nexus;
    if (ending === 'status-lost' && session.afterSuspect && !session.used.has(task.lu.root))
      this.restarts.restarted(session);
    if (task.kept !== undefined) this.reads?.ended(task, -1, 0);
    this.opening.forgetSmall(task);
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
    if (!sourceEnded && !loggedOut) this.landing.joinedAndLost(session);
    nexus.retired.clear();
    nexus.statusCandidates.clear();
  }

  /** Time has passed. */
  tick(): void {
    this.landing.tick();
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
    const list = this.opening.wholeList(task);
    if (copies(task)) this.opening.copied(nexus, task);
    // With IMMED the work goes on after GOOD: SANITIZE and FORMAT of the whole LU, copies, token writes.
    const immed = list?.immed === true || (task.wholeLu && task.cdb.immed);
    this.journal.leave(task, immed ? 'doubt' : outcome, immed ? 'effect' : 'outcome', !immed);
    if (immed) this.landing.linger(nexus, task);
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
}
