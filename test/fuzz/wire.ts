import { sum16 } from '../../parsers/net/checksum.ts';

/** Where the layers of an Ethernet frame with TCP over IPv4 lie; offsets from the frame's first byte. */
export interface Layers {
  ip: number;
  ipEnd: number;
  tcp: number;
  payload: number;
}

/** The layers of a plain frame as the captures hold them; undefined for anything else than TCP over IPv4 over Ethernet. */
export function layersOf(b: Uint8Array, at: number, length: number): Layers | undefined {
  if (length < 54 || b[at + 12] !== 8 || b[at + 13] !== 0 || b[at + 14] >>> 4 !== 4 || b[at + 23] !== 6)
    return undefined;
  const tcp = 14 + ((b[at + 14] & 15) << 2);
  const ipEnd = 14 + ((b[at + 16] << 8) | b[at + 17]);
  const payload = tcp + ((b[at + tcp + 12] >>> 4) << 2);
  return ipEnd > length || payload > ipEnd ? undefined : { ip: 14, ipEnd, tcp, payload };
}

export function put16(b: Uint8Array, at: number, value: number): void {
  b[at] = value >>> 8;
  b[at + 1] = value;
}

export function put32(b: Uint8Array, at: number, value: number): void {
  put16(b, at, value >>> 16);
  put16(b, at + 2, value & 0xffff);
}

export function get32(b: Uint8Array, at: number): number {
  return ((b[at] << 24) | (b[at + 1] << 16) | (b[at + 2] << 8) | b[at + 3]) >>> 0;
}

/** Sets the IPv4 header checksum of the header at `at`. */
export function sealIp(b: Uint8Array, at: number): void {
  put16(b, at + 10, 0);
  put16(b, at + 10, ~sum16(b, at, (b[at] & 15) << 2, 0) & 0xffff);
}

function pseudo(b: Uint8Array, ip: number, tcpLength: number): number {
  return sum16(b, ip + 12, 8, 6 + tcpLength);
}

/** Sets the TCP checksum of the segment of `length` bytes at `tcp`, whose IPv4 header lies at `ip`. */
export function sealTcp(b: Uint8Array, ip: number, tcp: number, length: number): void {
  put16(b, tcp + 16, 0);
  put16(b, tcp + 16, ~sum16(b, tcp, length, pseudo(b, ip, length)) & 0xffff);
}

/** What a receiver makes of the TCP checksum; `blank` is one that a network card was still to fill in. */
export function tcpChecksum(b: Uint8Array, ip: number, tcp: number, length: number): 'right' | 'wrong' | 'blank' {
  const sum = pseudo(b, ip, length);
  if (sum16(b, tcp, length, sum) === 0xffff) return 'right';
  return ((b[tcp + 16] << 8) | b[tcp + 17]) === sum ? 'blank' : 'wrong';
}

/** An Ethernet and an IPv4 header for `length` bytes of `protocol`, written at `at`; returns where the body goes. */
export function outer(b: Uint8Array, at: number, protocol: number, length: number): number {
  b.fill(0, at, at + 34);
  b[at] = 2;
  b[at + 6] = 2;
  b[at + 12] = 8;
  b[at + 14] = 0x45;
  put16(b, at + 16, length + 20);
  b[at + 22] = 64;
  b[at + 23] = protocol;
  put32(b, at + 26, 0x0a000001);
  put32(b, at + 30, 0x0a000002);
  sealIp(b, at + 14);
  return at + 34;
}
