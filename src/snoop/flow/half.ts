import type { FrameDecoder } from '../../../parsers/net/decoder.ts';
import { copyOf } from '../../base/bytes.ts';
import { add32, diff32 } from '../../base/serial32.ts';
import type { Moment } from './moment.ts';
import { DISPUTED, Pending, WHOLE } from './pending.ts';
import type { Side, StreamSink } from './stream.ts';

/** A segment further ahead than this is believed only when others follow it. */
const FAR = 64 << 20;
const STRAYS_BELIEVED = 3;

/** Tells whether the TCP checksum of a queued segment is right; false too when it cannot be known. */
export type ChecksumJudge = (side: Side, bytes: Uint8Array, tcpOffset: number, length: number) => boolean;

/**
 * One direction of a TCP connection: puts segments in order and hands on what the receiver has acknowledged.
 * Waiting for the acknowledgement is what makes a copy trustworthy: until then a retransmission may replace it.
 */
export class Half {
  readonly side: Side;
  readonly pending = new Pending();
  /** False until the first sequence number is settled (SYN, or the peer's first ACK). */
  known = false;
  next = 0;
  acked = 0;
  ackSeen = false;
  /** Position of the FIN, once seen. */
  finSeq = -1;
  /** What the FIN's segment acknowledged; -1 without an ACK. */
  finAck = -1;
  finDone = false;
  /** Segments whose TCP checksum was right; `unverifiable` when the first one already was not (offload). */
  goodChecksums = 0;
  unverifiable = false;
  /** The receiver's MSS, where its SYN was seen. */
  segmentMax = Number.POSITIVE_INFINITY;

  private strayEnd = 0;
  private strays = 0;

  constructor(side: Side) {
    this.side = side;
  }

  /** The other end acknowledged everything before `ack`. */
  acknowledge(ack: number): void {
    if (!this.ackSeen) {
      this.ackSeen = true;
      this.acked = ack;
    } else if (diff32(ack, this.acked) > 0) {
      // An acknowledgement of bytes far beyond anything sent is not believed: it would turn the stream into a hole.
      if (this.known && diff32(ack, this.next) > FAR && diff32(ack, this.tailSeq()) > FAR) return;
      this.acked = ack;
    } else return;
    if (!this.known) this.settleStart();
  }

  /** Fixes where the stream starts when no SYN was seen: at the lowest byte queued that is acknowledged, else at the ACK. */
  private settleStart(): void {
    this.known = true;
    this.next = this.acked;
    if (this.pending.count > 0) {
      const first = this.pending.seq[this.pending.head];
      if (diff32(first, this.acked) < 0) this.next = first;
    }
  }

  /** Starts without an acknowledgement: nothing of the other direction was captured. */
  forceStart(): void {
    if (this.known || this.pending.count === 0) return;
    this.known = true;
    this.next = this.pending.seq[this.pending.head];
  }

  /** SYN consumes one sequence number (RFC 9293 section 3.4). */
  synchronise(seq: number): void {
    this.known = true;
    this.next = add32(seq, 1);
  }

  /** True when bytes are queued that do not follow each other, or what was delivered. */
  get gapped(): boolean {
    const p = this.pending;
    let next = this.next;
    for (let n = 0; n < p.count; n++) {
      const s = p.slot(n);
      if (diff32(p.seq[s], next) > 0) return true;
      next = add32(p.seq[s], p.length[s]);
    }
    return false;
  }

  tailSeq(): number {
    return this.pending.count > 0 ? this.pending.end() : this.next;
  }

  /** Queues the payload of the segment that `d` has just decoded. */
  insert(d: FrameDecoder, acknowledges: boolean, moment: Moment, judge: ChecksumJudge): void {
    const { bytes, seq, ack, payloadOffset: offset, payloadLength: length, payloadCaptured: captured } = d;
    const header = offset - d.tcpOffset;
    const hasAck = acknowledges ? 1 : 0;
    const p = this.pending;
    if (this.known) {
      const ahead = diff32(seq, this.next);
      if (ahead > FAR && diff32(seq, this.tailSeq()) > FAR) {
        if (!this.believeStray(seq, length)) return;
      } else if (ahead + length <= 0) {
        return;
      }
    }
    if (p.count === 0 || diff32(seq, p.end()) >= 0) {
      const s = p.open(p.count);
      this.fill(s, bytes, offset, header, seq, length, captured, ack, hasAck, moment);
      if (this.known && diff32(seq, this.next) < 0) p.trimFront(s, diff32(this.next, seq));
      return;
    }
    this.insertAmong(bytes, offset, header, seq, length, captured, ack, hasAck, moment, judge);
  }

  private fill(
    s: number,
    bytes: Uint8Array,
    offset: number,
    header: number,
    seq: number,
    length: number,
    captured: number,
    ack: number,
    hasAck: number,
    moment: Moment,
  ): void {
    const p = this.pending;
    p.seq[s] = seq;
    p.length[s] = length;
    p.captured[s] = captured;
    p.offset[s] = offset;
    p.header[s] = header;
    p.ack[s] = ack;
    p.hasAck[s] = hasAck;
    p.worth[s] = WHOLE;
    p.frame[s] = moment.frame;
    p.time[s] = moment.time;
    p.buffer[s] = bytes;
    p.bytes += length;
  }

  private believeStray(seq: number, length: number): boolean {
    this.strays = seq === this.strayEnd ? this.strays + 1 : 1;
    this.strayEnd = add32(seq, length);
    if (this.strays < STRAYS_BELIEVED) return false;
    this.strays = 0;
    return true;
  }

  /** The slow path: out of order, a retransmission, or an overlap with bytes that wait for their acknowledgement. */
  private insertAmong(
    bytes: Uint8Array,
    offset: number,
    header: number,
    seq: number,
    length: number,
    captured: number,
    ack: number,
    hasAck: number,
    moment: Moment,
    judge: ChecksumJudge,
  ): void {
    const p = this.pending;
    let from = seq;
    const end = add32(seq, length);
    if (this.known && diff32(from, this.next) < 0) from = this.next;
    let n = 0;
    while (diff32(end, from) > 0) {
      while (n < p.count && diff32(add32(p.seq[p.slot(n)], p.length[p.slot(n)]), from) <= 0) n++;
      const at = n < p.count ? p.seq[p.slot(n)] : end;
      if (n === p.count || diff32(at, from) > 0) {
        const until = n < p.count && diff32(at, end) < 0 ? at : end;
        const s = p.open(n);
        const skip = diff32(from, seq);
        const size = diff32(until, from);
        const intact = skip === 0 && size === length;
        const have = Math.max(0, Math.min(size, captured - skip));
        this.fill(s, bytes, offset + skip, intact ? header : 0, from, size, have, ack, hasAck, moment);
        from = until;
        n++;
        continue;
      }
      // The new copy overlaps the queued segment n in [from, until).
      const s = p.slot(n);
      const queuedEnd = add32(p.seq[s], p.length[s]);
      const until = diff32(queuedEnd, end) < 0 ? queuedEnd : end;
      const verdict = this.compare(s, bytes, offset, seq, captured, from, until);
      if (verdict === 'differ') {
        const newGood = header > 0 && captured === length && judge(this.side, bytes, offset - header, length + header);
        const oldGood =
          p.header[s] > 0 &&
          p.captured[s] === p.length[s] &&
          judge(this.side, p.buffer[s]!, p.offset[s] - p.header[s], p.length[s] + p.header[s]);
        if (oldGood && !newGood) return;
        if (newGood && !oldGood) {
          p.drop(n);
          continue;
        }
        this.dispute(n, from, until, bytes, offset - diff32(seq, from), captured - diff32(from, seq));
      } else if (verdict === 'more') {
        this.complete(s, bytes, offset, captured, moment);
      }
      from = until;
    }
  }

  /** Compares the copies over [from, until); 'more' when the new one has bytes that the snap length cut off the old. */
  private compare(
    s: number,
    bytes: Uint8Array,
    offset: number,
    seq: number,
    captured: number,
    from: number,
    until: number,
  ): 'same' | 'differ' | 'more' {
    const p = this.pending;
    if (p.worth[s] === DISPUTED) return 'same';
    const oldSkip = diff32(from, p.seq[s]);
    const newSkip = diff32(from, seq);
    const size = diff32(until, from);
    const oldHave = Math.max(0, Math.min(size, p.captured[s] - oldSkip));
    const newHave = Math.max(0, Math.min(size, captured - newSkip));
    const both = Math.min(oldHave, newHave);
    const old = p.buffer[s]!;
    const a = p.offset[s] + oldSkip;
    const b = offset + newSkip;
    for (let i = 0; i < both; i++) if (old[a + i] !== bytes[b + i]) return 'differ';
    // Only a copy of the same extent can lend its bytes without cutting the queued segment apart.
    return newHave > oldHave && p.seq[s] === seq && until === add32(p.seq[s], p.length[s]) ? 'more' : 'same';
  }

  private complete(s: number, bytes: Uint8Array, offset: number, captured: number, moment: Moment): void {
    const p = this.pending;
    p.buffer[s] = bytes;
    p.offset[s] = offset;
    p.header[s] = 0;
    p.captured[s] = Math.min(captured, p.length[s]);
    p.frame[s] = moment.frame;
    p.time[s] = moment.time;
  }

  /**
   * Marks [from, until) of the n-th queued segment as disputed, cutting it in up to three. The other copy, `captured` bytes
   * of it, stands at `offset` in `bytes`.
   */
  private dispute(n: number, from: number, until: number, bytes: Uint8Array, offset: number, captured: number): void {
    const p = this.pending;
    let at = n;
    let s = p.slot(at);
    const before = diff32(from, p.seq[s]);
    if (before > 0) {
      const size = p.length[s];
      const fresh = p.open(at + 1);
      s = p.slot(at);
      p.copySlot(s, fresh);
      p.trimFront(fresh, before);
      p.trimBack(p.slot(at), Math.min(before, size));
      at++;
      s = p.slot(at);
    }
    const inside = diff32(until, from);
    if (p.length[s] > inside) {
      const fresh = p.open(at + 1);
      s = p.slot(at);
      p.copySlot(s, fresh);
      p.trimFront(fresh, inside);
      p.trimBack(p.slot(at), inside);
    }
    s = p.slot(at);
    p.worth[s] = DISPUTED;
    if (captured >= inside && p.captured[s] >= inside) p.rival[s] = copyOf(bytes, offset, offset + inside);
  }

  /** True when the receiver has bytes that the capture has not shown. */
  get missing(): boolean {
    if (!this.known || !this.ackSeen) return false;
    const want = diff32(this.acked, this.next);
    if (want <= 0) return false;
    if (this.pending.count === 0) return !(this.finSeq === this.next && want === 1);
    return diff32(this.pending.seq[this.pending.head], this.next) > 0;
  }

  /**
   * Takes a segment past the queue: nothing waits, it is the next in line, and what it acknowledged has been delivered.
   * Only for consumers that do without the receiver's word for it (`decode`, `stat`).
   */
  passes(d: FrameDecoder, hasAck: boolean, other: Half): boolean {
    return (
      this.known &&
      d.seq === this.next &&
      this.pending.count === 0 &&
      (!hasAck || !other.known || diff32(d.ack, other.next) <= 0)
    );
  }

  /**
   * Delivers what may be delivered: in order, acknowledged, and not before what its own segment acknowledged of the
   * other direction. With `force` the last two conditions are waived for the first segment in line.
   */
  deliver(other: Half, sink: StreamSink, force: boolean, moment: Moment): boolean {
    const p = this.pending;
    let progress = false;
    let forced = force;
    while (p.count > 0 && this.known) {
      const s = p.head;
      const gap = diff32(p.seq[s], this.next);
      if (gap > 0) break;
      if (gap < 0) {
        if (-gap >= p.length[s]) {
          p.shift();
          continue;
        }
        p.trimFront(s, -gap);
      }
      let n = p.length[s];
      if (!forced) {
        const free = this.ackSeen ? diff32(this.acked, this.next) : 0;
        if (free <= 0) break;
        if (p.hasAck[s] === 1 && other.known && diff32(p.ack[s], other.next) > 0 && !finOnly(other, p.ack[s])) break;
        if (free < n) n = free;
      }
      forced = false;
      progress = true;
      const whole = n === p.length[s];
      const disputed = p.worth[s] === DISPUTED;
      const rival = p.rival[s];
      const have = disputed ? 0 : Math.min(p.captured[s], n);
      const buffer = p.buffer[s]!;
      const offset = p.offset[s];
      moment.set(p.frame[s], p.time[s]);
      this.next = add32(this.next, n);
      if (whole) p.shift();
      else p.trimFront(s, n);
      if (have > 0) sink.bytes(this.side, buffer, offset, have);
      if (disputed && rival !== undefined) sink.disputed(this.side, buffer, offset, rival, n);
      else if (have < n) sink.hole(this.side, n - have);
    }
    // A FIN, too, comes after what its segment acknowledged: which side ended first depends on it.
    const early =
      this.finAck >= 0 && other.known && diff32(this.finAck, other.next) > 0 && !finOnly(other, this.finAck);
    if (this.finSeq >= 0 && !this.finDone && this.known && this.next === this.finSeq && (force || !early)) {
      this.finDone = true;
      this.next = add32(this.next, 1);
      sink.fin(this.side);
      progress = true;
    }
    return progress;
  }

  /** Declares the missing bytes before the first queued segment (or up to the ACK) a hole; returns its length. */
  giveUp(sink: StreamSink): number {
    let until = this.acked;
    const p = this.pending;
    if (p.count > 0 && (!this.ackSeen || diff32(p.seq[p.head], until) < 0)) until = p.seq[p.head];
    else if (p.count > 0 && diff32(until, this.next) <= 0) until = p.seq[p.head];
    // A FIN that bytes followed after all was none: it must not hold up what is behind it.
    const finAhead = this.finSeq >= 0 && !this.finDone && diff32(this.finSeq, this.next) >= 0;
    if (finAhead && diff32(until, this.finSeq) > 0) until = this.finSeq;
    const length = diff32(until, this.next);
    if (length <= 0) return 0;
    this.next = until;
    sink.hole(this.side, length);
    return length;
  }
}

/** True when all that `ack` has beyond the delivered bytes is the other side's FIN. */
function finOnly(other: Half, ack: number): boolean {
  return other.finSeq >= 0 && other.next === other.finSeq && ack === add32(other.finSeq, 1);
}
