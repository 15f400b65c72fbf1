import type { Bus } from '../bus.ts';
import type { Journal } from '../lu/journal.ts';
import type { Task } from '../task.ts';
import type { Nexus } from './nexus.ts';
import type { Session, SessionTable } from './session.ts';

/** Tasks that outlived their connections; more are not followed one by one. */
const LINGERING_MAX = 4096;

/** Tasks that have ended here and may still land at the target (requirement B6). */
export class Landing {
  private readonly bus: Bus;
  private readonly journal: Journal;
  private readonly sessions: SessionTable;

  constructor(bus: Bus, journal: Journal, sessions: SessionTable) {
    this.bus = bus;
    this.journal = journal;
    this.sessions = sessions;
  }

  /** It may still land. */
  linger(nexus: Nexus, task: Task): void {
    const { lingering } = this.sessions;
    lingering.push({ task, session: nexus.session, since: this.bus.now, held: nexus.heldBack() });
    if (lingering.length <= LINGERING_MAX) return;
    const given = lingering.splice(0, LINGERING_MAX / 2);
    for (const one of given) this.journal.finalise(one.task);
    for (const lu of new Set(given.map((one) => one.task.lu.root))) this.journal.unfollowed(lu);
  }

  /** A connection that was there before the unit looked has gone: what was under way on it then may still land. */
  joinedAndLost(session: Session): void {
    const { began, now, settleNs } = this.bus;
    if (began === undefined || session.fromStart || now - began > settleNs) return;
    for (const lu of session.reachable()) for (const one of lu.candidates ?? [lu]) this.journal.unfollowed(one);
  }

  /** Lingering tasks that can no longer land (requirement B6): settled by time. */
  tick(): void {
    const over = this.sessions.take((l) => this.bus.now - l.since > this.bus.settleNs);
    for (const { task } of over) this.journal.finalise(task);
  }
}
