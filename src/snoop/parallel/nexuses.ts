import type { Burst } from '../../base/samples.ts';
import type { Bus } from '../bus.ts';
import { type Agreement, Agreements } from './agreements.ts';
import { Connection, cdbBytes } from './connection.ts';
import { type IoProcess, type NexusIds, nexusKey } from './ioProcess.ts';
import {
  ABORT,
  ABORT_TAG,
  BUS_DEVICE_RESET,
  CLEAR_QUEUE,
  COMMAND_COMPLETE,
  DISCONNECT,
  EXTENDED,
  IDENTIFY,
  IGNORE_WIDE_RESIDUE,
  isTag,
  LINKED_COMMAND_COMPLETE,
  LINKED_COMMAND_COMPLETE_FLAG,
  LOGICAL_UNIT_RESET,
  MESSAGE_PARITY_ERROR,
  type Message,
  MessageReader,
  MODIFY_DATA_POINTER,
  messageWords,
  pointerArgument,
  RESTORE_POINTERS,
  SAVE_DATA_POINTER,
} from './messages.ts';
import type { PhaseSink } from './phases.ts';
import { HIDING_NS, type Processes } from './processes.ts';
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

/** In a span so short nobody can have left the bus and come back (SPI-5 table 40: bus settle, bus free, arbitration). */
const SAME_CONNECTION_NS = 3200;
const CHUNK = 8192;
/** Processes that began before the source did, or in a hole. */
const GHOSTS_MAX = 4096;

/** A run of one phase, for people who debug hardware. */
export interface PhaseView {
  from: number;
  to: number;
  /** BUS FREE, SELECTION ..., or an information transfer phase. */
  name: string;
  initiator: number;
  target: number;
  /** Transferred bytes or units; -1 where the phase has none. */
  units: number;
  words: string;
}

/** Joins the phases of a bus to nexuses, and what passes in them to I/O processes (SPI-5 sections 10 and 16). */
export class Nexuses implements PhaseSink {
  timed = false;
  /** Lines of the data bus that are sampled. */
  wide = false;
  readonly agreements = new Agreements();
  onPhase: ((view: PhaseView) => void) | undefined;
  private readonly bus: Bus;
  private readonly processes: Processes;
  private connection: Connection | undefined;
  /** The connection that a hole interrupted, while it is not known whether it goes on; and that hole. */
  private before: Connection | undefined;
  private hole: { from: number; nanoseconds: number } | undefined;
  private agreement: Agreement;
  private readonly chunk = new Uint8Array(CHUNK);
  private filled = 0;
  /** Bytes of the chunk that are not believed. */
  private readonly wrong: number[] = [];
  private units = 0;
  private said = '';
  private readonly ghosts = new Map<number, NexusIds>();
  /** Connections of nobody knows whom that left the bus for a while. */
  private strangers = 0;
  private strangersBack = 0;

  constructor(bus: Bus, processes: Processes) {
    this.bus = bus;
    this.processes = processes;
    this.agreement = this.agreements.of(-1, 0);
  }

  /** Nanoseconds of the synchronous transfer under way, 0 for none. */
  get periodNs(): number {
    return this.agreement.periodNs;
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
    const connection = this.connect(time, -1, -1);
    connection.joined = true;
    connection.ghost = true;
    if (before !== undefined && hole !== undefined) this.interrupted = { before, nanoseconds: hole.nanoseconds };
    else if (hole !== undefined) this.hidden(hole.nanoseconds);
  }

  private interrupted: { before: Connection; nanoseconds: number } | undefined;

  phase(time: number, phase: number): void {
    let { connection } = this;
    if (connection === undefined) return;
    const { interrupted } = this;
    if (interrupted !== undefined) {
      this.interrupted = undefined;
      const { before, nanoseconds } = interrupted;
      const same = before.lastPhase === phase && (phase === DATA_OUT || phase === DATA_IN) && before.io !== undefined;
      if (same) {
        connection = before;
        this.connection = before;
        this.agreement = this.agreements.of(before.ids.initiator, Math.max(0, before.ids.target));
        before.io!.hole = { nanoseconds };
      } else {
        this.gone(before);
        this.hidden(nanoseconds);
      }
    }
    this.units = 0;
    this.said = '';
    connection.phase = phase;
    connection.phaseFrom = time;
    switch (phase) {
      case COMMAND:
        this.commandPhase(connection);
        break;
      case DATA_OUT:
      case DATA_IN:
      case DT_DATA_OUT:
      case DT_DATA_IN:
        this.dataPhase(connection, phase);
        break;
      case STATUS:
        this.processOf(connection, false);
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
      case DATA_IN:
        if (!sure && this.agreement.offset === 0) this.wrong.push(this.filled);
        this.dataByte(connection, value & 0xff, (wrong & 1) !== 0);
        if (this.agreement.width === 2) this.dataByte(connection, value >> 8, (wrong & 2) !== 0);
        return;
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
        // The initiator asks for a message with wrong parity again (SPI-5 section 16.3.10).
        if ((wrong & 1) !== 0) connection.messageIn.clear();
        else this.messageByte(connection, value & 0xff);
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
      this.flush(connection);
      this.units += count;
      const bytes = count * this.agreement.width;
      if (connection.phase === DATA_OUT || connection.phase === DATA_IN) this.moved(connection, undefined, bytes);
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
      this.flush(connection);
      if (io !== undefined && time > connection.phaseFrom) {
        io.movedNs += time - connection.phaseFrom;
        io.movedBytes += this.units * this.agreement.width;
      }
      // A REQ without its ACK, or the other way round: an edge was not seen, and which one nobody knows.
      if (reqs !== acks && io !== undefined && io.lostAt < 0) io.touch(Math.min(from, io.pointer));
    } else if (phase === MESSAGE_OUT) this.messagesOut(connection);
    else if (phase === STATUS) this.said = `${connection.status.toString(16).padStart(2, '0')}h`;
    else if (phase === COMMAND) {
      connection.sent = { frame: this.processes.moment.frame, time };
      if (this.onPhase !== undefined) this.said = Buffer.from(connection.cdb).toString('hex');
    }
    this.tellPhase(connection.phaseFrom, time, PHASE_NAMES[phase] ?? '', this.units, this.said);
    if (phase !== NO_PHASE) connection.lastPhase = phase;
    connection.phase = NO_PHASE;
  }

  free(time: number): void {
    const { connection, hole, before } = this;
    this.processes.moment.time = time;
    this.hole = undefined;
    this.before = undefined;
    if (hole !== undefined) {
      if (before !== undefined) this.gone(before);
      this.hidden(hole.nanoseconds);
    }
    const { interrupted } = this;
    this.interrupted = undefined;
    if (interrupted !== undefined) {
      this.gone(interrupted.before);
      this.hidden(interrupted.nanoseconds);
    }
    if (connection !== undefined) {
      this.connection = undefined;
      this.leave(connection);
    }
    this.tellPhase(time, time, 'BUS FREE', -1, '', connection);
  }

  reset(time: number): void {
    const { connection, before, interrupted } = this;
    this.processes.moment.time = time;
    this.connection = undefined;
    this.before = undefined;
    this.interrupted = undefined;
    for (const one of [before, interrupted?.before, connection]) if (one?.ghost === true) this.ghostEnded(one);
    if (this.hole !== undefined) this.hidden(this.hole.nanoseconds);
    this.hole = undefined;
    for (const io of [...this.processes.open.values()]) this.processes.end(io, 'aborted');
    for (const ids of this.ghosts.values()) this.processes.doubt(ids.target, ids.lun);
    this.ghosts.clear();
    if (this.strangers > this.strangersBack) this.processes.doubt();
    this.strangers = 0;
    this.strangersBack = 0;
    this.processes.wasReset();
    this.agreements.reset(undefined);
    this.tellPhase(time, time, 'RESET', -1, '', connection);
  }

  /** Nothing was seen of [from, to]; called before the lines are known again. */
  lost(from: number, to: number): void {
    // Without a clock of its own a source cannot say how long its holes are.
    const nanoseconds = this.timed ? to - from : Number.POSITIVE_INFINITY;
    this.processes.moment.time = from;
    const connection = this.interrupted?.before ?? this.connection ?? this.before;
    if (connection !== undefined) {
      this.flush(connection);
      connection.messageIn.clear();
      if (connection.lastPhase === COMMAND || connection.lastPhase === NO_PHASE)
        connection.cdbWrong ||= connection.io === undefined;
    }
    this.filled = 0;
    const joined = this.interrupted !== undefined && this.connection !== undefined ? this.connection : undefined;
    if (joined !== undefined && joined !== connection) this.ghostEnded(joined);
    const all = nanoseconds >= SAME_CONNECTION_NS;
    for (const io of this.processes.open.values()) {
      if (io === connection?.io) io.touch(io.pointer);
      else if (all) io.touch(io.saved);
    }
    if (all) this.agreements.doubt();
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
    if (this.hole !== undefined) {
      if (this.before !== undefined) this.gone(this.before);
      this.hidden(this.hole.nanoseconds);
    }
    if (this.interrupted !== undefined) this.gone(this.interrupted.before);
    if (connection !== undefined) {
      this.flush(connection);
      if (connection.ghost) this.ghostEnded(connection);
      else if (
        this.processOf(connection, false) === undefined &&
        connection.farewell === 'none' &&
        !connection.reselected
      ) {
        // A command was about to come, and nobody saw which.
        this.processes.doubt(connection.ids.target, connection.ids.lun);
      } else if ((connection.io?.status ?? -1) >= 0) this.settle(connection);
    }
    for (const ids of this.ghosts.values()) this.processes.doubt(ids.target, ids.lun);
    if (this.strangers > this.strangersBack) this.processes.doubt();
    this.connection = undefined;
  }

  private connect(time: number, initiator: number, target: number): Connection {
    const { hole, before } = this;
    this.processes.moment.time = time;
    if (hole !== undefined) {
      this.hole = undefined;
      this.before = undefined;
      if (before !== undefined) this.gone(before);
      this.hidden(hole.nanoseconds);
    }
    const connection = new Connection(this.processes.moment.frame);
    connection.ids.initiator = initiator;
    connection.ids.target = target;
    this.connection = connection;
    this.agreement = this.agreements.of(initiator, Math.max(0, target));
    this.agreements.fresh();
    this.filled = 0;
    this.wrong.length = 0;
    return connection;
  }

  /** A hole in which so much may have happened. */
  private hidden(nanoseconds: number): void {
    if (nanoseconds >= HIDING_NS) this.processes.doubt();
  }

  /** Its end fell into a hole: its process may have ended or have left the bus for a while. */
  private gone(connection: Connection): void {
    if (connection.ghost) {
      this.ghostEnded(connection);
      return;
    }
    const io = this.processOf(connection, false);
    if (io === undefined) {
      if (connection.farewell === 'none') this.processes.doubt(connection.ids.target, connection.ids.lun);
      return;
    }
    if (io.status >= 0) this.settle(connection);
  }

  private commandPhase(connection: Connection): void {
    const { io } = connection;
    if (io !== undefined && !connection.linked && io.high > 0) {
      // A command within a command: what ended the first one was not seen.
      this.lostTrack(connection);
    }
    connection.linked = false;
    connection.cdb.length = 0;
    connection.cdbWrong = false;
  }

  private dataPhase(connection: Connection, phase: number): void {
    const io = this.processOf(connection, phase === DATA_OUT || phase === DT_DATA_OUT);
    this.filled = 0;
    this.wrong.length = 0;
    if (io === undefined) return;
    const out = phase === DATA_OUT || phase === DT_DATA_OUT;
    const { task } = io;
    if (out) this.processes.carriesOut(io);
    if (phase === DT_DATA_OUT || phase === DT_DATA_IN || this.agreement.packets) {
      this.bus.notice('dt', 'double transition clocking is not understood: what was written so is in doubt');
      io.spoil();
      io.touch(io.pointer);
    } else if (task.cdb.operation.known && task.reads !== task.writes && out !== task.writes && !io.spoiled) {
      // The command does not go this way: two commands run into each other, and what lies between was not seen.
      this.lostTrack(connection);
    }
  }

  private dataByte(connection: Connection, byte: number, wrong: boolean): void {
    if (wrong) this.wrong.push(this.filled);
    this.chunk[this.filled++] = byte;
    if (this.filled === CHUNK) this.flush(connection);
  }

  private flush(connection: Connection): void {
    const length = this.filled;
    if (length === 0) return;
    this.filled = 0;
    const at = connection.io?.pointer ?? 0;
    this.moved(connection, this.chunk, length);
    for (const i of this.wrong) connection.io?.task.disbelieve(at + i, 1);
    this.wrong.length = 0;
  }

  private moved(connection: Connection, bytes: Uint8Array | undefined, length: number): void {
    if (connection.phase === DATA_OUT) connection.dataOut += length;
    else connection.dataIn += length;
    const { io } = connection;
    if (io === undefined) return;
    io.move(bytes, length, this.bus.room);
    this.processes.dataMoved(io);
  }

  /** The process of a connection, as soon as something needs it: a whole CDB starts one, a reselection finds one. */
  private processOf(connection: Connection, writes: boolean): IoProcess | undefined {
    if (connection.ghost || connection.farewell === 'complete') return connection.io;
    const { cdb, ids } = connection;
    if (connection.linked && cdb.length === 0) return undefined;
    if (cdb.length > 0) {
      const need = cdbBytes(cdb);
      if (connection.cdbWrong || (need > 0 && need !== cdb.length) || ids.target < 0) {
        connection.cdb.length = 0;
        connection.io = undefined;
        connection.ghost = true;
        return undefined;
      }
      const bytes = Uint8Array.from(cdb);
      connection.cdb.length = 0;
      // Without IDENTIFY the CDB names the LUN; with it, hosts may repeat it there (SCSI-2 section 7.2.2).
      if (!connection.identified) ids.lun = bytes.length > 1 ? bytes[1] >> 5 : 0;
      if (bytes.length > 1 && bytes[1] >> 5 === ids.lun) bytes[1] &= 0x1f;
      connection.io = this.processes.start(ids, bytes, writes, connection.sent);
      return connection.io;
    }
    if (connection.io === undefined && connection.reselected && (connection.identified || !this.anyIdentified(ids))) {
      connection.io = this.find(connection);
      if (connection.io === undefined) this.startGhost(connection);
      else connection.io.restore();
    } else if (connection.io === undefined && connection.kills < 0 && connection.identified) {
      if (connection.phase === STATUS || connection.phase === DATA_OUT || connection.phase === DATA_IN)
        connection.ghost = true;
    }
    if (connection.io === undefined && !connection.identified && (connection.phase & 4) === 0) {
      if (connection.phase !== COMMAND && connection.phase !== NO_PHASE) connection.ghost = true;
    }
    return connection.io;
  }

  private anyIdentified(ids: NexusIds): boolean {
    // A target reselects without IDENTIFY only a host that never identifies (SCSI-1).
    return [...this.processes.open.values()].every(
      (one) => one.ids.target !== ids.target || one.ids.initiator !== ids.initiator,
    );
  }

  private find(connection: Connection): IoProcess | undefined {
    const { ids } = connection;
    const exact = this.processes.open.get(nexusKey(ids));
    if (exact !== undefined || connection.identified) return exact;
    const mine = [...this.processes.open.values()].filter(
      (one) => one.ids.target === ids.target && one.ids.initiator === ids.initiator,
    );
    return mine.length === 1 ? mine[0] : undefined;
  }

  /** It goes on with a command that was not seen. */
  private startGhost(connection: Connection): void {
    connection.ghost = true;
    const key = nexusKey(connection.ids);
    if (this.ghosts.has(key)) return;
    this.strangersBack++;
    if (this.ghosts.size < GHOSTS_MAX) this.ghosts.set(key, { ...connection.ids });
    else this.processes.doubt(connection.ids.target);
  }

  /** A connection whose command was not seen is over: it may have written anywhere on the LUs that it can mean. */
  private ghostEnded(connection: Connection): void {
    const { ids } = connection;
    if (connection.farewell === 'disconnect') {
      if (ids.target < 0) this.strangers++;
      else if (connection.dataIn === 0 && this.ghosts.size < GHOSTS_MAX) this.ghosts.set(nexusKey(ids), { ...ids });
      return;
    }
    if (ids.target >= 0) this.ghosts.delete(nexusKey(ids));
    if (connection.dataIn > 0 && connection.dataOut === 0) return;
    // BUSY, RESERVATION CONFLICT, QUEUE FULL: refused before anything happened.
    const refused = connection.status === 0x08 || connection.status === 0x18 || connection.status === 0x28;
    if (refused && connection.dataOut === 0 && connection.statusSure) return;
    this.processes.doubt(ids.target, ids.lun);
  }

  /** Samples are missing without a sign but this one. */
  private lostTrack(connection: Connection): void {
    this.bus.notice('track', 'phases do not follow each other as they must: samples are missing');
    if (connection.io !== undefined) this.processes.end(connection.io, 'status-lost');
    connection.io = undefined;
    connection.ghost = true;
    this.processes.doubt();
  }

  private leave(connection: Connection): void {
    this.flush(connection);
    if (connection.kills >= 0) {
      this.kill(connection);
      return;
    }
    if (connection.ghost) {
      this.ghostEnded(connection);
      return;
    }
    const io = this.processOf(connection, false);
    if (connection.ghost) {
      this.ghostEnded(connection);
      return;
    }
    if (io === undefined) return;
    if (connection.farewell === 'disconnect') return;
    if (connection.farewell === 'none' && io.status < 0) {
      // The target has given the process up (SPI-5 section 10.1.3); that all it was sent was seen, nothing proves.
      if (!this.timed) io.touch(io.pointer);
      this.processes.end(io, 'aborted');
    } else this.settle(connection);
  }

  /** Its status counts. */
  private settle(connection: Connection): void {
    const { io } = connection;
    if (io === undefined) return;
    connection.io = undefined;
    if (io.status < 0) this.processes.end(io, 'status-lost');
    else this.processes.answered(io, this.agreement);
  }

  private kill(connection: Connection): void {
    const { kills, ids } = connection;
    const io = this.processOf(connection, false);
    const hits = (one: IoProcess): boolean => {
      if (one.ids.target !== ids.target) return false;
      if (kills === BUS_DEVICE_RESET) return true;
      if (kills === ABORT_TAG) return one === io || nexusKey(one.ids) === nexusKey(ids);
      if (one.ids.lun !== ids.lun) return false;
      return kills === CLEAR_QUEUE || kills === LOGICAL_UNIT_RESET || one.ids.initiator === ids.initiator;
    };
    for (const one of [...this.processes.open.values()]) if (hits(one)) this.processes.end(one, 'aborted');
    if (connection.ghost) this.ghostEnded(connection);
    if (kills === BUS_DEVICE_RESET) {
      this.agreements.reset(ids.target);
      this.processes.wasReset(ids.target);
    } else if (kills === LOGICAL_UNIT_RESET) this.processes.wasReset(ids.target, ids.lun);
  }

  private messagesOut(connection: Connection): void {
    const reader = new MessageReader();
    for (const { byte, wrong } of connection.messageOut) {
      if (wrong) {
        reader.clear();
        continue;
      }
      const message = reader.push(byte);
      if (message !== undefined) this.sent(connection, message);
    }
    connection.messageOut.length = 0;
  }

  /** A message of the initiator. */
  private sent(connection: Connection, message: Message): void {
    this.say(message);
    const { code } = message;
    this.agreements.message(this.agreement, message, true);
    if (code >= IDENTIFY) this.identify(connection, code);
    else if (isTag(code)) connection.ids.tag = message.args[0];
    else if (
      code === ABORT ||
      code === ABORT_TAG ||
      code === CLEAR_QUEUE ||
      code === BUS_DEVICE_RESET ||
      code === LOGICAL_UNIT_RESET
    )
      connection.kills = code;
    else if (code === MESSAGE_PARITY_ERROR && connection.modified !== 0) {
      // It comes again.
      connection.io?.modify(-connection.modified);
      connection.modified = 0;
    }
  }

  private identify(connection: Connection, code: number): void {
    connection.identified = true;
    connection.ids.lun = code & 0x3f;
  }

  private messageByte(connection: Connection, byte: number): void {
    const message = connection.messageIn.push(byte);
    if (message !== undefined) this.received(connection, message);
  }

  /** A message of the target. */
  private received(connection: Connection, message: Message): void {
    this.say(message);
    const { code } = message;
    this.agreements.message(this.agreement, message, false);
    connection.modified = 0;
    if (code >= IDENTIFY) {
      this.identify(connection, code);
      return;
    }
    if (isTag(code)) {
      connection.ids.tag = message.args[0];
      return;
    }
    const io = this.processOf(connection, false);
    switch (code) {
      case SAVE_DATA_POINTER:
        if (io !== undefined) io.saved = io.pointer;
        break;
      case RESTORE_POINTERS:
        io?.restore();
        break;
      case DISCONNECT:
        connection.farewell = 'disconnect';
        break;
      case IGNORE_WIDE_RESIDUE:
        if (io !== undefined && io.pointer > 0) {
          io.pointer--;
          io.high = Math.min(io.high, io.pointer);
          io.task.rewind(io.pointer);
        }
        break;
      case EXTENDED:
        if (message.extended === MODIFY_DATA_POINTER && message.args.length >= 4) {
          connection.modified = pointerArgument(message.args);
          io?.modify(connection.modified);
        }
        break;
      case COMMAND_COMPLETE:
        connection.farewell = 'complete';
        this.settle(connection);
        break;
      case LINKED_COMMAND_COMPLETE:
      case LINKED_COMMAND_COMPLETE_FLAG:
        this.settle(connection);
        connection.linked = true;
    }
  }

  private say(message: Message): void {
    if (this.onPhase === undefined) return;
    this.said += `${this.said === '' ? '' : ', '}${messageWords(message)}`;
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
