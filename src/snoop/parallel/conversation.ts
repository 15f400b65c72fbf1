import type { Agreement, Agreements } from './agreements.ts';
import type { Connection } from './connection.ts';
import type { Finder } from './finder.ts';
import { type IoProcess, nexusKey } from './ioProcess.ts';
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
  MESSAGE_REJECT,
  type Message,
  MessageReader,
  MODIFY_DATA_POINTER,
  messageWords,
  pointerArgument,
  RESTORE_POINTERS,
  SAVE_DATA_POINTER,
} from './messages.ts';
import type { Processes } from './processes.ts';

/** The messages of both sides, and what they do to processes and their pointers. */
export class Conversation {
  /** The messages of the current phase in words, if anybody wants them. */
  said = '';
  wordy = false;
  private readonly agreements: Agreements;
  private readonly processes: Processes;
  private readonly finder: Finder;
  /** Called when a connection's status counts. */
  private readonly settle: (connection: Connection) => void;

  constructor(agreements: Agreements, processes: Processes, finder: Finder, settle: (connection: Connection) => void) {
    this.agreements = agreements;
    this.processes = processes;
    this.finder = finder;
    this.settle = settle;
  }

  kill(connection: Connection): void {
    const { kills, ids } = connection;
    const io = this.finder.processOf(connection, false);
    const hits = (one: IoProcess): boolean => {
      if (one.ids.target !== ids.target) return false;
      if (kills === BUS_DEVICE_RESET) return true;
      if (kills === ABORT_TAG) return one === io || nexusKey(one.ids) === nexusKey(ids);
      if (one.ids.lun !== ids.lun) return false;
      return kills === CLEAR_QUEUE || kills === LOGICAL_UNIT_RESET || one.ids.initiator === ids.initiator;
    };
    for (const one of [...this.processes.open.values()]) if (hits(one)) this.processes.end(one, 'aborted');
    if (connection.ghost) this.finder.ended(connection);
    if (kills === BUS_DEVICE_RESET) {
      this.agreements.reset(ids.target);
      this.processes.wasReset(ids.target);
    } else if (kills === LOGICAL_UNIT_RESET) this.processes.wasReset(ids.target, ids.lun);
  }

  out(connection: Connection, agreement: Agreement): void {
    const reader = new MessageReader();
    for (const { byte, wrong } of connection.messageOut) {
      if (wrong) {
        reader.clear();
        continue;
      }
      const message = reader.push(byte);
      if (message !== undefined) this.sent(connection, agreement, message);
    }
    connection.messageOut.length = 0;
  }

  /** A message of the initiator. */
  private sent(connection: Connection, agreement: Agreement, message: Message): void {
    this.say(message);
    const { code } = message;
    if (unreliable(connection)) return;
    this.agreements.message(agreement, message, true);
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
    else if (code === MESSAGE_REJECT && connection.farewell === 'disconnect') connection.farewell = 'none';
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

  in(connection: Connection, agreement: Agreement, byte: number): void {
    const message = connection.messageIn.push(byte);
    if (message !== undefined) this.received(connection, agreement, message);
  }

  /** A message of the target. */
  private received(connection: Connection, agreement: Agreement, message: Message): void {
    this.say(message);
    const { code } = message;
    if (unreliable(connection) && code !== DISCONNECT && code !== COMMAND_COMPLETE) return;
    this.agreements.message(agreement, message, false);
    connection.modified = 0;
    if (code >= IDENTIFY) {
      this.identify(connection, code);
      return;
    }
    if (isTag(code)) {
      connection.ids.tag = message.args[0];
      return;
    }
    const io = this.finder.processOf(connection, false);
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
    if (!this.wordy) return;
    this.said += `${this.said === '' ? '' : ', '}${messageWords(message)}`;
  }
}

/** What looks like a message may be the rest of one: who speaks with whom about what is not taken from it. */
function unreliable(connection: Connection): boolean {
  return connection.torn && connection.io === undefined;
}
