import { sum16 } from '../../../parsers/net/checksum.ts';
import type { FrameDecoder } from '../../../parsers/net/decoder.ts';
import { copyOf } from '../../base/bytes.ts';
import { type Endpoints, TcpConnection } from './connection.ts';
import type { Moment } from './moment.ts';
import type { Carrier, ReorderLimits, Side, StreamEnds, StreamSink } from './stream.ts';

const SYN = 0x02;
const RST = 0x04;
const ACK = 0x10;

/** Queued payload over all connections; beyond it the connection that adds more has to give way. */
const TOTAL_PENDING_MAX = 32 << 20;
/** Connections remembered; the longest silent one is ended to make room. */
const CONNECTIONS_MAX = 16384;

/** Makes the consumer of a new connection; `carrier` is there once the factory has returned. */
export type SinkFactory = (stream: number, ends: StreamEnds, carrier: () => Carrier) => StreamSink;

/** All TCP connections of a capture by their addresses and ports. */
export class ConnectionTable {
  streams = 0;

  private readonly byHash = new Map<number, TcpConnection[]>();
  private readonly limits: ReorderLimits;
  private readonly makeSink: SinkFactory;
  private readonly verify: boolean;
  private readonly moment: Moment;
  private last: TcpConnection | undefined;
  private count = 0;
  /** Connections with queued bytes or an end that is due, for copying out and for the window's end. */
  private queued: TcpConnection[] = [];

  constructor(makeSink: SinkFactory, limits: ReorderLimits, verify: boolean, moment: Moment) {
    this.moment = moment;
    this.makeSink = makeSink;
    this.limits = limits;
    this.verify = verify;
  }

  /** Takes the segment that `d` has just decoded. */
  take(d: FrameDecoder): void {
    let connection = this.last;
    let known = connection === undefined ? -1 : sideOf(connection.ends, d);
    if (connection === undefined || known < 0) {
      // Numbered at its first frame even if that is a bare ACK, as everybody counts streams.
      connection = this.find(d) ?? this.create(d);
      known = sideOf(connection.ends, d);
      this.last = connection;
    }
    let side = known as Side;
    const flags = d.flags;
    if (this.verify && !this.believable(connection, side, d)) return;
    if (flags & SYN) {
      const mss = maximumSegment(d);
      if (connection.syn(side, d.seq, (flags & ACK) !== 0, d.ack)) {
        connection.halves[1 - side].segmentMax = mss;
        return;
      }
      this.replace(connection, d);
      side = sideOf(this.last!.ends, d) as Side;
      this.last!.syn(side, d.seq, (flags & ACK) !== 0, d.ack);
      this.last!.halves[1 - side].segmentMax = mss;
      return;
    }
    if (connection.foreign) return;
    if (connection.closed) {
      if (!connection.revives(side, d.seq, d.payloadLength)) return;
      this.replace(connection, d);
      connection = this.last!;
      side = sideOf(connection.ends, d) as Side;
    }
    if (flags & RST) {
      // A reset is only believed where the stream stands (RFC 5961 section 3.2): a stray one must not end it.
      const half = connection.halves[side];
      const off = (d.seq - half.next) | 0;
      if (!half.known || (off >= -1 && off <= 1 << 20)) connection.reset(side, d);
    } else connection.segment(side, d, this.judge);
    if (connection.waits) {
      if (d.transient) this.copyOutOne(connection);
      if (!connection.listed) {
        connection.listed = true;
        this.queued.push(connection);
      }
    }
  }

  /** The buffer will be overwritten: what is queued from it is copied. Connections with nothing queued leave the list. */
  copyOut(borrowed: Uint8Array): void {
    let kept = 0;
    let total = 0;
    for (const connection of this.queued) {
      if (!connection.waits) {
        connection.listed = false;
        connection.halves[0].pending.letStoresGo();
        connection.halves[1].pending.letStoresGo();
        continue;
      }
      connection.halves[0].pending.copyOut(borrowed);
      connection.halves[1].pending.copyOut(borrowed);
      total += connection.pendingBytes;
      this.queued[kept++] = connection;
    }
    this.queued.length = kept;
    if (total > TOTAL_PENDING_MAX) this.relieve();
  }

  /** Ends reordering windows that are over by the capture's clock. */
  tick(frame: number, time: number): void {
    for (const connection of this.queued) if (!connection.closed) connection.tick(frame, time);
  }

  /** The source has ended: everything queued is delivered, connections in order of appearance. */
  finish(): void {
    const all = [...this.byHash.values()].flat().sort((a, b) => a.stream - b.stream);
    for (const connection of all) connection.finish('source-end');
    this.byHash.clear();
    this.queued = [];
    this.last = undefined;
  }

  private relieve(): void {
    const byWeight = [...this.queued].sort((a, b) => b.pendingBytes - a.pendingBytes);
    for (const connection of byWeight.slice(0, 8)) connection.relieve();
  }

  private copyOutOne(connection: TcpConnection): void {
    connection.halves[0].pending.copyOut();
    connection.halves[1].pending.copyOut();
  }

  private find(d: FrameDecoder): TcpConnection | undefined {
    const chain = this.byHash.get(d.flowHash);
    if (chain === undefined) return undefined;
    for (const connection of chain) if (sideOf(connection.ends, d) >= 0) return connection;
    return undefined;
  }

  private create(d: FrameDecoder): TcpConnection {
    if (this.count >= CONNECTIONS_MAX) this.evict();
    const size = d.v6 ? 16 : 4;
    const ends: Endpoints = {
      v6: d.v6,
      word0: word(d.bytes, d.srcOffset),
      word1: word(d.bytes, d.dstOffset),
      addresses: [copyOf(d.bytes, d.srcOffset, d.srcOffset + size), copyOf(d.bytes, d.dstOffset, d.dstOffset + size)],
      ports: [d.srcPort, d.dstPort],
    };
    const stream = this.streams++;
    const connection: TcpConnection = new TcpConnection(
      stream,
      ends,
      this.makeSink(stream, ends, () => connection),
      this.limits,
      !this.verify,
      this.moment,
    );
    const chain = this.byHash.get(d.flowHash);
    if (chain === undefined) this.byHash.set(d.flowHash, [connection]);
    else chain.push(connection);
    this.count++;
    return connection;
  }

  private replace(old: TcpConnection, d: FrameDecoder): void {
    // Ending the old one looks back at its frames; the new one's is the one at hand.
    const { frame, time } = this.moment;
    old.finish('reused');
    this.moment.set(frame, time);
    this.forget(old, d.flowHash);
    this.last = this.create(d);
  }

  private forget(connection: TcpConnection, hash: number): void {
    const chain = this.byHash.get(hash);
    if (chain === undefined) return;
    const at = chain.indexOf(connection);
    if (at >= 0) chain.splice(at, 1);
    if (chain.length === 0) this.byHash.delete(hash);
    this.count--;
  }

  /** Drops the connection that has been silent longest, closed and foreign ones first. */
  private evict(): void {
    let worst: TcpConnection | undefined;
    let worstHash = 0;
    let worstScore = Number.POSITIVE_INFINITY;
    for (const [hash, chain] of this.byHash) {
      for (const connection of chain) {
        const score = connection.lastFrame - (connection.closed || connection.foreign ? 1e18 : 0);
        if (score < worstScore) {
          worstScore = score;
          worst = connection;
          worstHash = hash;
        }
      }
    }
    if (worst === undefined) return;
    worst.finish('reused');
    this.forget(worst, worstHash);
  }

  /**
   * False for a segment that its receiver must have dropped: the TCP checksum is wrong although this sender's are
   * otherwise right. Senders whose checksums the network card fills in later prove nothing.
   */
  private believable(connection: TcpConnection, side: Side, d: FrameDecoder): boolean {
    if (d.payloadCaptured < d.payloadLength) return true;
    const half = connection.halves[side];
    if (half.unverifiable || d.payloadLength > half.segmentMax) return true;
    const header = (d.bytes[d.tcpOffset + 12] >>> 4) << 2;
    if (d.payloadOffset - d.tcpOffset < header) return true;
    const length = d.payloadOffset - d.tcpOffset + d.payloadLength;
    const pseudo = pseudoSum(connection.ends, length);
    if (sum16(d.bytes, d.tcpOffset, length, pseudo) === 0xffff) {
      half.goodChecksums++;
      return true;
    }
    // Left for the card to complete, or merged by the receiver's kernel: the field holds the pseudo-header's sum alone.
    const field = (d.bytes[d.tcpOffset + 16] << 8) | d.bytes[d.tcpOffset + 17];
    if (field === pseudo) return true;
    if (half.goodChecksums === 0) {
      // Payload alone tells that this sender's sums cannot be read. Until then a FIN, RST or ACK that may be damaged is not
      // believed: it would end or empty a stream.
      half.unverifiable = d.payloadLength > 0;
      if (half.unverifiable || (d.flags & SYN) !== 0) return true;
    }
    return false;
  }

  private readonly judge = (_side: Side, bytes: Uint8Array, tcpOffset: number, length: number): boolean =>
    sum16(bytes, tcpOffset, length, pseudoSum(this.last!.ends, length)) === 0xffff;
}

/** The MSS option of a SYN (RFC 9293 section 3.2): segments longer than that were merged after their receipt. */
function maximumSegment(d: FrameDecoder): number {
  const end = Math.min(d.payloadOffset, d.bytes.length);
  for (let i = d.tcpOffset + 20; i + 3 < end && d.bytes[i] !== 0; ) {
    if (d.bytes[i] === 1) {
      i++;
      continue;
    }
    if (d.bytes[i] === 2 && d.bytes[i + 1] === 4) return (d.bytes[i + 2] << 8) | d.bytes[i + 3];
    if (d.bytes[i + 1] < 2) break;
    i += d.bytes[i + 1];
  }
  return Number.POSITIVE_INFINITY;
}

/** Ones-complement sum of the pseudo-header (RFC 9293 section 3.1), the same for both directions. */
function pseudoSum(ends: Endpoints, tcpLength: number): number {
  const [a, b] = ends.addresses;
  let sum = sum16(b, 0, b.length, sum16(a, 0, a.length, 0)) + 6 + (tcpLength >>> 16) + (tcpLength & 0xffff);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

/** Which side sent the decoded segment, or -1 when it belongs to another connection. */
function sideOf(ends: Endpoints, d: FrameDecoder): Side | -1 {
  const [p0, p1] = ends.ports;
  const { srcPort, dstPort, bytes, srcOffset, dstOffset } = d;
  if (ends.v6 !== d.v6) return -1;
  if (srcPort === p0 && dstPort === p1 && same(ends, 0, bytes, srcOffset) && same(ends, 1, bytes, dstOffset)) return 0;
  if (srcPort === p1 && dstPort === p0 && same(ends, 1, bytes, srcOffset) && same(ends, 0, bytes, dstOffset)) return 1;
  return -1;
}

function same(ends: Endpoints, side: Side, bytes: Uint8Array, at: number): boolean {
  if (!ends.v6) {
    return word(bytes, at) === (side === 0 ? ends.word0 : ends.word1);
  }
  const address = ends.addresses[side];
  for (let i = 0; i < 16; i++) if (address[i] !== bytes[at + i]) return false;
  return true;
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}
