import { Op } from '../../../parsers/iscsi/opcodes.ts';
import { Async } from '../../../parsers/iscsi/responses.ts';
import { loginStatusWords } from '../../../parsers/iscsi/words.ts';
import { Fault } from '../../base/fault.ts';
import { add32 } from '../../base/serial32.ts';
import { FullFeature } from './full.ts';
import { Heartbeat } from './heartbeat.ts';
import { MS, RECEIVE_SEGMENT_MAX } from './limits.ts';
import { Login, Refusal } from './login.ts';
import { type Landing, type PduHandler, Receiver } from './receiver.ts';
import type { Request } from './request.ts';
import type { Parked, Session } from './session.ts';
import type { Sessions } from './sessions.ts';
import type { Shared } from './shared.ts';
import type { Task } from './task.ts';
import type { TargetLine, TargetPeer } from './types.ts';
import { TargetWire } from './wire.ts';

/** Positions of tasks' bytes in the output; a list longer than this is put together again. */
const LENT_MAX = 64;
/** Logins' time that a discovery session may take between two requests. */
const DISCOVERY_IDLES = 4;
const NOTHING: Uint8Array[] = [];

/** One connection of a target, from its first byte to its last (RFC 7143 section 8, the connection state). */
export class Connection implements TargetLine, PduHandler {
  readonly ends: TargetPeer;
  readonly peer: string;
  readonly wire: TargetWire;
  readonly #shared: Shared;
  readonly #sessions: Sessions;
  readonly #forget: (connection: Connection) => void;
  readonly #receiver = new Receiver(this);
  readonly #heartbeat: Heartbeat;
  #login: Login;
  #full: FullFeature | undefined;
  #state: 'login' | 'joining' | 'full' | 'leaving' | 'over' = 'login';
  #closing: 'no' | 'end' | 'reset' = 'no';
  #told = false;
  #sentTo = 0;
  /** Tasks whose outcome's bytes the output refers to, and where in it their last one stands. */
  #lent: Task[] = [];
  #lentTo: number[] = [];
  #lentAt = 0;
  #tag = 0;
  #loginTag = 0;
  #loginFlags = 0;
  #loginText: Uint8Array = new Uint8Array(0);
  session: Session | undefined;
  /** The longest data segment that the initiator takes. */
  sendSegmentMax = 8192;
  now: number;

  constructor(
    peer: TargetPeer,
    shared: Shared,
    sessions: Sessions,
    now: number,
    forget: (connection: Connection) => void,
  ) {
    this.ends = peer;
    this.peer = peer.address.includes(':') ? `[${peer.address}]:${peer.port}` : `${peer.address}:${peer.port}`;
    this.#shared = shared;
    this.#sessions = sessions;
    this.#forget = forget;
    this.now = now;
    this.wire = new TargetWire(() => this.#ready());
    this.#login = new Login(shared.options, peer, shared.limits.connectionsPerSession);
    this.#heartbeat = new Heartbeat(shared.limits, now);
  }

  /** Nothing is said to the peer any more, and nothing it says is heard. */
  get over(): boolean {
    return this.#state === 'over';
  }

  /** It has proved nothing yet, or only asks what targets there are. */
  get expendable(): boolean {
    return this.#state === 'login' || this.session?.discovery === true;
  }

  get cid(): number {
    return this.#login.cid;
  }

  get digests(): string {
    const { headerDigest, dataDigest } = this.#login.parameters;
    return headerDigest ? (dataDigest ? 'header,data' : 'header') : dataDigest ? 'data' : 'none';
  }

  get closing(): 'no' | 'end' | 'reset' {
    return this.#closing;
  }

  get waiting(): boolean {
    return this.#closing !== 'reset' && this.wire.out.waiting;
  }

  get paused(): boolean {
    return this.wire.out.position - this.#sentTo > this.#shared.limits.outputBytes;
  }

  get taken(): number {
    return this.wire.out.taken;
  }

  receive(bytes: Uint8Array, offset: number, length: number, now: number): void {
    if (this.#state === 'over') return;
    this.now = now;
    this.#heartbeat.heard(now);
    try {
      if (this.#receiver.bytes(bytes, offset, length)) return;
      this.drop('sends what is no iSCSI, or was damaged on the way');
    } catch (error) {
      if (!(error instanceof Fault) || error.blame !== 'peer') throw error;
      this.drop(error.message);
    }
  }

  take(): Uint8Array[] {
    this.#told = false;
    return this.#closing === 'reset' ? NOTHING : this.wire.out.take();
  }

  sent(position: number, now: number): void {
    this.#heartbeat.sent(now);
    this.#sentTo = position;
    const { out } = this.wire;
    if (position === out.position) out.flushed();
    while (this.#lentAt < this.#lent.length && this.#lentTo[this.#lentAt] <= position) {
      const task = this.#lent[this.#lentAt++];
      task.session.tasks.released(task);
    }
    if (this.#lentAt === this.#lent.length) this.#lentNone();
    else if (this.#lentAt >= LENT_MAX) {
      this.#lent.splice(0, this.#lentAt);
      this.#lentTo.splice(0, this.#lentAt);
      this.#lentAt = 0;
    }
  }

  ended(): void {
    this.#state = 'over';
    this.#closing = 'reset';
    this.#receiver.stop();
    this.#forget(this);
    const lent = this.#lent.slice(this.#lentAt);
    this.#lentNone();
    for (const task of lent) task.session.tasks.released(task);
    this.#sessions.lost(this);
  }

  /** The output refers to the outcome of the task: its bytes are needed until that was sent. */
  lend(task: Task): void {
    this.#lent.push(task);
    this.#lentTo.push(this.wire.out.position);
  }

  /** A tag of ours: of an R2T, a ping, an exchange of text. */
  nextTag(): number {
    this.#tag = add32(this.#tag, 1);
    if (this.#tag === 0xffffffff) this.#tag = 0;
    return this.#tag;
  }

  header(request: Request): Landing {
    if (this.#full !== undefined && this.#state === 'full') return this.#full.header(request);
    if (this.#state === 'leaving' || this.#state === 'over') return 'dropped';
    if (this.#state !== 'login' || request.opcode !== Op.login) {
      throw new Fault('peer', request.opcode === Op.login ? 'does not wait for its login' : 'has not logged in');
    }
    return 'gathered';
  }

  whole(request: Request, data: Uint8Array, damaged: boolean): void {
    if (this.#state === 'full') this.#full?.whole(request, data, damaged);
    else if (this.#state === 'login') this.#loginRequest(request, data);
  }

  /** A request that was parked: its turn has come. */
  deliver(parked: Parked): void {
    if (this.#state === 'full') this.#full?.deliver(parked);
  }

  /** The login ends well: this is its session. */
  joined(session: Session): void {
    const { isid, parameters } = this.#login;
    this.session = session;
    this.wire.numbers = session.window;
    this.wire.login(this.#loginFlags, isid, session.tsih, this.#loginTag, 0, this.#loginText);
    this.sendSegmentMax = parameters.sendSegmentMax;
    this.wire.out.headerDigest = parameters.headerDigest;
    this.wire.out.dataDigest = parameters.dataDigest;
    this.#receiver.settle(parameters.headerDigest, parameters.dataDigest, RECEIVE_SEGMENT_MAX);
    this.#state = 'full';
    this.#full = new FullFeature(this, session, this.#sessions, this.#shared);
  }

  /** The login ends badly; `status` is class and detail. */
  refused(status: number, why: string): void {
    const { initiator, isid, tsih } = this.#login;
    const who = initiator === '' ? this.peer : `${initiator} (${this.peer})`;
    this.#shared.owner.notice(`${who} ${why}: ${loginStatusWords(status >> 8, status & 0xff)}`);
    this.wire.login(0, isid, tsih, this.#loginTag, status, new Uint8Array(0));
    this.finish();
  }

  /** A logout is under way: what else comes is not heard. */
  leaving(): void {
    this.#state = 'leaving';
  }

  /** Closes it once what waits was sent. */
  finish(): void {
    this.#state = 'over';
    this.#receiver.stop();
    if (this.#closing === 'no') this.#closing = 'end';
    this.#ready();
  }

  /** Closes it at once; one that only has to send what waits may do so, unless it is `urgent`. */
  cut(urgent = false): void {
    this.#state = 'over';
    this.#receiver.stop();
    if (this.#closing === 'reset' || (this.#closing === 'end' && !urgent)) return;
    this.#closing = 'reset';
    this.#ready();
  }

  /** The peer breaks the rules: nothing can be made of the connection any more. */
  drop(why: string): void {
    if (this.#closing === 'reset') return;
    this.#shared.owner.notice(`${this.session?.initiator ?? this.#login.initiator} ${this.peer} ${why}`.trimStart());
    this.cut(true);
    this.#sessions.lost(this);
  }

  /** Asks for a logout within so many seconds (RFC 7143 section 11.9.1), or ends what has not logged in. */
  askToLeave(seconds: number): void {
    if (this.#state === 'login' || this.#state === 'joining' || this.session?.discovery) this.cut();
    else if (this.#state === 'full') this.wire.async(Async.logoutRequest, this.cid, seconds);
  }

  tick(now: number): void {
    this.now = now;
    if (this.#closing === 'reset') return;
    const { limits } = this.#shared;
    const alive = this.#heartbeat;
    const loginOver = this.#state === 'full' || this.#state === 'leaving';
    const late = now - alive.since > limits.loginMs * MS;
    if (this.#state === 'login' && late) this.drop('does not finish its login');
    else if (this.#state === 'joining' && late) {
      this.#sessions.forget(this);
      this.refused(Refusal.unavailable, 'has commands of a former session that do not end');
    } else if (this.session?.discovery && alive.idle(now, DISCOVERY_IDLES * limits.loginMs * MS)) {
      this.drop('asks for nothing');
    } else if (alive.stuck(now, this.#sentTo < this.taken)) this.drop('does not take what waits for it');
    else if (loginOver && alive.silent(now)) this.drop('does not answer');
    else if (this.#state === 'full' && this.session?.discovery !== true && alive.due(now)) {
      this.wire.ping(this.nextTag());
    }
  }

  #loginRequest(request: Request, text: Uint8Array): void {
    const login = this.#login;
    this.#loginTag = request.itt;
    const answer = login.request(request, text);
    // The login is immediate: the first command of a new session has the same number (RFC 7143 section 11.12.8).
    this.wire.numbers = { expCmdSn: login.cmdSn, maxCmdSn: login.cmdSn };
    switch (answer.kind) {
      case 'send':
        this.wire.login(answer.flags, login.isid, login.tsih, request.itt, 0, answer.text);
        return;
      case 'refuse':
        this.refused(answer.status, answer.why);
        return;
      case 'join':
        this.#loginFlags = answer.flags;
        this.#loginText = answer.text;
        this.#state = 'joining';
        this.#sessions.join(this, login);
    }
  }

  #lentNone(): void {
    this.#lent.length = 0;
    this.#lentTo.length = 0;
    this.#lentAt = 0;
  }

  #ready(): void {
    if (this.#told) return;
    this.#told = true;
    this.#shared.owner.ready(this);
  }
}
