import { Probe, ProbeFrames, probeFrame } from '../../parsers/bus/probeFrames.ts';
import { copyOf } from '../../src/base/bytes.ts';

/** A packet of a recorded stream, or bytes that are none. */
interface Recorded {
  type: number;
  seq: number;
  payload: Uint8Array;
  /** As they stood in the stream, with what closes them. */
  raw: Uint8Array;
}

/** Cuts a recorded stream into its packets; noise and damaged frames have type -1. */
export function recorded(stream: Uint8Array): Recorded[] {
  const found: Recorded[] = [];
  let from = 0;
  while (from < stream.length) {
    const zero = stream.indexOf(0, from);
    const to = zero < 0 ? stream.length : zero + 1;
    const raw = stream.subarray(from, to);
    const entry: Recorded = { type: -1, seq: 0, payload: raw, raw };
    const frames = new ProbeFrames({
      packet: (type, seq, b, end) => Object.assign(entry, { type, seq, payload: copyOf(b, 3, end) }),
      badFrame: () => {},
    });
    frames.push(raw, 0, raw.length);
    found.push(entry);
    from = to;
  }
  return found;
}

export interface Script {
  /** Bytes a second; default 300,000, which a UART of 3 Mbaud carries. */
  rate?: number;
  /** Commands that are not answered, counted from the first of all. */
  deaf?: number;
  /** A HELLO of another boot. */
  boot?: number;
  /** A probe that goes on: where in the recording it begins, and the number of its next packet. */
  start?: number;
  seq?: number;
  /** No packet of the recording from this one on is sent: there it stands, however late somebody looks. */
  upTo?: number;
  /** What the recording has behind its first STATE is played only then. */
  gate?: Promise<void>;
  /** Heartbeats in between, and after the end on. */
  beats?: boolean;
}

const BEAT_MS = 50;
/** Ticks between the heartbeats behind the recording's end. */
const BEAT_TICKS = 1e6;

/** Answers commands as a bus probe does (protocol version 1), and plays a recorded stream when it is told to START. */
export class ScriptedProbe {
  readonly commands: { type: number; seq: number; argument: number | undefined }[] = [];
  /** Packets of the recording that were sent. */
  at: number;
  private readonly send: (bytes: Uint8Array) => void;
  private readonly recording: readonly Recorded[];
  private readonly script: Script;
  private readonly frames: ProbeFrames;
  /** Of the next packet. */
  seq: number;
  /** The share of its buffer that heartbeats tell from now on. */
  filled = 0;
  /** Numbers of the recording's packets as they were sent anew. */
  private readonly sent = new Map<number, number>();
  private last: number | undefined;
  private timer: NodeJS.Timeout | undefined;
  private beating: NodeJS.Timeout | undefined;
  private quietTo = 0;
  private headerOnly = false;
  private played: () => void = () => {};
  /** The whole recording was sent. */
  readonly done: Promise<void>;

  constructor(stream: Uint8Array, send: (bytes: Uint8Array) => void, script: Script = {}) {
    this.send = send;
    this.script = script;
    this.recording = recorded(stream);
    this.at = script.start ?? 0;
    this.seq = script.seq ?? this.hello.seq;
    this.done = new Promise((resolve) => {
      this.played = resolve;
    });
    this.frames = new ProbeFrames({
      packet: (type, seq, b, to) => this.command(type, seq, to > 3 ? b[3] : undefined),
      badFrame: () => {},
    });
  }

  /** Bytes from the host. */
  receive(bytes: Uint8Array): void {
    this.frames.push(bytes, 0, bytes.length);
  }

  packet(type: number, payload: Uint8Array): void {
    this.send(probeFrame(type, this.seq, payload));
    this.seq = (this.seq + 1) & 0xffff;
  }

  greet(boot = this.script.boot): void {
    const payload = copyOf(this.hello.payload);
    if (boot !== undefined) payload[10] = boot;
    this.packet(Probe.HELLO, payload);
  }

  /** Ends playing; the probe falls silent. */
  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    clearInterval(this.beating);
    this.beating = undefined;
  }

  /** A heartbeat; `filled` is the share of the buffer. */
  beat(filled = this.filled, headerOnly = this.headerOnly): void {
    const payload = new Uint8Array(23);
    const view = new DataView(payload.buffer);
    // Nothing is said of samples that are still to come.
    if (this.at >= this.recording.length) {
      this.quietTo += BEAT_TICKS;
      view.setBigUint64(0, BigInt(this.quietTo), true);
    }
    view.setUint16(20, Math.round(filled * 65535), true);
    payload[22] = headerOnly ? 1 : 0;
    this.packet(Probe.HEARTBEAT, payload);
  }

  private get hello(): Recorded {
    const hello = this.recording.find(({ type }) => type === Probe.HELLO);
    if (hello === undefined) throw new Error('the recording has no HELLO');
    return hello;
  }

  private command(type: number, seq: number, argument: number | undefined): void {
    this.commands.push({ type, seq, argument });
    if (this.commands.length <= (this.script.deaf ?? 0)) return;
    this.packet(Probe.REPLY, Uint8Array.of(type, seq, seq >>> 8, 0));
    if (type === Probe.ASK_HELLO) this.greet();
    else if (type === Probe.START) this.play();
    else if (type === Probe.STOP) this.stop();
    else if (type === Probe.PING) this.beat();
    else if (type === Probe.MODE) this.headerOnly = argument === 1;
  }

  private play(): void {
    if (this.timer !== undefined) return;
    if (this.script.beats === true) this.beating = setInterval(() => this.beat(), BEAT_MS);
    const { gate } = this.script;
    if (gate === undefined) {
      this.playOn();
      return;
    }
    const state = this.recording.findIndex(({ type }) => type === Probe.STATE);
    while (this.at <= state) this.next();
    this.timer = setTimeout(() => {}, 0);
    const { timer } = this;
    void gate.then(() => {
      if (this.timer === timer) this.playOn();
    });
  }

  private playOn(): void {
    const { rate = 300_000, upTo: end = this.recording.length } = this.script;
    const started = process.hrtime.bigint();
    let sent = 0;
    this.timer = setInterval(() => {
      const due = (Number(process.hrtime.bigint() - started) / 1e9) * rate;
      while (sent < due && this.at < end) sent += this.next();
      if (this.at < this.recording.length) return;
      clearInterval(this.timer);
      this.played();
    }, 2);
  }

  /** Sends the recording's next packet under a number that follows, as far from the last one as it was; returns its bytes. */
  private next(): number {
    const { type, seq, payload, raw } = this.recording[this.at++];
    if (type === Probe.SAMPLES || type === Probe.HEARTBEAT) {
      const at = Number(Buffer.from(payload).readBigUInt64LE(type === Probe.SAMPLES ? 1 : 0));
      this.quietTo = Math.max(this.quietTo, at);
    }
    // Its answer has told that; noise goes as it is.
    if (type === Probe.HELLO) return 0;
    if (type < 0) {
      this.send(raw);
      return raw.length;
    }
    const again = this.sent.get(seq);
    if (again === undefined) {
      // The first packet follows HELLO, in the recording as here.
      const before = this.last ?? (this.script.start === undefined ? this.hello.seq : seq - 1);
      this.seq = (this.seq + ((seq - before - 1) & 0xffff)) & 0xffff;
      this.sent.set(seq, this.seq);
      this.last = seq;
      this.packet(type, payload);
    } else {
      this.send(probeFrame(type, again, payload));
    }
    return raw.length;
  }
}
