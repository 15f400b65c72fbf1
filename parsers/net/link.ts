import { CUT, leadsTo, leadsToIp, OTHER, TYPE_ETHERNET, TYPE_IPV4, TYPE_IPV6 } from './header.ts';

/** LINKTYPE_ values (the tcpdump.org registry) of the links that are understood. */
export const LINK_NULL = 0;
export const LINK_ETHERNET = 1;
const LINK_RAW = 101;
const LINK_LOOP = 108;
const LINK_SLL = 113;
const LINK_IPV4 = 228;
const LINK_IPV6 = 229;
const LINK_SLL2 = 276;

export function knownLink(link: number): boolean {
  switch (link) {
    case LINK_NULL:
    case LINK_ETHERNET:
    case 12: // DLT_RAW where it was written as it is
    case 14: // the same on OpenBSD
    case LINK_RAW:
    case LINK_LOOP:
    case LINK_SLL:
    case LINK_IPV4:
    case LINK_IPV6:
    case LINK_SLL2:
      return true;
    default:
      return false;
  }
}

/** The link-layer header of the frame `bytes[at, end)`, as a code of `header.ts`. */
export function linkHeader(bytes: Uint8Array, at: number, end: number, link: number): number {
  switch (link) {
    case LINK_ETHERNET:
      return leadsTo(0, TYPE_ETHERNET);
    case LINK_NULL:
    case LINK_LOOP:
      return familyHeader(bytes, at, end);
    case LINK_SLL:
      return end - at < 16 ? CUT : leadsTo(16, (bytes[at + 14] << 8) | bytes[at + 15]);
    case LINK_SLL2:
      return end - at < 20 ? CUT : leadsTo(20, (bytes[at] << 8) | bytes[at + 1]);
    case LINK_RAW:
    case LINK_IPV4:
    case LINK_IPV6:
    case 12:
    case 14:
      return leadsToIp(bytes, at, end, 0);
    default:
      return OTHER;
  }
}

/** BSD loopback: an address family in the byte order of the machine (LOOP: of the network), of which one byte is not 0. */
function familyHeader(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < 4) return CUT;
  if (bytes[at + 1] !== 0 || bytes[at + 2] !== 0) return OTHER;
  switch (bytes[at] | bytes[at + 3]) {
    case 2:
      return leadsTo(4, TYPE_IPV4);
    case 10: // Linux
    case 24: // NetBSD, OpenBSD
    case 28: // FreeBSD
    case 30: // macOS
      return leadsTo(4, TYPE_IPV6);
    default:
      return OTHER;
  }
}

/** What may stand between a link layer and IP: an Ethernet header, VLAN tags, MPLS labels, a PPPoE session. */
export function betweenHeader(bytes: Uint8Array, at: number, end: number, type: number): number {
  switch (type) {
    case TYPE_ETHERNET:
      return end - at < 14 ? CUT : leadsTo(14, (bytes[at + 12] << 8) | bytes[at + 13]);
    case 0x8100: // IEEE 802.1Q
    case 0x88a8: // IEEE 802.1ad
    case 0x9100:
    case 0x9200:
      return end - at < 4 ? CUT : leadsTo(4, (bytes[at + 2] << 8) | bytes[at + 3]);
    case 0x8847:
    case 0x8848:
      return mplsHeader(bytes, at, end);
    case 0x8864:
      return pppoeHeader(bytes, at, end);
    default:
      return OTHER;
  }
}

/** RFC 3032: labels up to the one that ends the stack, then the packet itself. */
function mplsHeader(bytes: Uint8Array, at: number, end: number): number {
  for (let length = 4; length <= 64; length += 4) {
    if (at + length > end) return CUT;
    if ((bytes[at + length - 2] & 1) === 1) return leadsToIp(bytes, at, end, length);
  }
  return OTHER;
}

/** RFC 2516 section 4: six bytes, then the PPP protocol. */
function pppoeHeader(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < 8) return CUT;
  if (bytes[at] !== 0x11 || bytes[at + 1] !== 0) return OTHER;
  const protocol = (bytes[at + 6] << 8) | bytes[at + 7];
  return protocol === 0x0021 ? leadsTo(8, TYPE_IPV4) : protocol === 0x0057 ? leadsTo(8, TYPE_IPV6) : OTHER;
}
