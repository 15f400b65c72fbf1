import { randomBytes } from 'node:crypto';
import { type ByteStream, connectByteStream } from '../../../hw/byteStream.ts';
import type { SenseData } from '../../../parsers/scsi/sense.ts';
import { Fault } from '../../base/fault.ts';
import { ISCSI_PORT, type LuUrl } from '../../base/luUrl.ts';
import type { Credentials } from '../../iscsi/initiator/authentication.ts';
import { CHAP_MD5, chapAlgorithms } from '../../iscsi/initiator/chap.ts';
import { Command } from '../../iscsi/initiator/command.ts';
import { LoginRefused } from '../../iscsi/initiator/login.ts';
import { type DigestOffer, type SessionParameters, shown } from '../../iscsi/initiator/parameters.ts';
import { type OfferedTarget, offeredTargets } from '../../iscsi/initiator/sendTargets.ts';
import { InitiatorSession, type SessionOwner } from '../../iscsi/initiator/session.ts';
import { commandFault, verdictOf } from '../../iscsi/lu/verdict.ts';
import { type LuTiming, monotonicNs, pause } from './luTiming.ts';

/** Where and as whom a session logs in. */
export interface SessionPlan {
  url: LuUrl;
  initiatorName: string;
  isid: Uint8Array;
  credentials: Credentials | undefined;
  digests: DigestOffer;
  /** The LUN, eight bytes. */
  lun: Uint8Array;
  writable: boolean;
  /** Nothing but SendTargets is asked. */
  discovery?: boolean;
  timing: LuTiming;
}

/** Whom a session that is up tells what it did not ask for. */
export interface SessionWatcher {
  /** It is over, and not by `close`. Commands that were open are handed back after this. */
  lost(fault: Fault): void;
  /** Sense data that came with no command. */
  sense(sense: SenseData): void;
}

interface Landing {
  host: string;
  port: number;
}

/** Login redirects that are followed; a ring of targets would send us round for ever. */
const REDIRECTS_MAX = 4;
/** Time-outs are looked at so often. */
const TICK_MS = 200;
/** Commands under way at once. */
const COMMANDS_MAX = 64;
/** A new session meets a unit attention or two; a target that never runs out of them is not to be used. */
const TRIES_MAX = 16;

/**
 * Connects and logs in, following redirects. tgt takes CHAP algorithm 7 for SHA-1, which is SHA-256 (IANA), and so refuses a
 * right answer, as "an initiator error": after a refusal MD5 alone, which every target has to know, is offered once.
 */
export async function openLuSession(plan: SessionPlan, signal?: AbortSignal): Promise<LuSession> {
  const algorithms = chapAlgorithms();
  try {
    return await openWith(plan, algorithms, signal);
  } catch (error) {
    const refused = error instanceof ChapRefused && error.algorithm !== CHAP_MD5 && algorithms.includes(CHAP_MD5);
    if (!refused) throw error;
    return openWith(plan, [CHAP_MD5], signal);
  }
}

async function openWith(plan: SessionPlan, algorithms: readonly number[], signal?: AbortSignal): Promise<LuSession> {
  let at: Landing = plan.url;
  for (let hop = 0; hop <= REDIRECTS_MAX; hop++) {
    const session = new LuSession(plan, at, algorithms);
    const moved = await session.open(signal);
    if (moved === undefined) return session;
    at = moved;
  }
  throw new Fault('peer', `${plan.url.host}:${plan.url.port} sends its initiators round without end`);
}

/** A refusal of who we are, with the algorithm by which we said it. */
class ChapRefused extends Fault {
  readonly algorithm: number;

  constructor(refused: LoginRefused, algorithm: number) {
    super('local', refused.message, refused.mend, { cause: refused });
    this.algorithm = algorithm;
  }
}

/**
 * One iSCSI session over one connection: joins the machine (`InitiatorSession`) to a byte stream and to the clock. Output is
 * gathered for the current turn of the event loop and goes out in one call.
 */
export class LuSession implements SessionOwner {
  readonly #plan: SessionPlan;
  readonly #at: Landing;
  readonly #machine: InitiatorSession;
  #stream: ByteStream | undefined;
  #timer: NodeJS.Timeout | undefined;
  #flushing = false;
  #opened: { resolve(moved: Landing | undefined): void; reject(fault: Fault): void } | undefined;
  #closed: (() => void) | undefined;
  #lost: ((fault: Fault) => void) | undefined;
  #over = false;
  /** Who is told; set by the owner once the session is up. */
  watcher: SessionWatcher | undefined;
  parameters: SessionParameters | undefined;

  constructor(plan: SessionPlan, at: Landing, algorithms: readonly number[]) {
    const { url, initiatorName, isid, credentials, digests, writable, discovery, timing } = plan;
    this.#plan = plan;
    this.#at = at;
    this.#machine = new InitiatorSession(
      {
        peer: portal(at),
        initiatorName,
        targetName: url.target,
        discovery,
        credentials,
        algorithms,
        digests,
        random: (length) => randomBytes(length),
        isid,
        unsent: () => this.#stream?.unsent ?? 0,
        commandsMax: COMMANDS_MAX,
        mayReset: writable,
        pingAfterNs: timing.pingAfterMs * 1e6,
        silentNs: timing.silentMs * 1e6,
        pongNs: timing.pongMs * 1e6,
        managementNs: timing.managementMs * 1e6,
      },
      this,
    );
  }

  /** `10.0.0.1:40312`: our end of the connection; empty before it stands. */
  get local(): string {
    return this.#stream?.local ?? '';
  }

  get remote(): string {
    return this.#stream?.remote ?? '';
  }

  /** Why nothing comes of commands at present: the target is silent, and its session has not been given up. */
  get silence(): Fault | undefined {
    if (!this.#machine.silent) return undefined;
    const what = `${portal(this.#at)} does not answer; what is under way waits for it`;
    return new Fault('local', what, 'look at the target and at the network to it');
  }

  /** Resolves once the login is over, with the portal where the target is instead if it has moved. */
  async open(signal?: AbortSignal): Promise<Landing | undefined> {
    const { connectMs, loginMs } = this.#plan.timing;
    const events = {
      received: (bytes: Uint8Array, length: number) => {
        this.#machine.received(bytes, 0, length, monotonicNs());
        this.#flush();
      },
      flushed: () => {
        this.#machine.flushed();
        this.#flush();
      },
      closed: (fault: Fault) => this.#machine.fail(fault),
    };
    this.#stream = await connectByteStream({ ...this.#at, connectMs }, events, signal);
    const late = setTimeout(() => {
      const what = `${portal(this.#at)} does not end the login within ${loginMs / 1000} s`;
      this.#machine.fail(new Fault('local', what, 'is this an iSCSI target?'));
    }, loginMs);
    const abort = (): void => this.#machine.fail(new Fault('local', `${portal(this.#at)}: stopped during the login`));
    signal?.addEventListener('abort', abort);
    try {
      return await new Promise((resolve, reject) => {
        this.#opened = { resolve, reject };
        this.#machine.start(monotonicNs());
        this.#flush();
        if (signal?.aborted) abort();
      });
    } finally {
      clearTimeout(late);
      signal?.removeEventListener('abort', abort);
    }
  }

  /** A command of the hot path; `command.ended` is called once. */
  submit(command: Command): void {
    this.#machine.submit(command, monotonicNs());
    if (this.#flushing || !this.#machine.waiting) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  /**
   * One command that is waited for; resolves with the bytes that came, in `into`. Unit attentions and a busy target are met by trying again, for a bounded time. Rejects
   * with a `CommandFault`, or with the `Fault` of the session.
   */
  async ask(
    fill: (cdb: Uint8Array) => void,
    data: { into?: Uint8Array; out?: Uint8Array; lun?: Uint8Array } = {},
  ): Promise<Uint8Array> {
    const { busyMs, commandMs } = this.#plan.timing;
    const { into, out, lun = this.#plan.lun } = data;
    const until = monotonicNs() + busyMs * 1e6;
    const command = new Command();
    fill(command.cdb);
    for (let tries = 1; ; tries++) {
      command.lun = lun;
      command.limitNs = commandMs * 1e6;
      command.into = into;
      command.inBytes = into?.length ?? 0;
      command.parts = out ? [out] : [];
      command.outBytes = out?.length ?? 0;
      await new Promise<void>((resolve) => {
        command.ended = () => resolve();
        this.submit(command);
      });
      if (command.ending !== 'status') throw command.fault ?? new Fault('bug', 'a command ended without a reason');
      const verdict = verdictOf(command.status, command.sense);
      if (verdict === 'good') return into?.subarray(0, command.received) ?? new Uint8Array(0);
      const hopeless = verdict === 'failed' || tries >= TRIES_MAX || monotonicNs() > until;
      if (hopeless) throw commandFault(`${portal(this.#at)} ${this.#plan.url.target}`, command);
      if (verdict === 'later') await pause(Math.min(50 * tries, 1000));
    }
  }

  /**
   * Asks for targets and their addresses (RFC 7143 appendix C): in a discovery session for all, else for those of this target.
   * Rejects with the `Fault` of the session.
   */
  async targets(): Promise<OfferedTarget[]> {
    if (!this.#machine.up) throw new Fault('local', `${portal(this.#at)}: the session is over`);
    const { discovery, url, timing } = this.#plan;
    const late = setTimeout(() => {
      const what = `${portal(this.#at)} does not answer SendTargets within ${timing.commandMs / 1000} s`;
      this.#machine.fail(new Fault('local', what, 'look at the target'));
    }, timing.commandMs);
    try {
      return await new Promise((resolve, reject) => {
        this.#lost = reject;
        const own = discovery === true ? '' : url.target;
        this.#machine.ask([['SendTargets', discovery === true ? 'All' : '']], (pairs) =>
          resolve(offeredTargets(pairs, own)),
        );
        this.#flush();
      });
    } finally {
      this.#lost = undefined;
      clearTimeout(late);
    }
  }

  /** Fewer commands at once: the target said TASK SET FULL. */
  slowDown(): void {
    this.#machine.limit = Math.max(1, this.#machine.open);
  }

  /** One more command at once, up to the bound. */
  speedUp(): void {
    if (this.#machine.limit < COMMANDS_MAX) this.#machine.limit++;
  }

  /** Ends the session without a word to the target. */
  abandon(): void {
    this.#machine.fail(new Fault('local', `${portal(this.#at)}: the session was given up`));
    this.#end();
  }

  /** Logs out, or ends without a word where the target does not answer in time. Resolves when the connection is gone. */
  async close(): Promise<void> {
    this.watcher = undefined;
    if (this.#machine.up) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, this.#plan.timing.logoutMs);
        this.#closed = () => {
          clearTimeout(timer);
          resolve();
        };
        this.#machine.logout();
        this.#flush();
      });
    }
    this.abandon();
  }

  up(parameters: SessionParameters): void {
    this.parameters = parameters;
    this.#timer = setInterval(() => {
      this.#machine.tick(monotonicNs());
      this.#flush();
    }, TICK_MS);
    this.#timer.unref();
    this.#opened?.resolve(undefined);
    this.#opened = undefined;
  }

  moved(address: string): void {
    this.#end();
    const landing = landingOf(address);
    if (landing) this.#opened?.resolve(landing);
    else
      this.#opened?.reject(new Fault('peer', `${portal(this.#at)} sends us to ${shown(address)}, which is no address`));
    this.#opened = undefined;
  }

  over(fault: Fault): void {
    // Before anybody is told: what was handed to the stream must not be sent once its owners have it back.
    this.#end();
    if (this.#opened) {
      const chap = fault instanceof LoginRefused && fault.authentication && this.#machine.algorithm !== 0;
      this.#opened.reject(chap ? new ChapRefused(fault, this.#machine.algorithm) : fault);
      this.#opened = undefined;
    } else {
      this.watcher?.lost(fault);
    }
    this.#lost?.(fault);
    this.#closed?.();
  }

  loggedOut(): void {
    this.#end();
    if (this.#closed) this.#closed();
    else this.watcher?.lost(new Fault('local', `${portal(this.#at)} asked for a logout`));
  }

  /** The session ends at once: what is open then is sent again in the next one. */
  logoutWanted(): void {
    this.#machine.logout();
  }

  sense(sense: SenseData): void {
    this.watcher?.sense(sense);
  }

  #flush(): void {
    if (this.#over || !this.#machine.waiting) return;
    this.#stream?.write(this.#machine.take());
  }

  #end(): void {
    this.#over = true;
    clearInterval(this.#timer);
    this.#stream?.destroy();
  }
}

/** TargetAddress, RFC 7143 section 13.8: `host[:port][,portal-group-tag]`, IPv6 in brackets. */
export function landingOf(address: string): Landing | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:,[\]]{1,253}))(?::(\d{1,5}))?(?:,\d+)?$/.exec(address);
  const port = Number(match?.[3] ?? ISCSI_PORT);
  if (!match || port < 1 || port > 65535) return undefined;
  return { host: match[1] ?? match[2], port };
}

function portal({ host, port }: Landing): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
