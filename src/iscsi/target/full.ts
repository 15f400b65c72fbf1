import { FINAL } from '../../../parsers/iscsi/headers.ts';
import { NO_TAG, Op } from '../../../parsers/iscsi/opcodes.ts';
import { Reject } from '../../../parsers/iscsi/responses.ts';
import { type DataPlace, dataEnd, dataHeader, fail } from './collect.ts';
import { isFinal, makeTask } from './commands.ts';
import type { Connection } from './connection.ts';
import { manage } from './management.ts';
import type { Landing } from './receiver.ts';
import type { Request } from './request.ts';
import type { KeptPdu, Parked, Session } from './session.ts';
import type { Sessions } from './sessions.ts';
import type { Shared } from './shared.ts';
import { DataFailure, type Task } from './task.ts';
import { TextPhase } from './textPhase.ts';

/** Reasons and responses of a logout, RFC 7143 sections 11.14.1 and 11.15.1. */
const CLOSE_SESSION = 0;
const CLOSE_CONNECTION = 1;
const CLOSED = 0;
const NO_CONNECTION = 1;
const NO_RECOVERY = 2;

/** What becomes of the request at hand. */
type Course = 'drop' | 'park' | 'follow' | 'reject' | 'command' | 'data' | 'other';

/** The full feature phase of one connection: each request by its kind (RFC 7143 section 11). */
export class FullFeature {
  readonly #connection: Connection;
  readonly #session: Session;
  readonly #sessions: Sessions;
  readonly #shared: Shared;
  readonly #text: TextPhase;
  #course: Course = 'drop';
  #reason = 0;
  #task: Task | undefined;

  constructor(connection: Connection, session: Session, sessions: Sessions, shared: Shared) {
    this.#connection = connection;
    this.#session = session;
    this.#sessions = sessions;
    this.#shared = shared;
    this.#text = new TextPhase(connection);
  }

  header(request: Request): Landing {
    const { opcode } = request;
    this.#task = undefined;
    if (opcode === Op.dataOut) return this.#dataHeader(request);
    // A SNACK takes no turn, and a login is nothing that a turn would be right for.
    if (!request.immediate && opcode !== Op.snack && opcode !== Op.login) {
      const { window, parked } = this.#session;
      const turn = window.turn(request.cmdSn);
      if (turn === 'ignored' || (turn === 'early' && parked.has(request.cmdSn))) return this.#go('drop');
      if (turn === 'early') {
        this.#go('park');
        return 'gathered';
      }
      // The answer to a ping of ours has no turn (section 11.18).
      if (opcode !== Op.nopOut || request.itt !== NO_TAG) window.advance();
    }
    return this.#begin(request);
  }

  whole(request: Request, data: Uint8Array, damaged: boolean): void {
    const course = this.#course;
    if (course === 'drop') return;
    if (course === 'park' || course === 'follow') {
      this.#keep(request, data, damaged);
      return;
    }
    this.#finish(request, data, damaged);
    this.#session.unpark();
  }

  /** A request that came before its turn, which has come. */
  deliver(parked: Parked): void {
    // Another request may be half-way in on this connection.
    const [course, reason, task] = [this.#course, this.#reason, this.#task];
    this.#late(parked, 0);
    for (const data of parked.following) this.#late(data, data.request.word40);
    this.#course = course;
    this.#reason = reason;
    this.#task = task;
  }

  /** A PDU that was kept; its data belongs at `offset`, if anywhere. */
  #late({ request, data, damaged }: KeptPdu, offset: number): void {
    this.#task = undefined;
    const landing = request.opcode === Op.dataOut ? this.#dataHeader(request) : this.#begin(request);
    if (typeof landing === 'object') landing.land(offset, data, 0, data.length);
    this.#finish(request, data, damaged);
  }

  #keep(request: Request, data: Uint8Array, damaged: boolean): void {
    const connection = this.#connection;
    const shared = this.#shared;
    if (shared.unsolicited + data.length > shared.limits.unsolicitedBytes) {
      connection.drop('sends too much out of order');
      return;
    }
    const kept: KeptPdu = { request: request.copy(), data: Uint8Array.from(data), damaged };
    if (this.#course === 'park') {
      this.#session.park({ ...kept, connection, following: [] });
      return;
    }
    const command = this.#session.parkedCommand(connection, request.itt);
    if (command) this.#session.follow(command, kept);
    // Its command had its turn while this came in.
    else this.#late(kept, request.word40);
  }

  #go(course: Course): 'dropped' {
    this.#course = course;
    return 'dropped';
  }

  #reject(reason: number): 'dropped' {
    this.#reason = reason;
    return this.#go('reject');
  }

  #begin(request: Request): Landing {
    const { opcode } = request;
    if (opcode === Op.scsiCommand) return this.#command(request);
    if (opcode === Op.snack) return this.#reject(Reject.snack);
    if (opcode === Op.login) return this.#reject(Reject.protocol);
    const discovery = this.#session.discovery && (opcode === Op.nopOut || opcode === Op.taskManagement);
    if (discovery) return this.#reject(Reject.protocol);
    if (opcode === Op.nopOut || opcode === Op.text || opcode === Op.logout || opcode === Op.taskManagement) {
      this.#go('other');
      return 'gathered';
    }
    return this.#reject(Reject.unsupported);
  }

  #command(request: Request): Landing {
    const session = this.#session;
    if (session.discovery) return this.#reject(Reject.protocol);
    if (request.immediate && session.tasks.immediates >= this.#shared.limits.immediates) {
      return this.#reject(Reject.tooManyImmediate);
    }
    const task = makeTask(this.#connection, session, request);
    if (typeof task === 'number') return this.#reject(task);
    session.tasks.begin(task, request.dataLength, isFinal(request));
    this.#task = task;
    this.#course = 'command';
    return task.failure === 0 && !task.full ? task : 'dropped';
  }

  #dataHeader(request: Request): Landing {
    const task = this.#session.tasks.all.get(request.itt);
    if (task === undefined && this.#session.parkedCommand(this.#connection, request.itt) !== undefined) {
      this.#go('follow');
      return 'gathered';
    }
    // Data of a task that was aborted may still be on its way.
    if (task === undefined || task.connection !== this.#connection || task.state !== 'collecting') {
      return this.#go('drop');
    }
    this.#task = task;
    const place: DataPlace = dataHeader(task, request);
    if (place === 'unknown') return this.#reject(Reject.invalidField);
    this.#course = 'data';
    return place === 'lands' ? task : 'dropped';
  }

  #finish(request: Request, data: Uint8Array, damaged: boolean): void {
    const { wire } = this.#connection;
    const task = this.#task;
    if (this.#course === 'reject') {
      wire.reject(this.#reason, request.bytes);
      return;
    }
    // Section 7.8: a data segment that its digest does not fit is rejected; its command fails once its data has come.
    if (damaged) {
      wire.reject(Reject.dataDigest, request.bytes);
      if (task) fail(task, DataFailure.damaged);
    }
    if (task) {
      if (this.#course === 'command') {
        this.#session.tasks.requested(task);
        return;
      }
      task.heard = this.#connection.now;
      dataEnd(task, request);
      this.#session.tasks.progress(task);
      return;
    }
    if (!damaged) this.#other(request, data);
  }

  #other(request: Request, data: Uint8Array): void {
    switch (request.opcode) {
      case Op.nopOut:
        this.#nop(request, data);
        return;
      case Op.taskManagement:
        if (this.#session.managing >= this.#shared.limits.immediates) {
          this.#connection.wire.reject(Reject.tooManyImmediate, request.bytes);
          return;
        }
        manage(this.#sessions, this.#connection, this.#session, request);
        return;
      case Op.text: {
        const reason = this.#text.request(this.#session, request, data, this.#shared.options);
        if (reason !== 0) this.#connection.wire.reject(reason, request.bytes);
        return;
      }
      default:
        this.#logout(request);
    }
  }

  /** Section 11.18: a ping is answered with as much of its data as the initiator takes. */
  #nop({ itt, word20, bytes }: Request, data: Uint8Array): void {
    const { wire, sendSegmentMax } = this.#connection;
    if (itt !== NO_TAG) wire.pong(itt, data.subarray(0, sendSegmentMax));
    else if (word20 === NO_TAG) wire.reject(Reject.protocol, bytes);
  }

  /** Section 11.14: answered once no task of what is closed does anything more. */
  #logout({ itt, flags, cid }: Request): void {
    const connection = this.#connection;
    const session = this.#session;
    const reason = flags & ~FINAL;
    if (reason !== CLOSE_SESSION && reason !== CLOSE_CONNECTION) {
      connection.wire.logout(itt, NO_RECOVERY);
      return;
    }
    const other = reason === CLOSE_CONNECTION && cid !== connection.cid ? session.connections.get(cid) : undefined;
    if (reason === CLOSE_CONNECTION && cid !== connection.cid) {
      if (other === undefined) {
        connection.wire.logout(itt, NO_CONNECTION);
        return;
      }
      other.leaving();
      this.#sessions.leave(other, session, false, () => {
        other.cut();
        if (!connection.over) connection.wire.logout(itt, CLOSED);
      });
      return;
    }
    connection.leaving();
    this.#sessions.leave(connection, session, reason === CLOSE_SESSION, () => {
      if (connection.over) return;
      connection.wire.logout(itt, CLOSED);
      connection.finish();
    });
  }
}
