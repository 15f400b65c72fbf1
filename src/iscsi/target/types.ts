import type { DeviceOutcome, DeviceServer, DeviceSteps, DeviceTask, Nexus } from '../../base/device.ts';

/** A user and what proves it; only ever from files or the environment, never in messages. */
export interface ChapUser {
  readonly user: string;
  readonly secret: string;
}

/** What a login has to prove by CHAP (RFC 7143 section 12.1.3). */
export interface TargetAuth {
  /** Whom initiators have to be, one of these. */
  readonly users: readonly ChapUser[];
  /** What the target proves to initiators that ask; its secret is none of theirs. */
  readonly mutual?: ChapUser;
  /** Numbers of algorithms that are accepted, of those in the node's options; absent: all of them. */
  readonly algorithms?: readonly number[];
}

/** Who may log in; an empty or absent list is no limit. */
export interface TargetAllow {
  /** iSCSI names, compared without regard to case; `*` stands for any run of characters. */
  readonly initiators?: readonly string[];
  /** Addresses and networks: `10.0.0.0/24`, `fd66::/64`, `10.0.0.7`. See `parseNetwork`. */
  readonly networks?: readonly string[];
}

export interface TargetSpec {
  readonly name: string;
  readonly alias?: string;
  /** Target portal group tag, which is the relative target port identifier too, 1 to 65535. Default 1. */
  readonly tag?: number;
  /** `IP:PORT` that SendTargets tells; empty or absent: the one that was connected to. */
  readonly portals?: readonly string[];
  readonly device: DeviceServer;
  /** Absent: nobody has to prove anything. */
  readonly auth?: TargetAuth;
  readonly allow?: TargetAllow;
  /** Digests that an initiator has to agree to; absent: what the initiator likes best. */
  readonly digests?: 'required';
}

/** What one node gives out at most. Bytes are bytes, times milliseconds. */
export interface TargetLimits {
  /** Connections at a time, those that have not logged in included; and those of one session. */
  connections: number;
  connectionsPerSession: number;
  sessions: number;
  /** Commands of one session at a time: the width of its CmdSN window. */
  commands: number;
  /** Immediate requests of one session at a time. */
  immediates: number;
  /** Data of commands under way, of all sessions and of one; the first command of a session passes up to twice the former. */
  bytes: number;
  sessionBytes: number;
  /** Unsolicited data that was taken for commands that wait for room, of all sessions; beyond it they get TASK SET FULL. */
  unsolicitedBytes: number;
  /** Output of a connection that its peer has not taken, before nothing more is read from it. */
  outputBytes: number;
  /** From the connection to the end of the login. */
  loginMs: number;
  /** Silence before a ping; how long its answer may take, and how long a peer may take nothing of what waits for it. */
  pingMs: number;
  pongMs: number;
  /** How long data that was asked for may fail to come. */
  dataMs: number;
}

export interface TargetOptions {
  readonly targets: readonly TargetSpec[];
  readonly limits?: Partial<TargetLimits>;
  /** What discovery sessions have to prove. Absent: nothing; they are told only what they may log in to. */
  readonly discoveryAuth?: TargetAuth;
  /** CHAP algorithms by number, as this system has them: `chapAlgorithms()`. */
  readonly algorithms: readonly number[];
  /** Bytes that nobody can foresee, for challenges. */
  readonly random: (length: number) => Uint8Array;
}

/** Both ends of an accepted connection, as the operating system writes addresses. */
export interface TargetPeer {
  readonly address: string;
  readonly port: number;
  readonly localAddress: string;
  readonly localPort: number;
}

/** A command whose steps are to be run: from `TargetOwner.run` until `done`. */
export interface TargetRun {
  readonly nexus: Nexus;
  readonly task: DeviceTask;
  readonly steps: DeviceSteps;
  /** Free for whoever runs the steps. */
  context: unknown;
  /**
   * The steps have ended, with this outcome; undefined where they were stopped. Exactly once; the node calls nothing of the
   * device for it afterwards. Output may wait at the connection then (`TargetOwner.ready` tells). The outcome's bytes are
   * borrowed until `TargetOwner.released`, which may be called before this returns.
   */
  done(outcome: DeviceOutcome | undefined): void;
}

/** What a node tells the unit, at once; any of it may be called from within `receive`, `done`, `tick` or `sent`. */
export interface TargetOwner {
  /** A command whose data-out is whole: its steps may be run at once, and `done` be called from within. */
  run(run: TargetRun): void;
  /** End its steps as soon as that can be; `done` is still called, and whatever it says is dropped. */
  stop(run: TargetRun): void;
  /** The outcome's bytes were sent, or will not be: once for each `run`, after its `done`. */
  released(run: TargetRun): void;
  /** Something waits to be taken from the connection, or it is to be closed; told once until `take`. */
  ready(connection: TargetLine): void;
  /** One sentence about a peer: a refused login, a broken rule. Secrets are never in it. */
  notice(text: string): void;
}

/** One connection as its socket sees it. Times are nanoseconds of one monotonic clock. */
export interface TargetLine {
  /** `address:port` of the peer. */
  readonly peer: string;
  /** Bytes from the peer, borrowed until it returns. */
  receive(bytes: Uint8Array, offset: number, length: number, now: number): void;
  /** True while nothing more should be read: the peer does not take what waits for it. Looked at after `receive` and `sent`. */
  readonly paused: boolean;
  /** There is something to take. */
  readonly waiting: boolean;
  /** What is to be sent, in order; the buffers are borrowed until `sent` says that they have left. */
  take(): Uint8Array[];
  /** Bytes handed out by `take` so far: what to tell `sent` once those are sent. */
  readonly taken: number;
  /** The first `position` bytes of the output are with the kernel. */
  sent(position: number, now: number): void;
  /** `end`: close it once what waits was sent; `reset`: at once. */
  readonly closing: 'no' | 'end' | 'reset';
  /** The connection is gone, whoever ended it; nothing is sent any more and what was lent is the node's again. Once. */
  ended(): void;
}

/** For status and metrics. */
export interface SessionStatus {
  readonly target: string;
  readonly initiator: string;
  readonly alias: string | undefined;
  readonly isid: string;
  readonly tsih: number;
  readonly discovery: boolean;
  /** The CHAP user; undefined where nothing was proved. */
  readonly user: string | undefined;
  readonly connections: readonly { readonly peer: string; readonly cid: number; readonly digests: string }[];
  readonly commands: number;
  readonly bytes: number;
}
