import type { Bus } from '../bus.ts';
import type { Journal } from '../lu/journal.ts';
import type { Lu } from '../lu/lu.ts';
import type { Task } from '../task.ts';
import type { Nexus } from './nexus.ts';
import type { Session, SessionTable } from './session.ts';
import type { Tasks } from './tasks.ts';

/** Task management functions, RFC 7143 section 11.5.1. */
const ABORT_TASK = 1;
const ABORT_TASK_SET = 2;
const CLEAR_TASK_SET = 4;
const LOGICAL_UNIT_RESET = 5;
const TARGET_WARM_RESET = 6;
const TARGET_COLD_RESET = 7;
/** RFC 7144 section 6.1. */
const I_T_NEXUS_RESET = 11;

const FUNCTION_COMPLETE = 0;
const REQUESTS_MAX = 1024;

/** A task management request that waits for its response. */
export interface Management {
  fn: number;
  referenced: number;
  lun: number;
}

/** Task management and logins: what ends tasks without a status of their own. */
export class SessionControl {
  private readonly bus: Bus;
  private readonly journal: Journal;
  private readonly sessions: SessionTable;
  private readonly tasks: Tasks;

  constructor(bus: Bus, journal: Journal, sessions: SessionTable, tasks: Tasks) {
    this.bus = bus;
    this.journal = journal;
    this.sessions = sessions;
    this.tasks = tasks;
  }

  sent(nexus: Nexus, itt: number, fn: number, referenced: number, b: Uint8Array, lunAt: number): void {
    if (nexus.management.size >= REQUESTS_MAX) return;
    nexus.management.set(itt, { fn, referenced, lun: this.tasks.lunAt(b, lunAt) });
  }

  /** Task Management Function Response (RFC 7143 section 11.6): what it aborted can no longer land. */
  answered(nexus: Nexus, itt: number, response: number): void {
    const request = nexus.management.get(itt);
    if (request === undefined) {
      nexus.ledger.answer(itt);
      return;
    }
    nexus.management.delete(itt);
    if (response !== FUNCTION_COMPLETE) return;
    const { session } = nexus;
    switch (request.fn) {
      case ABORT_TASK: {
        const task = nexus.open.get(request.referenced);
        if (task !== undefined) this.tasks.end(nexus, task, 'aborted');
        return;
      }
      case ABORT_TASK_SET:
        this.abort(session, [...session.nexuses], (task) => task.lun === request.lun);
        return;
      case I_T_NEXUS_RESET:
        this.abort(session, [...session.nexuses], () => true);
        return;
      case CLEAR_TASK_SET:
      case LOGICAL_UNIT_RESET:
        this.reset(session.lu(request.lun), request.fn === LOGICAL_UNIT_RESET);
        return;
      case TARGET_WARM_RESET:
      case TARGET_COLD_RESET:
        for (const lu of session.target.lus) this.reset(lu, true);
    }
  }

  /** The final Login Response: who talks to whom is settled (RFC 7143 section 11.13). */
  loggedIn(nexus: Nexus): void {
    const { negotiation, session } = nexus;
    const initiator = negotiation.initiatorName;
    const { targetName } = negotiation;
    if (initiator !== undefined && this.bus.own.has(initiator)) {
      session.leave(nexus);
      nexus.disown();
      return;
    }
    session.discovery = negotiation.discovery;
    if (targetName === undefined) {
      session.enter(nexus);
      return;
    }
    // With the initiator's name lost nothing tells which session this one replaces; its LUs are known all the same.
    const old = initiator === undefined ? undefined : this.sessions.known(initiator, session.isid, targetName);
    if (old === session) return;
    if (old !== undefined && session.tsih !== 0 && old.nexuses.size > 0) {
      // One more connection of a session that lives (RFC 7143 section 6.3.1).
      session.leave(nexus);
      nexus.session = old;
      old.enter(nexus);
      return;
    }
    session.initiator = initiator;
    session.targetName = targetName;
    session.target = this.sessions.target(targetName);
    session.fromStart = true;
    session.forgetLus();
    if (old !== undefined) {
      // What waits there for bytes that were lost came before this login, and so does its own end if it was seen.
      for (const before of [...old.nexuses]) before.outlived();
      this.reinstated(old);
    }
    // A host that comes back while its last session was never seen to end: the target may have vanished meanwhile.
    session.afterSuspect = session.target.suspect || (old !== undefined && old.nexuses.size > 0);
    if (initiator !== undefined) this.sessions.known(initiator, session.isid, targetName, session);
    session.enter(nexus);
  }

  /** Session reinstatement ends all tasks of the old session before the new one starts (RFC 7143 section 6.3.5). */
  private reinstated(old: Session): void {
    this.abort(old, [...old.nexuses], () => true);
    for (const { task } of this.sessions.take((l) => l.session === old && !l.held)) this.journal.finalise(task);
  }

  private abort(session: Session, nexuses: readonly Nexus[], which: (task: Task) => boolean): void {
    for (const nexus of nexuses) {
      for (const task of [...nexus.open.values()]) if (which(task)) this.tasks.end(nexus, task, 'aborted');
    }
    for (const { task } of this.sessions.take((l) => l.session === session && !l.held && which(l.task)))
      this.journal.finalise(task);
  }

  /** All tasks at the LU are gone, whoever sent them (SAM-5 sections 7.4 and 7.7). */
  private reset(lu: Lu, attention: boolean): void {
    for (const session of this.sessions.at(lu))
      this.abort(session, [...session.nexuses], (task) => task.lu.root === lu);
    for (const { task } of this.sessions.take((l) => l.task.lu.root === lu && !l.held)) this.journal.finalise(task);
    if (attention) lu.resets++;
    this.bus.notice(`reset ${lu.id} ${this.bus.now}`, `${lu.id}: reset by task management`);
  }
}
