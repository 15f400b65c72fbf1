import type { Burst } from '../../base/samples.ts';
import type { Bus } from '../bus.ts';
import { type Agreement, Agreements } from './agreements.ts';
import { Connection, isWhole } from './connection.ts';
import type { Conversation } from './conversation.ts';
import { Departures } from './departures.ts';
import { Finder } from './finder.ts';
import { goesOn, HIDING_WITHIN_NS, SAME_CONNECTION_NS } from './interruption.ts';
import type { PhaseSink } from './phases.ts';
import type { PhaseView } from './phaseView.ts';
import type { Processes } from './processes.ts';
import { Track } from './track.ts';
import { Transfer } from './transfer.ts';
import {
  COMMAND,
  DATA_IN,
  DATA_OUT,
  DT_DATA_IN,
  DT_DATA_OUT,
  MESSAGE_IN,
  MESSAGE_OUT,
  NO_PHASE,
  PHASE_NAMES,
  STATUS,
} from './word.ts';

/** Shorter data phases do not tell how fast data passes. */
const RATE_BYTES = 64;

/** Joins the phases of a bus to nexuses, and what passes in them to I/O processes (SPI-5 section 10). */
export class Nexuses implements PhaseSink {
  timed = false;
  readonly agreements = new Agreements();
  private onPhase: ((view: PhaseView) => void) | undefined;
  private readonly processes: Processes;
  private connection: Connection | undefined;
  /** The connection that a hole interrupted, while it is not known whether it goes on; and that hole. */
  private before: Connection | undefined;
  private hole: { from: number; nanoseconds: number } | undefined;
  private interrupted: { before: Connection; nanoseconds: number } | undefined;
  private agreement: Agreement;
  private readonly transfer: Transfer;
  private units = 0;
  private readonly finder: Finder;
  private readonly conversation: Conversation;
  readonly departures: Departures;
  private readonly track: Track;

  constructor(bus: Bus, processes: Processes) {
    this.processes = processes;
    this.agreement = this.agreements.of(-1, 0);
    this.transfer = new Transfer(bus.room, processes);
    this.finder = new Finder(processes);
    this.track = new Track(bus, processes, this.finder);
    this.departures = new Departures(this.agreements, processes, this.finder);
    this.conversation = this.departures.conversation;
  }

  /** Nanoseconds of the synchronous transfer under way, 0 for none. */
  get periodNs(): number {
    return this.agreement.periodNs;
  }

  /** Tells every phase from now on. */
  tell(phase: ((view: PhaseView) => void) | undefined): void {
    this.onPhase = phase;
    this.conversation.wordy = phase !== undefined;
  }

  selected(time: number, initiator: number, target: number): void {
    this.connect(time, initiator, target);
    this.tellPhase(time, time, 'SELECTION', -1, '');
  }

  reselected(time: number, initiator: number, target: number): void {
    this.connect(time, initiator, target).reselected = true;
    this.tellPhase(time, time, 'RESELECTION', -1, '');
  }

  resumed(time: number): void {
    const { before, hole } = this;
    this.hole = undefined;
    this.before = undefined;
    if (before !== undefined && hole !== undefined && hole.nanoseconds < SAME_CONNECTION_NS) {
      this.connection = before;
      return;
    }
    // Whether it is the same one shows with its first phase.
    this.joined(time);
    if (before !== undefined && hole !== undefined) this.interrupted = { before, nanoseconds: hole.nanoseconds };
    else if (hole !== undefined) this.departures.hidden(hole.nanoseconds);
  }

  phase(time: number, phase: number): void {
    let { connection } = this;
    if (connection === undefined) return;
    const { interrupted } = this;
    if (interrupted !== undefined) {
      this.interrupted = undefined;
      const { before, nanoseconds } = interrupted;
      const agreement = this.agreements.of(before.ids.initiator, Math.max(0, before.ids.target));
      if (goesOn(before, phase, nanoseconds, agreement, this.finder)) {
        connection = before;
        this.connection = before;
        this.agreement = agreement;
        this.departures.own(before, nanoseconds);
        if (before.io !== undefined) before.io.missedAt = -1;
      } else {
        this.departures.gone(before);
        // Whoever is here now had to win the bus as well.
        this.departures.hidden(nanoseconds, HIDING_WITHIN_NS);
      }
    }
    // Nothing but BUS FREE comes after a farewell: who is here now nobody saw come.
    if (connection.farewell !== 'none' && phase !== MESSAGE_IN && phase !== MESSAGE_OUT) {
      this.departures.leave(connection);
      connection = this.joined(time);
    }
    this.units = 0;
    this.conversation.said = '';
    connection.phase = phase;
    connection.phaseFrom = time;
    switch (phase) {
      case COMMAND:
        this.track.command(connection);
        break;
      case DATA_OUT:
      case DATA_IN:
      case DT_DATA_OUT:
      case DT_DATA_IN:
        this.transfer.clear();
        this.track.data(connection, phase, this.agreement, this.agreements.narrow);
        break;
      case STATUS:
        this.finder.processOf(connection, false);
        break;
      case MESSAGE_IN:
        connection.messageIn.clear();
        break;
      case MESSAGE_OUT:
        connection.messageOut.length = 0;
        connection.lastOut = false;
    }
  }

  unit(time: number, value: number, wrong: number, atn: boolean, sure: boolean): void {
    const { connection } = this;
    if (connection === undefined) return;
    this.processes.moment.time = time;
    this.units++;
    switch (connection.phase) {
      case DATA_OUT:
      case DATA_IN: {
        const doubtful = !sure && this.agreement.offset === 0;
        this.transfer.byte(connection, value & 0xff, doubtful || (wrong & 1) !== 0);
        if (this.agreement.width === 2) this.transfer.byte(connection, value >> 8, (wrong & 2) !== 0);
        return;
      }
      case COMMAND:
        connection.cdb.push(value & 0xff);
        connection.cdbWrong ||= (wrong & 1) !== 0;
        return;
      case STATUS:
        connection.status = value & 0xff;
        connection.statusSure = (wrong & 1) === 0;
        if (connection.io !== undefined) {
          connection.io.status = connection.statusSure ? value & 0xfe : -1;
        }
        return;
      case MESSAGE_IN:
        // The initiator asks for a message with wrong parity again.
        if ((wrong & 1) !== 0) connection.messageIn.clear();
        else this.conversation.in(connection, this.agreement, value & 0xff);
        return;
      case MESSAGE_OUT:
        if (connection.lastOut) connection.messageOut.length = 0;
        connection.lastOut = !atn;
        connection.messageOut.push({ byte: value & 0xff, wrong: (wrong & 1) !== 0 });
    }
  }

  burst(burst: Burst, count: number): void {
    const { connection } = this;
    if (connection === undefined) return;
    const { units, unitBytes, badParity } = burst;
    this.processes.moment.time = burst.to;
    if (units === undefined) {
      this.transfer.flush(connection);
      this.units += count;
      const bytes = count * this.agreement.width;
      if (connection.phase === DATA_OUT || connection.phase === DATA_IN)
        this.transfer.moved(connection, undefined, bytes);
      return;
    }
    const bad = (at: number): number => (badParity === undefined ? 0 : (badParity[at >> 3] >> (at & 7)) & 1);
    for (let i = 0; i < count; i++) {
      const at = i * unitBytes;
      const high = unitBytes === 2 ? units[at + 1] << 8 : 0;
      const wrong = bad(at) | (unitBytes === 2 ? bad(at + 1) << 1 : 0);
      this.unit(burst.to, units[at] | high, wrong, false, true);
    }
  }

  phaseEnded(time: number, reqs: number, acks: number): void {
    const { connection } = this;
    if (connection === undefined) return;
    const { phase, io } = connection;
    this.processes.moment.time = time;
    if (phase === DATA_OUT || phase === DATA_IN) {
      const from = io?.high ?? 0;
      this.transfer.flush(connection);
      const bytes = this.units * this.agreement.width;
      if (bytes >= RATE_BYTES && time > connection.phaseFrom) {
        this.agreement.fastestNs = Math.min(this.agreement.fastestNs, (time - connection.phaseFrom) / bytes);
      }
      // A REQ without its ACK, or the other way round: an edge was not seen, and which one nobody knows.
      if (reqs !== acks && io !== undefined && io.lostAt < 0) {
        const unseenNs = this.timed ? 0 : Number.POSITIVE_INFINITY;
        io.touch(Math.min(from, io.pointer), unseenNs);
        io.touch(io.pointer, unseenNs);
      }
    } else if (phase === MESSAGE_OUT) this.conversation.out(connection, this.agreement);
    else if (phase === STATUS) this.conversation.said = `${connection.status.toString(16).padStart(2, '0')}h`;
    else if (phase === COMMAND) {
      connection.sent = { frame: this.processes.moment.frame, time };
      if (this.onPhase !== undefined) this.conversation.said = Buffer.from(connection.cdb).toString('hex');
    }
    this.tellPhase(connection.phaseFrom, time, PHASE_NAMES[phase] ?? '', this.units, this.conversation.said);
    connection.lastPhase = phase;
    connection.phase = NO_PHASE;
    connection.torn = false;
  }

  free(time: number): void {
    const { connection, hole, before } = this;
    this.processes.moment.time = time;
    this.hole = undefined;
    this.before = undefined;
    if (hole !== undefined) this.departures.broken(before, hole.nanoseconds);
    const { interrupted } = this;
    this.interrupted = undefined;
    if (interrupted !== undefined) {
      this.departures.gone(interrupted.before);
      this.departures.hidden(interrupted.nanoseconds);
    }
    if (connection !== undefined) {
      this.connection = undefined;
      this.transfer.flush(connection);
      this.departures.leave(connection);
    }
    this.tellPhase(time, time, 'BUS FREE', -1, '', connection);
  }

  reset(time: number): void {
    const { connection, before, interrupted } = this;
    this.processes.moment.time = time;
    this.connection = undefined;
    this.before = undefined;
    this.interrupted = undefined;
    for (const one of [before, interrupted?.before, connection]) if (one?.ghost === true) this.finder.ended(one);
    if (this.hole !== undefined) this.departures.hidden(this.hole.nanoseconds);
    this.hole = undefined;
    for (const io of [...this.processes.open.values()]) this.processes.end(io, 'aborted');
    this.finder.over();
    this.processes.wasReset();
    this.agreements.reset(undefined);
    this.tellPhase(time, time, 'RESET', -1, '', connection);
  }

  /** A connection whose beginning was not seen. */
  private joined(time: number): Connection {
    const connection = this.connect(time, -1, -1);
    connection.joined = true;
    connection.torn = true;
    connection.ghost = true;
    return connection;
  }

  /** Nothing was seen of [from, to]; called before the lines are known again. */
  lost(from: number, to: number): void {
    // Without a clock of its own a source cannot say how long its holes are.
    const nanoseconds = this.timed ? to - from : Number.POSITIVE_INFINITY;
    this.processes.moment.time = from;
    const connection = this.interrupted?.before ?? this.connection ?? this.before;
    if (connection !== undefined) {
      this.transfer.flush(connection);
      connection.messageIn.clear();
      connection.torn = true;
      if (connection.io === undefined) connection.blindNs += nanoseconds;
      if (connection.io === undefined && !isWhole(connection.cdb)) connection.cdbWrong = true;
    }
    this.transfer.clear();
    const joined = this.interrupted !== undefined && this.connection !== undefined ? this.connection : undefined;
    if (joined !== undefined && joined !== connection) this.finder.ended(joined);
    const all = nanoseconds >= SAME_CONNECTION_NS;
    for (const io of this.processes.open.values()) {
      if (io === connection?.io) io.touch(io.pointer, nanoseconds);
      else if (all) io.touch(io.saved, nanoseconds);
      if (all && io.missedAt < 0) io.missedAt = Number.isFinite(to) ? to : from;
    }
    if (all) {
      this.agreements.doubt();
      this.processes.forgetSense();
    }
    this.hole = {
      from,
      nanoseconds: nanoseconds + (this.hole?.nanoseconds ?? 0) + (this.interrupted?.nanoseconds ?? 0),
    };
    this.before = connection;
    this.connection = undefined;
    this.interrupted = undefined;
    this.tellPhase(from, to, 'HOLE', -1, '', connection);
  }

  finish(time: number): void {
    const { connection } = this;
    this.processes.moment.time = time;
    if (this.hole !== undefined) this.departures.broken(this.before, this.hole.nanoseconds);
    if (this.interrupted !== undefined) this.departures.gone(this.interrupted.before);
    if (connection !== undefined) {
      this.transfer.flush(connection);
      if (connection.ghost) this.finder.ended(connection);
      else if (
        this.finder.processOf(connection, false) === undefined &&
        connection.farewell === 'none' &&
        !connection.reselected
      ) {
        // A command was about to come, and nobody saw which.
        this.processes.doubt(connection.ids.target, connection.ids.lun);
      } else if ((connection.io?.status ?? -1) >= 0) this.departures.settle(connection);
    }
    this.finder.over();
    this.connection = undefined;
  }

  private connect(time: number, initiator: number, target: number): Connection {
    const { hole, before } = this;
    this.processes.moment.time = time;
    this.hole = undefined;
    this.before = undefined;
    if (hole !== undefined) this.departures.broken(before, hole.nanoseconds);
    const connection = new Connection(this.processes.moment.frame);
    connection.ids.initiator = initiator;
    connection.ids.target = target;
    this.connection = connection;
    this.agreement = this.agreements.of(initiator, Math.max(0, target));
    this.agreements.fresh();
    this.transfer.clear();
    return connection;
  }

  private tellPhase(
    from: number,
    to: number,
    name: string,
    units: number,
    words: string,
    connection: Connection | undefined = this.connection,
  ): void {
    if (this.onPhase === undefined || name === '') return;
    const { initiator, target } = connection?.ids ?? { initiator: -1, target: -1 };
    this.onPhase({ from, to, name, initiator, target, units, words });
  }
}
