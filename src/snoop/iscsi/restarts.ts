import { isCapacityChanged, isPowerOn, UNIT_ATTENTION } from '../../../parsers/scsi/sense.ts';
import type { Bus } from '../bus.ts';
import type { Journal } from '../lu/journal.ts';
import type { Task } from '../task.ts';
import type { Session, SessionTable } from './session.ts';

/** What targets tell of themselves by unit attentions: restarts, and with them lost caches; new capacities. */
export class Restarts {
  private readonly bus: Bus;
  private readonly journal: Journal;
  private readonly sessions: SessionTable;

  constructor(bus: Bus, journal: Journal, sessions: SessionTable) {
    this.bus = bus;
    this.journal = journal;
    this.sessions = sessions;
  }

  /** Unit attentions tell of restarts and of new capacities (requirement B2b). */
  attention(session: Session, task: Task): void {
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
  restarted(session: Session): void {
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
