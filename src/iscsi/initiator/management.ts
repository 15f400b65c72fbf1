import {
  ABORT_TASK,
  LOGICAL_UNIT_RESET,
  putLun,
  putSequence,
  putTaskManagement,
} from '../../../parsers/iscsi/headers.ts';
import { NO_TAG } from '../../../parsers/iscsi/opcodes.ts';
import { operationOf } from '../../../parsers/scsi/opcodes.ts';
import { Fault } from '../../base/fault.ts';
import type { Command } from './command.ts';
import type { Tasks } from './tasks.ts';
import type { Wire } from './wire.ts';

/** Responses, RFC 7143 section 11.6.1. */
const COMPLETE = 0;
const NO_SUCH_TASK = 1;

interface Request {
  /** The task that took too long; its command may be another task by the time of the answer. */
  itt: number;
  lun: Uint8Array;
  reset: boolean;
  deadline: number;
}

export interface ManagementOptions {
  /** Nanoseconds that the target has to answer. */
  answerNs: number;
  /** Whether the LU may be reset: only one that nobody else uses. */
  mayReset: boolean;
  /** A tag that no other request has. */
  tag: () => number;
}

/**
 * Commands that take too long (RFC 7143 section 11.5): ABORT TASK; where that does not help and the LU is ours alone,
 * LOGICAL UNIT RESET; where nothing helps the session is given up, by a `Fault` thrown to its owner.
 */
export class Management {
  readonly #wire: Wire;
  readonly #tasks: Tasks;
  readonly #options: ManagementOptions;
  readonly #requests = new Map<number, Request>();

  constructor(wire: Wire, tasks: Tasks, options: ManagementOptions) {
    this.#wire = wire;
    this.#tasks = tasks;
    this.#options = options;
  }

  tick(now: number): void {
    for (const { deadline } of this.#requests.values()) {
      if (deadline < now) throw this.#hopeless('does not answer task management');
    }
    if (this.#tasks.stuck(now)) throw this.#hopeless('does not read what it is sent');
    this.#tasks.expire(now, (command) => this.#late(command, 'takes no more commands'));
    this.#tasks.forEach((command) => {
      if (command.deadline >= now || command.aborting) return;
      command.aborting = true;
      this.#ask(command, false, now);
    });
  }

  /** True where the answer was to one of these requests. */
  answer(tag: number, response: number, now: number): boolean {
    const request = this.#requests.get(tag);
    if (!request) return false;
    this.#requests.delete(tag);
    const command = this.#tasks.openTask(request.itt);
    if (request.reset) {
      if (response !== COMPLETE) throw this.#hopeless('can neither abort a task nor reset the LU');
      this.#wasReset(request.lun);
    } else if (command === undefined) {
      // Its status came before the answer.
    } else if (response === COMPLETE || response === NO_SUCH_TASK) {
      this.#tasks.end(command, 'failed', this.#late(command, 'does not answer'));
    } else if (this.#options.mayReset) {
      this.#ask(command, true, now);
    } else {
      throw this.#hopeless('cannot abort a task');
    }
    return true;
  }

  /** The reset ended every task of the LU (SAM-5 section 6.3.3). */
  #wasReset(lun: Uint8Array): void {
    this.#tasks.forEach((command) => {
      if (command.lun.some((byte, i) => byte !== lun[i])) return;
      if (command.aborting) this.#tasks.end(command, 'failed', this.#late(command, 'does not answer'));
      else this.#tasks.end(command, 'reset', new Fault('local', `${this.#wire.peer}: the LU was reset`));
    });
  }

  #ask(command: Command, reset: boolean, now: number): void {
    const { out, sequence } = this.#wire;
    const tag = this.#options.tag();
    const at = out.begin();
    if (reset) putTaskManagement(out.slab, at, LOGICAL_UNIT_RESET, tag, NO_TAG);
    else putTaskManagement(out.slab, at, ABORT_TASK, tag, command.itt, command.cmdSn);
    putLun(out.slab, at, command.lun);
    putSequence(out.slab, at, sequence.cmdSn, sequence.expStatSn);
    out.header();
    this.#requests.set(tag, { itt: command.itt, lun: command.lun, reset, deadline: now + this.#options.answerNs });
  }

  #late(command: Command, what: string): Fault {
    const { name } = operationOf(command.cdb, 0, 16);
    const seconds = Math.round(command.limitNs / 1e8) / 10;
    const mend = 'look at the target: its disk may hang';
    return new Fault('local', `${this.#wire.peer} ${what} within ${seconds} s (${name})`, mend);
  }

  #hopeless(what: string): Fault {
    return new Fault('local', `${this.#wire.peer} ${what}`, 'look at the target and at the network to it');
  }
}
