import type { FrameDecoder } from '../../../parsers/net/decoder.ts';
import { add32, diff32 } from '../../base/serial32.ts';
import { type ChecksumJudge, Half } from './half.ts';
import type { Moment } from './moment.ts';
import type { Carrier, ReorderLimits, Side, StreamEnds, StreamSink } from './stream.ts';

const FIN = 0x01;
const ACK = 0x10;

/** Stands in for the consumer of a connection that has ended: nothing more is delivered, and it can be forgotten. */
const NOBODY: StreamSink = { bytes() {}, disputed() {}, hole() {}, fin() {}, reset() {}, end() {} };

/** Payload that one direction may hold back before its oldest segment is delivered whatever it waits for. */
const PENDING_MAX = 8 << 20;
/** Fresh segments after RST or FIN that prove the connection was never closed (the RST was a stray). */
const REVIVED = 16;

/** The ends of a captured connection, in a form that is quick to compare. */
export interface Endpoints extends StreamEnds {
  v6: boolean;
  /** The first four bytes of each address, all of an IPv4 one. */
  word0: number;
  word1: number;
}

/** One TCP connection: two halves that are put in order against each other (RFC 9293; requirement A6, A6b). */
export class TcpConnection implements Carrier {
  readonly stream: number;
  readonly ends: Endpoints;
  readonly halves: readonly [Half, Half] = [new Half(0), new Half(1)];
  /** Which side sent the SYN; undefined when none was seen. */
  opener: Side | undefined;
  /** Initial sequence numbers seen in SYNs, -1 without. */
  readonly isn: [number, number] = [-1, -1];
  closed = false;
  /** Not iSCSI: its bytes are not queued at all. */
  foreign = false;
  /** True while the connection stands on its table's list of those with queued bytes. */
  listed = false;
  private lastTime = 0;
  /** The last frame that was seen of it. */
  lastFrame = 0;

  private sink: StreamSink;
  private readonly limits: ReorderLimits;
  /** Bytes are handed on without waiting for their acknowledgement, where they are in order. */
  private readonly eager: boolean;
  private readonly moment: Moment;
  private arrived = 0;
  private stalled = false;
  private stallTime = 0;
  private stallArrived = 0;
  private afterClose = 0;
  private resetBy: Side | undefined;
  private resetTime = 0;
  private resetArrived = 0;

  constructor(
    stream: number,
    ends: Endpoints,
    sink: StreamSink,
    limits: ReorderLimits,
    eager: boolean,
    moment: Moment,
  ) {
    this.stream = stream;
    this.ends = ends;
    this.sink = sink;
    this.limits = limits;
    this.eager = eager;
    this.moment = moment;
  }

  begun(side: Side): boolean {
    return this.isn[side] >= 0;
  }

  get finished(): boolean {
    return this.halves[0].finDone && this.halves[1].finDone;
  }

  disown(): void {
    this.foreign = true;
  }

  get pendingBytes(): number {
    return this.halves[0].pending.bytes + this.halves[1].pending.bytes;
  }

  /** A SYN of `side`; false when it opens a new connection on the same ports instead. */
  syn(side: Side, seq: number, isReply: boolean, ack: number): boolean {
    const half = this.halves[side];
    if (this.isn[side] >= 0) {
      if (this.isn[side] !== seq) return false;
    } else if (half.known || half.pending.count > 0) {
      // Bytes were seen before this SYN: only a SYN just below them belongs to the same connection.
      const first = half.pending.count > 0 ? half.pending.seq[half.pending.slot(0)] : half.next;
      if (add32(seq, 1) !== first) return false;
    }
    if (this.isn[side] < 0) {
      this.isn[side] = seq;
      half.synchronise(seq);
    }
    const opener = isReply ? ((1 - side) as Side) : side;
    this.opener ??= opener;
    if (isReply) this.halves[1 - side].acknowledge(ack);
    return true;
  }

  /** A segment with payload, FIN, or nothing but an ACK, as `d` has just decoded it. */
  segment(side: Side, d: FrameDecoder, judge: ChecksumJudge): void {
    const { moment } = this;
    this.lastFrame = moment.frame;
    const half = this.halves[side];
    const other = this.halves[1 - side];
    const hasAck = (d.flags & ACK) !== 0;
    const length = d.payloadLength;
    if (hasAck) other.acknowledge(d.ack);
    if (this.eager && length > 0 && d.payloadCaptured === length && half.passes(d, hasAck, other)) {
      half.next = (half.next + length) >>> 0;
      this.sink.bytes(side, d.bytes, d.payloadOffset, length);
      if ((d.flags & FIN) === 0 && other.pending.count === 0 && !this.stalled) return;
    } else if (length > 0) {
      this.arrived += length;
      half.insert(d, hasAck, moment, judge);
    }
    if ((d.flags & FIN) !== 0 && half.finSeq < 0) {
      half.finSeq = add32(d.seq, length);
      half.finAck = hasAck ? d.ack : -1;
    }
    if (!this.stalled && idle(half) && idle(other)) return;
    this.lastTime = Math.max(this.lastTime, moment.time);
    this.pump();
  }

  /** True when a segment after the end shows that the connection goes on. */
  revives(side: Side, seq: number, length: number): boolean {
    if (length > 0 && diff32(add32(seq, length), this.halves[side].next) > 0) this.afterClose++;
    return this.afterClose >= REVIVED;
  }

  /** RST by `side`, as `d` has just decoded it: the end, once segments that the capture shows late have had their window. */
  reset(side: Side, d: FrameDecoder): void {
    if (this.resetBy !== undefined) return;
    if ((d.flags & ACK) !== 0) this.halves[1 - side].acknowledge(d.ack);
    this.resetBy = side;
    this.lastTime = Math.max(this.lastTime, this.moment.time);
    this.resetTime = this.lastTime;
    this.resetArrived = this.arrived;
    const [a, b] = this.halves;
    if (a.missing || b.missing || a.gapped || b.gapped || this.halves[side].tailSeq() !== d.seq) return;
    // All of it is here, and nobody will acknowledge any more: there is nothing to wait for.
    while (a.deliver(b, this.sink, true, this.moment) || b.deliver(a, this.sink, true, this.moment)) {
      if (this.foreign) return;
    }
    this.sink.reset(side);
  }

  /** True while a table has to go on asking: bytes are queued, or an end is due. */
  get waits(): boolean {
    return !this.closed && (this.pendingBytes > 0 || this.resetBy !== undefined);
  }

  /** Delivers everything that is queued, with holes where bytes are missing, and ends the connection. */
  finish(how: 'reused' | 'source-end'): void {
    if (this.closed) return;
    this.flush();
    if (this.resetBy !== undefined) this.end('reset', this.resetBy);
    else this.end(how, 0);
  }

  /** The window may be over although no further segment came: called with the capture's time. */
  tick(frame: number, time: number): void {
    if (time > this.lastTime) this.lastTime = time;
    this.lastFrame = frame;
    if (this.resetBy !== undefined) {
      const over =
        this.lastTime - this.resetTime > this.limits.ns || this.arrived - this.resetArrived > this.limits.bytes;
      if (over) this.finish('reused');
      if (this.closed) return;
    }
    this.pump();
    for (const half of this.halves) {
      const p = half.pending;
      // A direction whose receiver is never heard: time is all there is to go by.
      while (p.count > 0 && !half.ackSeen && time - p.time[p.head] > this.limits.ns) {
        half.forceStart();
        if (!half.deliver(this.halves[1 - half.side], this.sink, true, this.moment)) this.giveUp(half);
      }
    }
  }

  /** Memory over all connections is short: the oldest waiting bytes go on without their proof. */
  relieve(): void {
    this.giveWay();
    this.pump();
  }

  /** Only the numbers stay, to tell late segments from a new connection's. */
  private end(how: 'reset' | 'reused' | 'source-end', side: Side): void {
    this.closed = true;
    this.sink.end(how, side);
    this.sink = NOBODY;
    for (const half of this.halves) half.pending.clear();
  }

  private pump(): void {
    const [a, b] = this.halves;
    for (;;) {
      let progress = true;
      while (progress && !this.foreign) {
        progress = a.pending.count > 0 || a.finSeq >= 0 ? a.deliver(b, this.sink, false, this.moment) : false;
        if ((b.pending.count > 0 || b.finSeq >= 0) && b.deliver(a, this.sink, false, this.moment)) progress = true;
      }
      if (this.foreign) {
        a.pending.clear();
        b.pending.clear();
        return;
      }
      if (!behind(a) && !behind(b)) {
        this.stalled = false;
        if (a.pending.bytes <= PENDING_MAX && b.pending.bytes <= PENDING_MAX) return;
        this.giveWay();
      } else if (!this.stalled) {
        this.stalled = true;
        this.stallTime = this.lastTime;
        this.stallArrived = this.arrived;
        return;
      } else if (
        this.lastTime - this.stallTime > this.limits.ns ||
        this.arrived - this.stallArrived > this.limits.bytes ||
        a.pending.bytes > PENDING_MAX ||
        b.pending.bytes > PENDING_MAX
      ) {
        this.stalled = false;
        this.giveWay();
      } else return;
    }
  }

  /** The window is over: missing bytes become a hole, else the oldest segment in line goes on without its proof. */
  private giveWay(): void {
    const [a, b] = this.halves;
    const first = age(a) <= age(b) ? a : b;
    const second = first === a ? b : a;
    for (const half of [first, second]) {
      if (half.missing && this.giveUp(half) > 0) return;
    }
    for (const half of [first, second]) {
      half.forceStart();
      if (half.deliver(half === a ? b : a, this.sink, true, this.moment)) return;
      if (this.giveUp(half) > 0) return;
    }
  }

  /** Missing bytes are a hole from the moment that nobody waits for them any more. */
  private giveUp(half: Half): number {
    this.moment.set(this.lastFrame, this.lastTime);
    return half.giveUp(this.sink);
  }

  private flush(): void {
    const [a, b] = this.halves;
    for (;;) {
      if (this.foreign) return;
      this.pump();
      if (a.pending.count === 0 && b.pending.count === 0 && !a.missing && !b.missing) return;
      this.giveWay();
    }
  }
}

/** True when bytes that the receiver has acknowledged are not delivered. */
function behind(half: Half): boolean {
  if (!half.known || !half.ackSeen) return false;
  const want = diff32(half.acked, half.next);
  return want > 1 || (want === 1 && half.finSeq !== half.next);
}

/** Nothing queued, nothing missing, no FIN to hand on. */
function idle(half: Half): boolean {
  return half.pending.count === 0 && (half.finSeq < 0 || half.finDone) && !behind(half);
}

/** Frame of the segment in line, for "the oldest first". */
function age(half: Half): number {
  const p = half.pending;
  return p.count > 0 ? p.frame[p.head] : Number.POSITIVE_INFINITY;
}
