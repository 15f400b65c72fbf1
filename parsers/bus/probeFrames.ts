import { cobsDecode, cobsEncode } from './cobs.ts';
import { crc16 } from './crc16.ts';

/** Types of packets and commands of the probe's protocol, version 1 (sections 3 and 4). */
export const Probe = {
  HELLO: 0x01,
  STATE: 0x02,
  SAMPLES: 0x10,
  OVERFLOW: 0x11,
  HEARTBEAT: 0x20,
  REPLY: 0x21,
  LOG: 0x22,
  ASK_HELLO: 0x81,
  START: 0x82,
  STOP: 0x83,
  MODE: 0x84,
  PING: 0x86,
} as const;

/** Bytes of a packet besides its payload: type, seq, crc. */
const OVERHEAD = 5;
const PACKET_MAX = 2048;
/** A longer frame is dropped up to the next zero (section 5). */
const FRAME_MAX = 2100;

/** What a splitter hands on; bytes are borrowed for the call. */
export interface ProbeFrameSink {
  /** A packet whose CRC is right; its payload is `bytes[3, to)`. */
  packet(type: number, seq: number, bytes: Uint8Array, to: number): void;
  /** A frame that does not decode: noise, or a packet that was damaged. */
  badFrame(): void;
}

/** The bytes of a probe, in pieces as they come, cut into packets. Holds one frame at most. */
export class ProbeFrames {
  /** Bytes read so far; within a packet, up to its end. */
  position = 0;
  private readonly sink: ProbeFrameSink;
  private readonly frame = new Uint8Array(FRAME_MAX);
  private readonly decoded = new Uint8Array(PACKET_MAX);
  private length = 0;
  /** Before the first zero: what stands there may be the rest of a frame, and is no bad one. */
  private joining = true;

  constructor(sink: ProbeFrameSink) {
    this.sink = sink;
  }

  push(bytes: Uint8Array, from: number, to: number): void {
    let at = from;
    while (at < to) {
      const zero = bytes.indexOf(0, at);
      const end = zero < 0 || zero > to ? to : zero;
      this.append(bytes, at, end);
      this.position += end - at;
      at = end + 1;
      if (end === to) continue;
      this.position++;
      this.close();
    }
  }

  /** The line was cut: what has come of a frame is no part of what comes next. */
  cut(): void {
    this.length = 0;
    this.joining = true;
  }

  private append(bytes: Uint8Array, from: number, to: number): void {
    const room = Math.min(to - from, FRAME_MAX - this.length);
    if (room > 0) this.frame.set(bytes.subarray(from, from + room), this.length);
    this.length = Math.min(this.length + (to - from), FRAME_MAX + 1);
  }

  private close(): void {
    const { length, joining } = this;
    this.length = 0;
    this.joining = false;
    if (length === 0) return;
    const packet = this.decoded;
    const count = length > FRAME_MAX ? -1 : cobsDecode(this.frame, 0, length, packet);
    const payloadEnd = count - 2;
    if (count >= OVERHEAD && crc16(packet, 0, payloadEnd) === (packet[payloadEnd] | (packet[payloadEnd + 1] << 8))) {
      this.sink.packet(packet[0], packet[1] | (packet[2] << 8), packet, payloadEnd);
    } else if (!joining) {
      this.sink.badFrame();
    }
  }
}

/** A packet as the line carries it, with the zero that ends noise before it. */
export function probeFrame(type: number, seq: number, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const packet = new Uint8Array(payload.length + OVERHEAD);
  packet[0] = type;
  packet[1] = seq;
  packet[2] = seq >>> 8;
  packet.set(payload, 3);
  const end = packet.length - 2;
  const crc = crc16(packet, 0, end);
  packet[end] = crc;
  packet[end + 1] = crc >>> 8;
  const encoded = cobsEncode(packet);
  const framed = new Uint8Array(encoded.length + 1);
  framed.set(encoded, 1);
  return framed;
}

/** A command without an argument, or with a u8: START and MODE take 0 (full) or 1 (header-only). */
export function probeCommand(type: number, seq: number, argument?: number): Uint8Array<ArrayBuffer> {
  return probeFrame(type, seq, argument === undefined ? new Uint8Array(0) : Uint8Array.of(argument));
}

/** Whether a packet whose CRC is right lies in the first bytes of a file. */
export function looksLikeProbe(head: Uint8Array): boolean {
  let packets = 0;
  const frames = new ProbeFrames({ packet: () => packets++, badFrame: () => {} });
  frames.push(head, 0, head.length);
  return packets > 0;
}
