/** Writers of frames for tests, from the inside out; checksums are computed apart from the code under test. */

export type Bytes = Uint8Array;

export function join(...parts: readonly Bytes[]): Bytes {
  return Uint8Array.from(Buffer.concat(parts));
}

export function u16(...values: readonly number[]): Bytes {
  return Uint8Array.from(values.flatMap((value) => [(value >>> 8) & 255, value & 255]));
}

export function u32(...values: readonly number[]): Bytes {
  return join(...values.map((value) => u16(value >>> 16, value & 0xffff)));
}

export function data(length: number, first = 0): Bytes {
  return Uint8Array.from({ length }, (_, i) => first + i * 5);
}

/** RFC 1071, word by word with every carry at once. */
export function checksum(bytes: Bytes): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    sum += bytes[i] * 256 + (i + 1 < bytes.length ? bytes[i + 1] : 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum === 0 ? 0xffff : 0xffff - sum;
}

export interface TcpShape {
  srcPort?: number;
  dstPort?: number;
  seq?: number;
  ack?: number;
  flags?: number;
  options?: Bytes;
  payload?: Bytes;
}

export function tcp(shape: TcpShape = {}): Bytes {
  const { srcPort = 40000, dstPort = 3260, seq = 0xfedcba98, ack = 0x89abcdef, flags = 0x18 } = shape;
  const { options = new Uint8Array(0), payload = data(40) } = shape;
  const offset = (20 + options.length) / 4;
  const head = join(u16(srcPort, dstPort), u32(seq, ack), Uint8Array.of(offset << 4, flags), u16(501, 0, 0));
  return join(head, options, payload);
}

export interface Ipv4Shape {
  src?: readonly number[];
  dst?: readonly number[];
  protocol?: number;
  id?: number;
  /** Flags and fragment offset. */
  place?: number;
  options?: Bytes;
  /** Instead of the true one. */
  totalLength?: number;
  checksum?: number;
}

export const HOST = [10, 66, 0, 1];
export const TARGET = [10, 66, 0, 2];

export function ipv4(body: Bytes, shape: Ipv4Shape = {}): Bytes {
  const { src = HOST, dst = TARGET, protocol = 6, id = 7, place = 0, options = new Uint8Array(0) } = shape;
  const header = 20 + options.length;
  const { totalLength = header + body.length } = shape;
  const head = join(
    Uint8Array.of(0x40 | (header / 4), 0),
    u16(totalLength, id, place),
    Uint8Array.of(64, protocol, 0, 0, ...src, ...dst),
    options,
  );
  const sum = shape.checksum ?? checksum(head);
  head[10] = sum >>> 8;
  head[11] = sum & 255;
  return join(head, body);
}

export const HOST6 = Array.from({ length: 16 }, (_, i) => 0xa0 + i);
export const TARGET6 = Array.from({ length: 16 }, (_, i) => 0xc0 + i);

export function ipv6(body: Bytes, next = 6, payloadLength = body.length): Bytes {
  return join(u32(0x60012345), u16(payloadLength), Uint8Array.of(next, 64, ...HOST6, ...TARGET6), body);
}

/** An extension header of `words` eight-byte words. */
export function extension(next: number, words: number): Bytes {
  return join(Uint8Array.of(next, words - 1), new Uint8Array(words * 8 - 2));
}

export function fragment6(next: number, offset: number, more: boolean, id: number): Bytes {
  return join(Uint8Array.of(next, 0), u16(offset | (more ? 1 : 0)), u32(id));
}

export function ethernet(body: Bytes, type = 0x0800): Bytes {
  return join(data(12, 2), u16(type), body);
}

export function tag(body: Bytes, type: number): Bytes {
  return join(u16(0x2064, type), body);
}

export function udp(body: Bytes, dstPort: number): Bytes {
  return join(u16(50000, dstPort, body.length + 8, 0), body);
}

export function vxlan(frame: Bytes): Bytes {
  return udp(join(Uint8Array.of(8, 0, 0, 0, 0, 0, 42, 0), frame), 4789);
}

export function geneve(body: Bytes, type: number, options: Bytes = new Uint8Array(0)): Bytes {
  return udp(join(Uint8Array.of(options.length / 4, 0), u16(type), u32(0x2a00), options, body), 6081);
}

export function gre(body: Bytes, type: number, flags = 0): Bytes {
  const optional = [0x8000, 0x2000, 0x1000].filter((flag) => (flags & flag) !== 0).length;
  return join(u16(flags, type), data(optional * 4, 9), body);
}
