import { sum16 } from '../../../parsers/net/checksum.ts';
import { FrameDecoder } from '../../../parsers/net/decoder.ts';
import { bytesOf, type Frame } from './frames.ts';

const SYN = 0x02;

/** Numbers in [0, 1) from a seed (mulberry32): the same on every machine. */
export function dice(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Without `count` frames from index `from` on. */
export function without(frames: readonly Frame[], from: number, count = 1): Frame[] {
  return [...frames.slice(0, from), ...frames.slice(from + count)];
}

/** Each frame lost with probability `share`. */
export function lossy(frames: readonly Frame[], share: number, random: () => number): Frame[] {
  return frames.filter(() => random() >= share);
}

/** Cut at `length` bytes, as a capture with that snap length. */
export function snapped(frames: readonly Frame[], length: number): Frame[] {
  return frames.map((f) => (f.captured <= length ? f : { ...f, captured: length }));
}

/** Some frames twice in a row. */
export function doubled(frames: readonly Frame[], share: number, random: () => number): Frame[] {
  return frames.flatMap((f) => (random() < share ? [f, f] : [f]));
}

/**
 * Frames come up to `distance` places late, with the time stamps in the order of the file. A SYN keeps its place, and nothing
 * passes it: what came before it belongs to another connection.
 */
export function shuffled(frames: readonly Frame[], distance: number, random: () => number): Frame[] {
  const keys = frames.map((frame, i) => ((segmentOf(frame)?.flags ?? 0) & SYN ? i : i + random() * distance));
  for (let i = frames.length - 1, limit = frames.length; i >= 0; i--) {
    if (((segmentOf(frames[i])?.flags ?? 0) & SYN) !== 0) limit = i;
    else keys[i] = Math.min(keys[i], limit - 1 / (2 + frames.length - i));
  }
  return restamped(
    frames,
    keys.map((_, i) => i).sort((a, b) => keys[a] - keys[b] || a - b),
  );
}

/** All frames of one direction `places` frames later than they were. */
export function skewed(frames: readonly Frame[], late: (frame: Frame) => boolean, places: number): Frame[] {
  const keys = frames.map((f, i) => i + (late(f) ? places + 0.5 : 0));
  return restamped(
    frames,
    keys.map((_, i) => i).sort((a, b) => keys[a] - keys[b]),
  );
}

/** The frames in another order; the clock still goes forward. */
function restamped(frames: readonly Frame[], order: readonly number[]): Frame[] {
  return order.map((from, to) => ({ ...frames[from], seconds: frames[to].seconds, nanos: frames[to].nanos }));
}

/** A copy of `frame` with other bytes. */
export function altered(frame: Frame, change: (bytes: Uint8Array) => void): Frame {
  const buffer = Uint8Array.from(bytesOf(frame));
  change(buffer);
  return { ...frame, buffer, offset: 0, captured: buffer.length, wire: Math.max(frame.wire, buffer.length) };
}

/** A copy of `frame` with its time moved by `nanos`. */
export function later(frame: Frame, nanos: number): Frame {
  const total = frame.nanos + nanos;
  return { ...frame, seconds: frame.seconds + Math.floor(total / 1e9), nanos: total % 1e9 };
}

/** Where the TCP segment of a frame stands; undefined when it has none. */
export interface Segment {
  /** Offsets from the frame's first byte. */
  tcp: number;
  payload: number;
  payloadLength: number;
  seq: number;
  ack: number;
  flags: number;
  /** Lower and higher endpoint in words: the same for both directions. */
  flow: string;
  /** True from the first endpoint of `flow` to the second. */
  forward: boolean;
  srcPort: number;
  dstPort: number;
}

/** Reads the headers of a whole frame. */
export function segmentOf(frame: Frame): Segment | undefined {
  const d = new FrameDecoder();
  if (!d.decode(frame.buffer, frame.offset, frame.captured, frame.wire, frame.link)) return undefined;
  const base = d.bytes === frame.buffer ? frame.offset : 0;
  const size = d.v6 ? 16 : 4;
  const end = (at: number, port: number): string =>
    `${Buffer.from(d.bytes.subarray(at, at + size)).toString('hex')}:${port}`;
  const a = end(d.srcOffset, d.srcPort);
  const b = end(d.dstOffset, d.dstPort);
  return {
    tcp: d.tcpOffset - base,
    payload: d.payloadOffset - base,
    payloadLength: d.payloadLength,
    seq: d.seq,
    ack: d.ack,
    flags: d.flags,
    flow: a < b ? `${a} ${b}` : `${b} ${a}`,
    forward: a < b,
    srcPort: d.srcPort,
    dstPort: d.dstPort,
  };
}

/** Sets the TCP checksum of an IPv4 or IPv6 frame to what its bytes need (`right`), or to something else. */
export function withChecksum(frame: Frame, right: boolean): Frame {
  const d = new FrameDecoder();
  const copy = altered(frame, () => undefined);
  if (!d.decode(copy.buffer, 0, copy.captured, copy.wire, copy.link) || d.bytes !== copy.buffer) {
    throw new Error('no TCP segment in one frame');
  }
  const b = copy.buffer;
  const at = d.tcpOffset + 16;
  const size = d.v6 ? 16 : 4;
  const length = d.payloadOffset - d.tcpOffset + d.payloadLength;
  b[at] = 0;
  b[at + 1] = 0;
  let sum = 6 + length;
  sum = sum16(b, d.srcOffset, size, sum);
  sum = sum16(b, d.dstOffset, size, sum);
  const value = (~sum16(b, d.tcpOffset, length, sum) & 0xffff) ^ (right ? 0 : 0x5a5a);
  b[at] = value >> 8;
  b[at + 1] = value & 0xff;
  return copy;
}
