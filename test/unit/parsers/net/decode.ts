import assert from 'node:assert/strict';
import { FrameDecoder } from '../../../../parsers/net/decoder.ts';
import { copyOf } from '../../../../src/base/bytes.ts';
import { type Bytes, data, HOST, HOST6, ipv4, ipv6, join, TARGET, TARGET6, tcp } from './build.ts';

export const ETHERNET = 1;
export const payload = data(40);
/** The usual segment, over IPv4 and over IPv6. */
export const packet = ipv4(tcp({ payload }));
export const packet6 = ipv6(tcp({ payload }));

export interface Look {
  link?: number;
  captured?: number;
  wire?: number;
}

/** Decodes a frame that lies amid other bytes, so that an offset that is off shows. */
export function decodeInto(decoder: FrameDecoder, frame: Bytes, look: Look = {}): boolean {
  const { link = ETHERNET, captured = frame.length, wire = frame.length } = look;
  const bytes = join(data(13, 77), frame.subarray(0, captured), data(64, 99));
  return decoder.decode(bytes, 13, captured, wire, link);
}

export function decode(frame: Bytes, look: Look = {}): { found: boolean; d: FrameDecoder } {
  const d = new FrameDecoder();
  return { found: decodeInto(d, frame, look), d };
}

/** The decoder's fields describe the usual segment, whole. */
export function assertUsual(d: FrameDecoder): void {
  const [src, dst] = d.v6 ? [HOST6, TARGET6] : [HOST, TARGET];
  assert.deepEqual([...d.bytes.subarray(d.srcOffset, d.srcOffset + src.length)], src);
  assert.deepEqual([...d.bytes.subarray(d.dstOffset, d.dstOffset + dst.length)], dst);
  assert.deepEqual([d.srcPort, d.dstPort, d.seq, d.ack, d.flags], [40000, 3260, 0xfedcba98, 0x89abcdef, 0x18]);
  assert.deepEqual([d.payloadLength, d.payloadCaptured], [40, 40]);
  assert.deepEqual(copyOf(d.bytes, d.payloadOffset, d.payloadOffset + 40), payload);
  assert.deepEqual([d.bytes[d.tcpOffset], d.bytes[d.tcpOffset + 1]], [40000 >> 8, 40000 & 255]);
}

export function assertSegment(frame: Bytes, link = ETHERNET): FrameDecoder {
  const { found, d } = decode(frame, { link });
  assert.equal(found, true);
  assertUsual(d);
  return d;
}

/** What was counted, without the counters that are 0. */
export function counts(d: FrameDecoder): Record<string, number> {
  const { nonIp, notTcp, unknownLink, tunnelled, fragments, fragmentsDropped, malformed, truncated } = d;
  const all = { nonIp, notTcp, unknownLink, tunnelled, fragments, fragmentsDropped, malformed, truncated };
  return Object.fromEntries(Object.entries(all).filter(([, count]) => count > 0));
}
