import { putLogin, putLogout, putSequence, STATUS } from '../../../parsers/iscsi/headers.ts';
import { NO_TAG, Op } from '../../../parsers/iscsi/opcodes.ts';
import { rejectWords } from '../../../parsers/iscsi/words.ts';
import type { SenseData } from '../../../parsers/scsi/sense.ts';
import { Fault } from '../../base/fault.ts';
import { add32 } from '../../base/serial32.ts';
import { AsyncEvents } from './asyncEvents.ts';
import type { Command } from './command.ts';
import { Heartbeat } from './heartbeat.ts';
import type { Incoming } from './incoming.ts';
import { Login, type LoginOptions, type LoginStep } from './login.ts';
import { Management } from './management.ts';
import type { SessionParameters } from './parameters.ts';
import { type PduHandler, Receiver } from './receiver.ts';
import { Tasks } from './tasks.ts';
import { TextAsk, type TextPairs } from './textAsk.ts';
import { Wire } from './wire.ts';

export interface SessionOptions extends LoginOptions {
  isid: Uint8Array;
  /** Bytes handed to the byte stream that it has not sent yet. */
  unsent: () => number;
  /** Commands under way at once, 1 to 256. */
  commandsMax: number;
  /** Whether a LOGICAL UNIT RESET may be sent: the LU is ours alone. */
  mayReset: boolean;
  /** Nanoseconds of silence before a ping; those after it that make it `silent`; those to answer it, and to answer task management. */
  pingAfterNs: number;
  silentNs: number;
  pongNs: number;
  managementNs: number;
}

/** What a session tells its owner, at once. */
export interface SessionOwner {
  /** The login is over, commands are sent from now on. */
  up(parameters: SessionParameters): void;
  /** The target sends us elsewhere; the session is over. */
  moved(address: string): void;
  /**
   * The session is over. When this returns, nothing of it may be sent any more: the commands that were open are handed
   * back then, with their payload.
   */
  over(fault: Fault): void;
  /** The logout that was asked for is done; the session is over. */
  loggedOut(): void;
  /** The target asks for a logout within so many seconds (asynchronous message). */
  logoutWanted(seconds: number): void;
  /** Sense data that came with no command (asynchronous message). */
  sense(sense: SenseData): void;
}

/**
 * An initiator's session of one connection at error recovery level 0 (RFC 7143), as a machine: bytes and commands go in,
 * buffers to send come out of `take`, and commands are handed back through their own `ended`. It is called without
 * step and take in between because every command of a mirror passes here.
 *
 * Whatever the target does that it must not, and whatever it fails to do in its time, ends the session with a `Fault`
 * that says so: recovery is a new session. Times are in nanoseconds of one monotonic clock.
 */
export class InitiatorSession {
  readonly #options: SessionOptions;
  readonly #owner: SessionOwner;
  readonly #wire: Wire;
  readonly #tasks: Tasks;
  readonly #management: Management;
  readonly #heartbeat: Heartbeat;
  readonly #events: AsyncEvents;
  readonly #text: TextAsk;
  readonly #login: Login;
  readonly #receiver: Receiver;
  #state: 'new' | 'login' | 'up' | 'logout' | 'over' = 'new';
  #now = 0;
  #tags = 0;
  #loginTag = NO_TAG;
  #logoutTag = NO_TAG;
  #tsih = 0;
  #fault: Fault | undefined;

  constructor(options: SessionOptions, owner: SessionOwner) {
    const { peer, unsent, commandsMax, mayReset, pingAfterNs, silentNs, pongNs, managementNs, random } = options;
    const tag = (): number => this.#tag();
    this.#options = options;
    this.#owner = owner;
    const [a, b, c, d] = random(4);
    this.#wire = new Wire(peer, ((a << 24) | (b << 16) | (c << 8) | d) >>> 0, unsent);
    this.#tasks = new Tasks(this.#wire, commandsMax);
    this.#management = new Management(this.#wire, this.#tasks, { answerNs: managementNs, mayReset, tag });
    this.#heartbeat = new Heartbeat(this.#wire, { pingAfterNs, silentNs, answerNs: pongNs, tag });
    this.#events = new AsyncEvents(this.#wire, owner);
    this.#text = new TextAsk(this.#wire, tag);
    this.#login = new Login(options);
    const handler: PduHandler = { dataIn: (pdu) => this.#dataIn(pdu), whole: (pdu, data) => this.#whole(pdu, data) };
    this.#receiver = new Receiver(this.#wire, handler);
  }

  get up(): boolean {
    return this.#state === 'up';
  }

  /** The target does not answer a ping: that may be over, or the session is, some time later. */
  get silent(): boolean {
    return this.#heartbeat.silent;
  }

  /** No command waits or is under way. */
  get idle(): boolean {
    return this.#tasks.idle;
  }

  /** The CHAP algorithm in use; 0 for none. */
  get algorithm(): number {
    return this.#login.algorithm;
  }

  /** Commands that the target has. */
  get open(): number {
    return this.#tasks.open;
  }

  /** Commands under way at once; to be lowered where the target says TASK SET FULL. */
  get limit(): number {
    return this.#tasks.limit;
  }

  set limit(commands: number) {
    this.#tasks.limit = Math.max(1, Math.min(commands, this.#options.commandsMax));
  }

  /** There is something to `take`. */
  get waiting(): boolean {
    return this.#wire.out.waiting;
  }

  /** What is to be sent, in order; the buffers are borrowed until `flushed`. */
  take(): Uint8Array[] {
    return this.#wire.out.take();
  }

  /** The connection stands: begins the login. */
  start(now: number): void {
    this.#state = 'login';
    this.#heartbeat.heard(now);
    this.#loginTag = this.#tag();
    this.#sendLogin(this.#login.first());
  }

  /** Bytes from the target; borrowed. */
  received(bytes: Uint8Array, offset: number, length: number, now: number): void {
    this.#now = now;
    try {
      this.#heartbeat.heard(now);
      this.#receiver.bytes(bytes, offset, length);
      this.#tasks.send(now);
    } catch (error) {
      this.#caught(error);
    }
  }

  /** Time has passed. */
  tick(now: number): void {
    this.#now = now;
    if (this.#state !== 'up' && this.#state !== 'logout') return;
    try {
      this.#tasks.release();
      this.#heartbeat.tick(now);
      this.#management.tick(now);
      this.#tasks.send(now);
    } catch (error) {
      this.#caught(error);
    }
  }

  /** A command; after the end of the session it is handed back at once. */
  submit(command: Command, now: number): void {
    if (this.#state === 'over') {
      command.restart();
      command.ending = 'lost';
      command.fault = this.#fault;
      command.ended(command);
      return;
    }
    try {
      this.#tasks.submit(command, now);
    } catch (error) {
      this.#caught(error);
    }
  }

  /** Asks by text, one question at a time; `answered` is called once, unless the session ends before. */
  ask(keys: TextPairs, answered: (pairs: TextPairs) => void): void {
    if (this.#state === 'up') this.#text.ask(keys, answered);
  }

  /** Starts no more commands and closes the session (RFC 7143 section 11.14). */
  logout(): void {
    if (this.#state !== 'up') return;
    this.#state = 'logout';
    this.#tasks.held = true;
    const { out, sequence } = this.#wire;
    this.#logoutTag = this.#tag();
    const at = out.begin();
    putLogout(out.slab, at, this.#logoutTag);
    putSequence(out.slab, at, sequence.cmdSn, sequence.expStatSn);
    out.header();
  }

  /** The connection is gone, or the owner gives the session up. */
  fail(fault: Fault): void {
    if (this.#state !== 'over') this.#over(fault, () => this.#owner.over(fault));
  }

  /** The byte stream has sent all that it was handed. */
  flushed(): void {
    this.#wire.out.flushed();
    this.#heartbeat.flushed();
    this.#tasks.release();
  }

  #over(fault: Fault, tell: () => void): void {
    this.#state = 'over';
    this.#fault = fault;
    this.#receiver.stop();
    tell();
    this.#tasks.endAll(fault);
  }

  #caught(error: unknown): void {
    if (error instanceof Fault) this.fail(error);
    else this.fail(new Fault('bug', `${this.#wire.peer}: ${String(error)}`, undefined, { cause: error }));
  }

  /** A tag of a request that is no SCSI command. */
  #tag(): number {
    this.#tags = (this.#tags + 1) & 0x7ffffff;
    return 0x80000000 + this.#tags;
  }

  #dataIn(pdu: Incoming): Command {
    if (this.#state === 'login') throw this.#wire.wrong('sends data before the login is over');
    return this.#tasks.dataIn(pdu);
  }

  #whole(pdu: Incoming, data: Uint8Array): void {
    if (this.#state === 'login') {
      this.#loginResponse(pdu, data.subarray(0, pdu.dataSegmentLength));
      return;
    }
    this.#wire.sequence.window(pdu.expCmdSn, pdu.maxCmdSn);
    switch (pdu.opcode) {
      case Op.dataIn:
        if ((pdu.flags & STATUS) === 0) return;
        this.#status(pdu);
        this.#tasks.status(this.#tasks.find(pdu.itt, 'a status'), pdu);
        return;
      case Op.scsiResponse:
        this.#status(pdu);
        this.#tasks.response(pdu, data, pdu.dataSegmentLength);
        return;
      case Op.r2t:
        this.#tasks.r2t(pdu);
        return;
      case Op.nopIn:
        // Only an answer carries a status of its own (RFC 7143 section 11.19.2).
        if (pdu.itt !== NO_TAG) this.#status(pdu);
        this.#heartbeat.nopIn(pdu);
        return;
      case Op.taskManagementResponse:
        this.#status(pdu);
        if (!this.#management.answer(pdu.itt, pdu.response, this.#now)) {
          throw this.#wire.wrong('answers task management that nobody asked for');
        }
        return;
      case Op.asyncMessage:
        this.#status(pdu);
        this.#events.message(pdu, data);
        return;
      case Op.textResponse:
        this.#status(pdu);
        this.#text.response(pdu, data);
        return;
      case Op.logoutResponse:
        this.#status(pdu);
        this.#loggedOut(pdu);
        return;
      case Op.reject: {
        this.#status(pdu);
        const opcode = pdu.dataSegmentLength > 0 ? ` (opcode ${(data[0] & 0x3f).toString(16)}h)` : '';
        throw this.#wire.wrong(`rejects what it was sent${opcode}: ${rejectWords(pdu.response)}`);
      }
      default:
        throw this.#wire.wrong(`sends a PDU that nothing here asks for (opcode ${pdu.opcode.toString(16)}h)`);
    }
  }

  #status({ statSn }: Incoming): void {
    const { sequence } = this.#wire;
    const due = sequence.expStatSn;
    if (!sequence.status(statSn)) throw this.#wire.wrong(`sends StatSN ${statSn} where ${due} was due`);
  }

  #loginResponse(pdu: Incoming, text: Uint8Array): void {
    if (pdu.opcode !== Op.loginResponse || pdu.itt !== this.#loginTag) {
      throw this.#wire.wrong('does not answer the login');
    }
    const { sequence } = this.#wire;
    // The first response sets StatSN (RFC 7143 section 11.13.3).
    sequence.expStatSn = add32(pdu.statSn, 1);
    sequence.window(pdu.expCmdSn, pdu.maxCmdSn);
    const result = this.#login.answer(pdu.flags, pdu.word36 >>> 24, (pdu.word36 >>> 16) & 0xff, text);
    switch (result.kind) {
      case 'send':
        this.#tsih = pdu.tsih;
        this.#sendLogin(result.step);
        return;
      case 'moved':
        this.#over(new Fault('local', `${this.#wire.peer}: the target has moved`), () => {
          this.#owner.moved(result.address);
        });
        return;
      case 'done':
        this.#begin(result.parameters);
    }
  }

  #begin(parameters: SessionParameters): void {
    const { out } = this.#wire;
    this.#wire.parameters = parameters;
    this.#receiver.digests(parameters.headerDigest, parameters.dataDigest);
    out.headerDigest = parameters.headerDigest;
    out.dataDigest = parameters.dataDigest;
    this.#state = 'up';
    this.#tasks.held = false;
    this.#owner.up(parameters);
  }

  #sendLogin({ transit, stage, next, text }: LoginStep): void {
    const { out, sequence } = this.#wire;
    const at = out.begin();
    putLogin(out.slab, at, transit, stage, next, text.length, this.#options.isid, this.#tsih, this.#loginTag);
    putSequence(out.slab, at, sequence.cmdSn, sequence.expStatSn);
    out.header();
    out.text(text);
  }

  #loggedOut(pdu: Incoming): void {
    if (pdu.itt !== this.#logoutTag) throw this.#wire.wrong('answers a logout that nobody asked for');
    this.#over(new Fault('local', `${this.#wire.peer}: the session was closed`), () => this.#owner.loggedOut());
  }
}
