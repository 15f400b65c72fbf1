import { copyOf } from '../../src/base/bytes.ts';
import { ethernet, ipv4, join, u16, u32 } from '../unit/parsers/net/build.ts';

export type Bytes = Uint8Array;
/** Who sends: the host (initiator) or the target. */
export type From = 'host' | 'target';

export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const PSH = 0x08;
export const ACK = 0x10;

/** Frames as a capture has them, with the clock they are stamped by. */
export class Wire {
  readonly frames: { bytes: Bytes; captured: number; at: number }[] = [];
  /** Nanoseconds since the capture began. */
  now = 0;
  /** Frames cut to this many bytes. */
  snaplen = Number.POSITIVE_INFINITY;

  add(bytes: Bytes): void {
    this.now += 10_000;
    this.frames.push({ bytes, captured: Math.min(bytes.length, this.snaplen), at: this.now });
  }

  /** Time passes without a frame. */
  wait(ms: number): void {
    this.now += ms * 1e6;
  }
}

export interface Ends {
  host?: readonly number[];
  target?: readonly number[];
  hostPort?: number;
  targetPort?: number;
  /** Initial sequence numbers, to make them wrap. */
  hostSeq?: number;
  targetSeq?: number;
  mss?: number;
}

/** The true checksum of a TCP segment over IPv4 (RFC 9293 section 3.1), word by word. */
function checksummed(segment: Bytes, src: readonly number[], dst: readonly number[]): Bytes {
  const pseudo = join(Uint8Array.from([...src, ...dst, 0, 6]), u16(segment.length), segment);
  let sum = 0;
  for (let i = 0; i < pseudo.length; i += 2) sum += pseudo[i] * 256 + (pseudo[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  segment.set(u16(~sum & 0xffff), 16);
  return segment;
}

interface End {
  address: readonly number[];
  port: number;
  /** Next sequence number to send. */
  seq: number;
  /** What it has acknowledged so far; frozen while `lateAcks`. */
  ack: number;
  lateAcks: boolean;
}

/** One TCP connection between a host and a target: every segment that is sent becomes a frame, if it is captured. */
export class Link {
  readonly wire: Wire;
  readonly host: End;
  readonly target: End;
  readonly mss: number;
  /** False: what is sent is on the wire, but not in the capture. */
  captured = true;
  /** Changes the next segments before their checksum is made (`before`) or after (`after`). */
  alter: ((segment: Bytes) => Bytes) | undefined;

  constructor(wire: Wire, ends: Ends = {}) {
    const { host = [10, 0, 0, 1], target = [10, 0, 0, 2], hostPort = 40000, targetPort = 3260 } = ends;
    const { hostSeq = 1000, targetSeq = 500_000, mss = 1448 } = ends;
    this.wire = wire;
    this.mss = mss;
    this.host = { address: host, port: hostPort, seq: hostSeq, ack: targetSeq, lateAcks: false };
    this.target = { address: target, port: targetPort, seq: targetSeq, ack: hostSeq, lateAcks: false };
  }

  /** The three-way handshake (RFC 9293 section 3.5). */
  open(): this {
    this.segment('host', new Uint8Array(0), SYN);
    this.segment('target', new Uint8Array(0), SYN | ACK);
    this.ack('host');
    return this;
  }

  /** Sends bytes in segments of at most the MSS. */
  send(from: From, bytes: Bytes): void {
    for (let at = 0; at < bytes.length; at += this.mss) this.segment(from, copyOf(bytes, at, at + this.mss), PSH | ACK);
  }

  /** Sends one segment and moves the sender's sequence number on. */
  segment(from: From, payload: Bytes, flags: number): void {
    const end = this[from];
    const seq = end.seq;
    end.seq = (end.seq + payload.length + (flags & (SYN | FIN) ? 1 : 0)) >>> 0;
    const other = from === 'host' ? this.target : this.host;
    if (!end.lateAcks && flags & ACK) end.ack = other.seq;
    this.raw(from, seq, payload, flags);
  }

  /** A frame with any sequence number; nothing is moved. */
  raw(from: From, seq: number, payload: Bytes, flags: number, ack = this[from].ack): void {
    if (!this.captured) return;
    const me = this[from];
    const you = from === 'host' ? this.target : this.host;
    const head = join(u16(me.port, you.port), u32(seq, flags & ACK ? ack : 0), u16(0x5000 | flags, 0xffff, 0, 0));
    const segment = checksummed(join(head, payload), me.address, you.address);
    const altered = this.alter === undefined ? segment : this.alter(segment);
    this.wire.add(ethernet(ipv4(altered, { src: me.address, dst: you.address })));
  }

  /** A segment with nothing but an acknowledgement of all that the other end sent. */
  ack(from: From): void {
    const late = this[from].lateAcks;
    this[from].lateAcks = false;
    this.segment(from, new Uint8Array(0), ACK);
    this[from].lateAcks = late;
  }

  fin(from: From): void {
    this.segment(from, new Uint8Array(0), FIN | ACK);
  }

  rst(from: From): void {
    this.segment(from, new Uint8Array(0), RST | ACK);
  }

  /** What `act` sends is not captured. */
  lose(act: () => void): void {
    this.captured = false;
    act();
    this.captured = true;
  }
}
