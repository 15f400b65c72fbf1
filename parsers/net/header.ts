/**
 * Headers that only lead to the next one. Each reader answers with one number, so that nothing is allocated: the length of
 * the header and the EtherType of what follows it (see `headerLength` and `followingType`), or one of the negative verdicts.
 */

/** This header leads to nothing that can carry TCP. */
export const OTHER = -1;
/** The captured bytes end inside the header. */
export const CUT = -2;

export const TYPE_IPV4 = 0x0800;
export const TYPE_IPV6 = 0x86dd;
/** Transparent Ethernet bridging: an Ethernet header follows. */
export const TYPE_ETHERNET = 0x6558;

export function leadsTo(length: number, type: number): number {
  return (length << 16) | type;
}

export function headerLength(code: number): number {
  return code >>> 16;
}

export function followingType(code: number): number {
  return code & 0xffff;
}

/** An IP packet whose own first four bits tell the version, behind a header of `length` bytes. */
export function leadsToIp(bytes: Uint8Array, at: number, end: number, length: number): number {
  if (at + length >= end) return CUT;
  const version = bytes[at + length] >>> 4;
  return version === 4 ? leadsTo(length, TYPE_IPV4) : version === 6 ? leadsTo(length, TYPE_IPV6) : OTHER;
}
