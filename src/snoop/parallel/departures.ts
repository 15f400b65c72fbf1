import type { Agreement, Agreements } from './agreements.ts';
import type { Connection } from './connection.ts';
import { Conversation } from './conversation.ts';
import type { Finder } from './finder.ts';
import { HIDING_NS, HIDING_WITHIN_NS, unaccounted } from './interruption.ts';
import type { Processes } from './processes.ts';
import { DATA_IN, DATA_OUT } from './word.ts';

/** What a connection's end says of its process, and what a hole may have hidden. */
export class Departures {
  /** Times are the bus's own. */
  timed = false;
  readonly conversation: Conversation;
  private readonly agreements: Agreements;
  private readonly processes: Processes;
  private readonly finder: Finder;

  constructor(agreements: Agreements, processes: Processes, finder: Finder) {
    this.agreements = agreements;
    this.processes = processes;
    this.finder = finder;
    this.conversation = new Conversation(agreements, processes, finder, (connection) => this.settle(connection));
  }

  agreementOf({ ids }: Connection): Agreement {
    return this.agreements.of(ids.initiator, Math.max(0, ids.target));
  }

  /** A hole in which so much may have happened. */
  hidden(nanoseconds: number, least = HIDING_NS): void {
    if (nanoseconds >= least) this.processes.doubt();
  }

  /** A hole that is a process's own until its end proves it. */
  own({ io }: Connection, nanoseconds: number): void {
    if (io !== undefined && nanoseconds >= HIDING_WITHIN_NS) {
      io.hole = { nanoseconds: nanoseconds + (io.hole?.nanoseconds ?? 0) };
    }
  }

  /** Behind a hole the connection that it interrupted is not there any more. */
  broken(before: Connection | undefined, nanoseconds: number): void {
    if (before === undefined) {
      this.hidden(nanoseconds);
      return;
    }
    const { io, lastPhase } = before;
    const left = lastPhase === DATA_IN || lastPhase === DATA_OUT ? io?.left : undefined;
    const rest = left === undefined ? nanoseconds : unaccounted(nanoseconds, left, this.agreementOf(before));
    if (rest < HIDING_NS) this.own(before, nanoseconds);
    else this.hidden(nanoseconds);
    this.gone(before);
  }

  /** Its end fell into a hole: its process may have ended or have left the bus for a while. */
  gone(connection: Connection): void {
    if (connection.ghost) {
      this.finder.ended(connection);
      return;
    }
    const io = this.finder.processOf(connection, false);
    if (io === undefined) {
      if (connection.farewell === 'none') this.processes.doubt(connection.ids.target, connection.ids.lun);
      return;
    }
    if (io.status >= 0) this.settle(connection);
    else this.processes.missed(io);
  }

  /** It has left the bus, and that was seen. */
  leave(connection: Connection): void {
    if (connection.kills >= 0) {
      this.conversation.kill(connection);
      return;
    }
    // Looking for its process may show that it has none.
    const io = connection.ghost ? undefined : this.finder.processOf(connection, false);
    if (connection.ghost) {
      this.finder.ended(connection);
      return;
    }
    if (io === undefined || connection.farewell === 'disconnect') return;
    if (connection.farewell === 'none' && io.status < 0) {
      // The target has given the process up; that all it was sent was seen, nothing proves.
      if (!this.timed) io.touch(io.pointer, Number.POSITIVE_INFINITY);
      this.processes.end(io, 'aborted');
    } else this.settle(connection);
  }

  /** Its status counts. */
  settle(connection: Connection): void {
    const { io } = connection;
    if (io === undefined) return;
    connection.io = undefined;
    if (io.status < 0) this.processes.end(io, 'status-lost');
    else this.processes.answered(io, this.agreementOf(connection));
  }
}
