import { ProbeReader } from '../parsers/bus/probe.ts';
import { Probe } from '../parsers/bus/probeFrames.ts';
import { FEATURE_HEADER_ONLY, type ProbeHello, type ProbeReply, STATE_STOPPED } from '../parsers/bus/probePackets.ts';
import { Fault } from '../src/base/fault.ts';
import type { SampleSink } from '../src/base/samples.ts';
import { ProbeCommands } from './probeCommands.ts';
import { ProbeMoments } from './probeMoments.ts';
import { ProbeRate } from './probeRate.ts';

/** `auto`: data as long as the line carries it, else only headers. */
export type ProbeMode = 'auto' | 'full' | 'header-only';

export interface ProbeSettings {
  /** Default `auto`. */
  mode?: ProbeMode;
  /** One line for an operator, once per cause. */
  notice?(text: string): void;
  /** A command that is not answered is repeated after this time. Default 500 (protocol section 4). */
  repeatMs?: number;
  /** A probe that sends no packet for this long is gone. Default 3000 (section 5). */
  silentMs?: number;
  /** A port that could not be opened is tried again after this time. Default 1000. */
  retryMs?: number;
  /** How long the buffer must be quiet before data is asked for again: default 30 s, doubling to 10 minutes. */
  quietMs?: number;
  quietMaxMs?: number;
}

/** How a live probe is, for status. */
export interface ProbeStatus {
  port: string;
  /**
   * `asking`: the port is open and the probe has not answered. `capturing`: samples come. `away`: the port is gone, or the
   * probe silent; it is tried again. `refused`: the probe speaks another version. `closed`: this was closed.
   */
  state: 'asking' | 'capturing' | 'away' | 'refused' | 'closed';
  hello: ProbeHello | undefined;
  headerOnly: boolean;
  /** Why only headers are asked for, where that was decided here; else ''. */
  why: string;
  /** Share of the probe's buffer that was filled last, 0 to 1. */
  filled: number;
  bytes: number;
  /** Times that the port was opened anew. */
  reopened: number;
  counts: ProbeReader['counts'];
}

export interface LiveProbe {
  readonly status: ProbeStatus;
  /** Resolves with the fault when the probe cannot be used any more: it speaks another version. */
  readonly failed: Promise<Fault>;
  /** Resolves true once all that the bus did before the call has been pushed; false where that cannot be told in time. */
  caughtUp(waitMs: number): Promise<boolean>;
  /** Asks for STOP, takes what the probe still sends, and closes the port. */
  close(): Promise<void>;
}

/** One open port, between the one who opens it and the session. */
export interface ProbeLine {
  received(bytes: Uint8Array): void;
  /** The port is gone. Only the first call counts. */
  broke(why: string): void;
  write: (bytes: Uint8Array) => void;
  close: () => Promise<void>;
  /** Whether the system still has the port. A port that hung up may read as silent for ever. */
  present: () => Promise<boolean>;
}

const TICK_MS = 100;
/** Before its answer to STOP comes all that it had buffered; one that is dead holds nobody up for longer. */
const LEAVE_REPEATS = 4;
const RESULTS = ['done', 'unknown command', 'bad argument', 'not now', 'not supported'];

/** A live probe: asks it to capture, watches it, and comes back to it. */
export class ProbeSession implements LiveProbe {
  readonly failed: Promise<Fault>;
  private readonly port: string;
  private readonly openLine: (line: ProbeLine) => Promise<void>;
  private readonly settings: ProbeSettings;
  private readonly sink: SampleSink;
  private readonly reader: ProbeReader;
  private readonly rate: ProbeRate;
  private readonly mode: ProbeMode;
  private fail: (fault: Fault) => void = () => {};
  private line: ProbeLine | undefined;
  private state: ProbeStatus['state'] = 'asking';
  private readonly commands: ProbeCommands;
  private bytes = 0;
  private reopened = 0;
  private filled = 0;
  private headerOnly = false;
  /** By a clock that only runs forward, in ms: the last good packet, and when the port is tried again. */
  private heardAt = now();
  /** The last look found it silent. */
  private silent = false;
  private openAt = 0;
  private opening = false;
  private looking = false;
  private packets = 0;
  /** The probe said that its capture ended. */
  private stopped = false;
  private leaving = false;
  private readonly timer: NodeJS.Timeout;
  private readonly told = new Set<string>();
  private readonly moments = new ProbeMoments();

  private constructor(
    port: string,
    openLine: (line: ProbeLine) => Promise<void>,
    settings: ProbeSettings,
    sink: SampleSink,
  ) {
    this.port = port;
    this.openLine = openLine;
    this.settings = settings;
    this.sink = sink;
    this.mode = settings.mode ?? 'auto';
    this.commands = new ProbeCommands({ now, write: (bytes) => this.line?.write(bytes) });
    this.rate = new ProbeRate({ quietMs: settings.quietMs ?? 30_000, quietMaxMs: settings.quietMaxMs ?? 600_000 });
    this.failed = new Promise((resolve) => {
      this.fail = resolve;
    });
    this.reader = new ProbeReader({
      needHello: true,
      events: {
        hello: (hello, restarted) => this.greeted(hello, restarted),
        state: (state) => {
          this.modeIs(state.headerOnly);
          this.stopped = state.what === STATE_STOPPED;
        },
        overflow: (overflow) => {
          if (overflow.cause === 'line too slow') this.decide(this.rate.overflowed(now()));
        },
        heartbeat: (heartbeat) => {
          this.filled = heartbeat.filled;
          this.modeIs(heartbeat.headerOnly);
          this.moments.beat(this.reader.nanoseconds(heartbeat.time), this.reader.knownTo);
          this.decide(this.rate.filled(heartbeat.filled, now()));
        },
        reply: (reply) => this.replied(reply),
        log: ({ level, text }) => {
          if (level >= 2) this.once(`the probe says: ${text}`);
        },
      },
    });
    this.timer = setInterval(() => this.watch(), Math.min(TICK_MS, (settings.repeatMs ?? 500) / 2));
  }

  static async open(
    port: string,
    openLine: (line: ProbeLine) => Promise<void>,
    settings: ProbeSettings,
    sink: SampleSink,
  ): Promise<LiveProbe> {
    const session = new ProbeSession(port, openLine, settings, sink);
    try {
      await session.connect();
    } catch (error) {
      clearInterval(session.timer);
      throw error;
    }
    return session;
  }

  get status(): ProbeStatus {
    const { port, state, headerOnly, filled, bytes, reopened } = this;
    const { hello, counts } = this.reader;
    return { port, state, hello, headerOnly, why: this.rate.why, filled, bytes, reopened, counts: { ...counts } };
  }

  async caughtUp(waitMs: number): Promise<boolean> {
    if (this.state !== 'capturing' || this.leaving) return false;
    return this.moments.wait((answered) => this.commands.ask(Probe.PING, undefined, answered), waitMs);
  }

  async close(): Promise<void> {
    if (this.leaving) return;
    this.leaving = true;
    if (this.line !== undefined && this.state === 'capturing') {
      await new Promise<void>((resolve) => {
        const timeout = setTimeout(resolve, LEAVE_REPEATS * (this.settings.repeatMs ?? 500));
        this.commands.ask(Probe.STOP, undefined, () => {
          clearTimeout(timeout);
          resolve();
        });
      });
    }
    await this.end('closed');
  }

  private async end(state: 'closed' | 'refused'): Promise<void> {
    this.state = state;
    clearInterval(this.timer);
    this.commands.clear();
    this.moments.giveUp();
    const { line } = this;
    this.line = undefined;
    await line?.close();
  }

  private async connect(): Promise<void> {
    this.opening = true;
    const line: ProbeLine = {
      received: (bytes) => {
        if (this.line === line) this.received(bytes);
      },
      broke: (why) => {
        if (this.line === line) this.lost(`the port is gone (${why})`);
      },
      write: () => {},
      close: () => Promise.resolve(),
      present: () => Promise.resolve(true),
    };
    try {
      await this.openLine(line);
    } finally {
      this.opening = false;
    }
    if (this.leaving) {
      await line.close();
      return;
    }
    this.line = line;
    this.state = 'asking';
    // What is in the port's buffers is of before; the probe's answer tells the lines anew.
    this.openAt = now();
    this.commands.ask(Probe.ASK_HELLO);
  }

  private received(bytes: Uint8Array): void {
    this.bytes += bytes.length;
    // A probe that restarted hides as much as the time for which nothing was heard of it.
    this.reader.awayNs = (now() - this.heardAt) * 1e6;
    this.reader.push(bytes, 0, bytes.length, this.sink);
    if (this.reader.counts.packets > this.packets) {
      this.packets = this.reader.counts.packets;
      this.heardAt = now();
    }
    const { fault } = this.reader;
    if (fault === undefined || this.state === 'refused') return;
    this.fail(new Fault('peer', `probe on ${this.port}: ${fault.reason}`, fault.mend));
    void this.end('refused');
  }

  private greeted(hello: ProbeHello, restarted: boolean): void {
    if (restarted) this.say(`probe on ${this.port}: restarted`);
    const waiting = this.state !== 'capturing';
    if (waiting) this.say(`probe on ${this.port}: ${hello.name} ${hello.firmware}, ${hello.width} bits`);
    this.modeIs(hello.headerOnly);
    if (waiting || restarted) {
      this.stopped = false;
      this.commands.ask(Probe.START, this.wanted());
    }
    // Asking was for this, whether its REPLY came or not.
    this.commands.settle(Probe.ASK_HELLO);
    this.state = 'capturing';
  }

  /** The mode to ask for: 1 for header-only. */
  private wanted(): number {
    const able = ((this.reader.hello?.features ?? 0) & FEATURE_HEADER_ONLY) !== 0;
    if (this.mode === 'auto') return this.rate.headerOnly && able ? 1 : 0;
    return this.mode === 'header-only' && able ? 1 : 0;
  }

  private decide(changed: boolean): void {
    if (!changed || this.mode !== 'auto') return;
    const { headerOnly, why } = this.rate;
    if (headerOnly && this.wanted() === 0) {
      this.once(`probe on ${this.port}: ${why}, and it has no header-only mode`);
      return;
    }
    this.say(
      headerOnly
        ? `probe on ${this.port}: ${why}: from here on it sends headers only, data is read from the first volume`
        : `probe on ${this.port}: the line has been quiet: it sends data again`,
    );
    this.commands.ask(Probe.MODE, this.wanted());
  }

  private modeIs(headerOnly: boolean): void {
    this.headerOnly = headerOnly;
  }

  private replied(reply: ProbeReply): void {
    if (!this.commands.replied(reply) || reply.result === 0) return;
    const result = RESULTS[reply.result] ?? `result ${reply.result}`;
    this.once(`probe on ${this.port}: refused command 0x${reply.command.toString(16)} (${result})`);
  }

  /** The time for repeats, for silence and for trying again. */
  private watch(): void {
    const time = now();
    const { repeatMs = 500, silentMs = 3000, retryMs = 1000 } = this.settings;
    if (this.line === undefined) {
      if (!this.opening && time - this.openAt >= retryMs) this.reopen();
      return;
    }
    const silent = time - Math.max(this.heardAt, this.openAt) >= silentMs;
    // What came while this process itself stood still is read first: only the second look in a row counts.
    const known = silent && this.silent;
    this.silent = silent;
    if (known) {
      this.lost(`no packet came for ${silentMs / 1000} s`);
      this.openAt = time - retryMs;
      return;
    }
    if (time - Math.max(this.heardAt, this.openAt) >= repeatMs) this.lookFor(this.line);
    if (this.stopped && !this.leaving) {
      this.stopped = false;
      this.once(`probe on ${this.port}: its capture ended; it is started again`);
      this.commands.ask(Probe.START, this.wanted());
    }
    this.commands.repeat(repeatMs);
  }

  /** Heartbeats come ten times a second: where none came for a while, the port may be gone. */
  private lookFor(line: ProbeLine): void {
    if (this.looking) return;
    this.looking = true;
    line.present().then((present) => {
      this.looking = false;
      if (!present && this.line === line) this.lost('the port is gone (no such file)');
    });
  }

  private reopen(): void {
    this.openAt = now();
    this.connect().then(
      () => {
        this.reopened++;
      },
      (error: unknown) => {
        this.openAt = now();
        this.once(`${error instanceof Error ? error.message : String(error)}; it is tried again`);
      },
    );
  }

  /** Nothing is heard from the probe any more: from the last packet on is a hole. */
  private lost(why: string): void {
    const { line } = this;
    this.line = undefined;
    this.silent = false;
    this.commands.clear();
    this.moments.giveUp();
    this.openAt = now();
    this.rate.interrupted();
    if (this.state === 'capturing') {
      this.reader.cut(why);
      this.say(`probe on ${this.port}: ${why}; it is waited for`);
    } else {
      this.once(`probe on ${this.port}: ${why}; it is waited for`);
    }
    this.state = 'away';
    line?.close().catch(() => {});
  }

  private say(text: string): void {
    this.told.clear();
    this.settings.notice?.(text);
  }

  /** Says what comes again and again only the first time, until something else was said. */
  private once(text: string): void {
    if (this.told.has(text) || this.told.size > 32) return;
    this.told.add(text);
    this.settings.notice?.(text);
  }
}

function now(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}
