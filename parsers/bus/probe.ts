import { isParseFault, type ParseFault } from '../../src/base/fault.ts';
import type { SampleSink } from '../../src/base/samples.ts';
import { Probe, ProbeFrames } from './probeFrames.ts';
import {
  FEATURE_PARITY,
  LINES_BYTES,
  le64,
  type ProbeHeartbeat,
  type ProbeHello,
  type ProbeLog,
  type ProbeOverflow,
  type ProbeReply,
  type ProbeState,
  parseHeartbeat,
  parseHello,
  parseLog,
  parseOverflow,
  parseReply,
  parseState,
  STATE_STARTED,
  STATE_STOPPED,
} from './probePackets.ts';
import { ProbeRecords } from './probeRecords.ts';
import { type TraceFault, UNKNOWN_SPAN_NS } from './traceFault.ts';

/** What an owner of a live probe listens to besides the samples. Each is called after the reader has taken it in. */
export interface ProbeEvents {
  /** `restarted`: its boot differs from the one known before. */
  hello?(hello: ProbeHello, restarted: boolean): void;
  state?(state: ProbeState): void;
  overflow?(overflow: ProbeOverflow): void;
  heartbeat?(heartbeat: ProbeHeartbeat): void;
  reply?(reply: ProbeReply): void;
  log?(log: ProbeLog): void;
}

export interface ProbeReaderOptions {
  events?: ProbeEvents;
  /**
   * Nothing is read before a HELLO, nor after `cut` before the next one: who is live asks for it, as another probe may be
   * there. A file that has none is read, untimed. Default false.
   */
  needHello?: boolean;
}

/** What became of the frames so far. */
export interface ProbeCounts {
  packets: number;
  badFrames: number;
  repeats: number;
  missing: number;
  unknownTypes: number;
  /** Packets whose CRC is right and whose fields make no sense. */
  unreadable: number;
  restarts: number;
  holes: number;
}

/** Repeats lie this far back at most (section 5). */
const REPEATS = 64;
const PAYLOAD = 3;
const SAMPLES_HEAD = 9 + LINES_BYTES;

/**
 * The bytes of a bus probe (protocol version 1), in pieces as they come, pushed into a sink as samples and bursts of the
 * bus. Memory does not grow with their length.
 *
 * What was lost on the way is a hole (section 5). A hole whose length nobody knows (the probe restarted, its time ran back)
 * is made a second long at least. `begin` is called again where another probe comes, or one that samples otherwise.
 */
export class ProbeReader {
  /** Set once reading has stopped for good. */
  fault: TraceFault | undefined;
  readonly counts: ProbeCounts = {
    packets: 0,
    badFrames: 0,
    repeats: 0,
    missing: 0,
    unknownTypes: 0,
    unreadable: 0,
    restarts: 0,
    holes: 0,
  };
  hello: ProbeHello | undefined;
  /** Up to here, in ns of the stream, the lines are known; -1 where nothing is. */
  knownTo = -1;
  /** How long a live probe was out of reach, by its owner's clock: a restart during it hides as much. */
  awayNs = 0;
  private readonly events: ProbeEvents;
  private readonly needHello: boolean;
  private readonly frames: ProbeFrames;
  /** For a HELLO. */
  private waiting: boolean;
  private readonly records = new ProbeRecords(this);
  private sink: SampleSink | undefined;
  private expected = -1;
  /** The clock, and what is added to its nanoseconds. */
  private clockHz = 1e9;
  private base = 0;
  private facts = '';
  private timed = false;
  /** The last heartbeat's time in ticks where nothing moved since; else -1. */
  private quietTo = -1;
  /** Why nothing is known since `knownTo`; '' where it is. Only SAMPLES end a hole of missing packets. */
  private hole = '';
  private untilSamples = false;

  constructor(options: ProbeReaderOptions = {}) {
    this.events = options.events ?? {};
    this.needHello = options.needHello ?? false;
    this.waiting = this.needHello;
    this.frames = new ProbeFrames({
      packet: (type, seq, bytes, to) => this.packet(type, seq, bytes, to),
      badFrame: () => this.counts.badFrames++,
    });
  }

  /** A packet was read. */
  get opened(): boolean {
    return this.counts.packets > 0 && this.fault === undefined;
  }

  push(bytes: Uint8Array, from: number, to: number, sink: SampleSink): void {
    if (this.fault !== undefined) return;
    this.sink = sink;
    this.frames.push(bytes, from, to);
  }

  /** The line was cut: nothing is known from here on until the probe tells the lines again. */
  cut(why: string): void {
    this.frames.cut();
    this.lose(why, false);
    this.waiting = this.needHello;
  }

  /** The stream has ended. */
  finish(sink: SampleSink): void {
    const { counts } = this;
    if (counts.packets === 0 && this.fault === undefined) {
      this.fault = { offset: 0, reason: 'no packet of a probe was found', mend: undefined };
    }
    if (this.hole !== '' && this.knownTo >= 0) sink.hole(this.knownTo, this.knownTo + UNKNOWN_SPAN_NS, this.hole);
    if (counts.unreadable > 0) sink.notice(`${counts.unreadable} packets of the probe make no sense`);
  }

  nanoseconds(ticks: number): number {
    const hz = this.clockHz;
    if (1e9 % hz === 0) return this.base + ticks * (1e9 / hz);
    const rest = ticks % hz;
    return this.base + ((ticks - rest) / hz) * 1e9 + Math.floor((rest * 1e9) / hz);
  }

  private packet(type: number, seq: number, b: Uint8Array, to: number): void {
    if (this.fault !== undefined || this.sink === undefined) return;
    this.counts.packets++;
    const hello = type === Probe.HELLO ? parseHello(b, to) : undefined;
    const restarted = hello !== undefined && !isParseFault(hello) && this.isRestart(hello);
    if (!restarted && !this.follows(seq)) return;
    this.expected = (seq + 1) & 0xffff;
    if (hello !== undefined) this.greet(hello, to > PAYLOAD ? b[PAYLOAD] : 1, restarted, this.sink);
    else this.take(type, b, to, this.sink);
  }

  private isRestart(hello: ProbeHello): boolean {
    return this.hello !== undefined && (hello.boot !== this.hello.boot || hello.id !== this.hello.id);
  }

  /** Whether a packet is new; opens a hole where others are missing before it. */
  private follows(seq: number): boolean {
    const ahead = this.expected < 0 ? 0 : (seq - this.expected) & 0xffff;
    if (ahead === 0) return true;
    if (ahead >= 0x10000 - REPEATS) {
      this.counts.repeats++;
      return false;
    }
    this.counts.missing += ahead;
    this.lose(`${ahead} packets of the probe are missing`, true);
    return true;
  }

  private take(type: number, b: Uint8Array, to: number, sink: SampleSink): void {
    if (this.waiting && type !== Probe.REPLY && type !== Probe.LOG) return;
    switch (type) {
      case Probe.SAMPLES:
        this.samples(b, to, sink);
        break;
      case Probe.STATE:
        this.told(parseState(b, to), (state) => this.state(state, b, sink));
        break;
      case Probe.OVERFLOW:
        this.told(parseOverflow(b, to), (overflow) => this.overflow(overflow));
        break;
      case Probe.HEARTBEAT:
        this.told(parseHeartbeat(b, to), (heartbeat) => this.heartbeat(heartbeat, sink));
        break;
      case Probe.REPLY:
        this.told(parseReply(b, to), (reply) => this.events.reply?.(reply));
        break;
      case Probe.LOG:
        this.told(parseLog(b, to), (log) => this.events.log?.(log));
        break;
      default:
        this.counts.unknownTypes++;
    }
  }

  private told<T>(value: T | ParseFault, use: (value: T) => void): void {
    if (isParseFault(value)) this.counts.unreadable++;
    else use(value);
  }

  private greet(hello: ProbeHello | ParseFault, major: number, restarted: boolean, sink: SampleSink): void {
    if (isParseFault(hello)) {
      this.counts.unreadable++;
      // Of another version nothing may be read on (section 3).
      if (major === 1) return;
      const mend = 'give the probe a firmware that speaks version 1 of the protocol';
      this.fault = { offset: this.frames.position, reason: hello.reason, mend };
      return;
    }
    if (restarted) {
      this.counts.restarts++;
      this.lose('the probe restarted', false);
      this.untilSamples = false;
      // Its time starts anew, and how long it was away is not known.
      this.base = Math.max(this.knownTo, 0) + Math.max(UNKNOWN_SPAN_NS, this.awayNs);
    }
    // A stream that was joined without a HELLO goes on in ticks: its moments would not fit to those before.
    if (restarted || this.facts === '' || this.timed) {
      this.timed = true;
      this.clockHz = hello.clockHz;
      this.begin({ width: hello.width, parity: (hello.features & FEATURE_PARITY) !== 0, timed: true }, sink);
    }
    this.hello = hello;
    this.waiting = false;
    this.events.hello?.(hello, restarted);
  }

  private begin(facts: { width: 8 | 16; parity: boolean; timed: boolean }, sink: SampleSink): void {
    const text = JSON.stringify(facts);
    if (text === this.facts) return;
    this.facts = text;
    this.records.parity = facts.parity;
    sink.begin(facts);
  }

  private samples(b: Uint8Array, to: number, sink: SampleSink): void {
    const ticks = to < PAYLOAD + SAMPLES_HEAD ? Number.POSITIVE_INFINITY : le64(b, PAYLOAD + 1);
    const flags = b[PAYLOAD];
    if (this.facts === '') {
      this.begin({ width: (flags & 1) !== 0 ? 16 : 8, parity: (flags & 2) !== 0, timed: false }, sink);
      sink.notice('the stream begins without a HELLO: its times are ticks of a clock that is not known');
    }
    if (ticks === Number.POSITIVE_INFINITY) {
      this.counts.unreadable++;
      this.lose('a packet of samples that makes no sense', false);
      return;
    }
    this.reach(ticks, sink);
    this.records.set(ticks, b, PAYLOAD + 9);
    const whole = this.records.read(b, PAYLOAD + SAMPLES_HEAD, to, flags, sink);
    this.knownTo = this.nanoseconds(this.records.ticks);
    if (whole) return;
    this.counts.unreadable++;
    this.lose('a record of the probe that cannot be read', false);
  }

  private state(state: ProbeState, b: Uint8Array, sink: SampleSink): void {
    const readable = this.facts !== '' && (!this.untilSamples || this.hole === '' || state.what === STATE_STARTED);
    if (readable) {
      this.reach(state.time, sink);
      this.records.set(state.time, b, PAYLOAD + 10);
      this.records.flush(sink);
      this.knownTo = this.nanoseconds(state.time);
    }
    if (state.what === STATE_STOPPED) this.lose('the capture was stopped', false);
    this.events.state?.(state);
  }

  private overflow(overflow: ProbeOverflow): void {
    this.lose(`the probe lost samples (${overflow.cause})`, true);
    this.events.overflow?.(overflow);
  }

  /**
   * A heartbeat's time may run ahead of samples that are on their way still (p04 has one); by the next one they have come.
   * So two in a row say that the lines did not move up to the first one's time.
   */
  private heartbeat(heartbeat: ProbeHeartbeat, sink: SampleSink): void {
    const quiet = this.quietTo;
    this.quietTo = heartbeat.time;
    const at = this.nanoseconds(quiet);
    if (quiet >= 0 && this.hole === '' && this.knownTo >= 0 && at > this.knownTo && quiet < heartbeat.time) {
      this.records.still(quiet, sink);
      this.knownTo = at;
    }
    this.events.heartbeat?.(heartbeat);
  }

  /** Nothing is known from here on. */
  private lose(why: string, untilSamples: boolean): void {
    if (this.hole === '') this.hole = why;
    this.untilSamples ||= untilSamples;
  }

  /** The lines are known again at `ticks`: what was lost before is a hole. */
  private reach(ticks: number, sink: SampleSink): void {
    let at = this.nanoseconds(ticks);
    if (this.knownTo >= 0 && at < this.knownTo) {
      this.lose("the probe's time ran back", false);
      this.base += this.knownTo + UNKNOWN_SPAN_NS - at;
      at = this.nanoseconds(ticks);
    }
    if (this.hole !== '' && this.knownTo >= 0) {
      this.counts.holes++;
      sink.hole(this.knownTo, at, this.hole);
    }
    this.hole = '';
    this.untilSamples = false;
    this.quietTo = -1;
  }
}
