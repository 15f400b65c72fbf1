import { CUT, leadsTo, leadsToIp, OTHER, TYPE_ETHERNET } from './header.ts';

const PORT_VXLAN = 4789;
/** What Linux used before the number was assigned. */
const PORT_VXLAN_LINUX = 8472;
const PORT_GENEVE = 6081;

const GRE_CHECKSUM = 0x8000;
const GRE_ROUTING = 0x4000;
const GRE_KEY = 0x2000;
const GRE_SEQUENCE = 0x1000;

/** A UDP header at `at` and the tunnel header behind it, as a code of `header.ts`. */
export function udpTunnel(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < 8) return CUT;
  const port = (bytes[at + 2] << 8) | bytes[at + 3];
  if (port === PORT_VXLAN || port === PORT_VXLAN_LINUX) {
    if (end - at < 16) return CUT;
    // RFC 7348 section 5: the I flag is always set.
    return (bytes[at + 8] & 0x08) !== 0 ? leadsTo(16, TYPE_ETHERNET) : OTHER;
  }
  if (port === PORT_GENEVE) {
    // RFC 8926 section 3.4: version, length of the options in words, protocol type.
    if (end - at < 16) return CUT;
    if (bytes[at + 8] >>> 6 !== 0) return OTHER;
    return leadsTo(16 + (bytes[at + 8] & 0x3f) * 4, (bytes[at + 10] << 8) | bytes[at + 11]);
  }
  return OTHER;
}

/** A GRE header (RFC 2784, RFC 2890) and an ERSPAN header behind it, as a code of `header.ts`. */
export function greTunnel(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < 4) return CUT;
  const flags = (bytes[at] << 8) | bytes[at + 1];
  const type = (bytes[at + 2] << 8) | bytes[at + 3];
  if ((flags & 7) !== 0 || (flags & GRE_ROUTING) !== 0) return OTHER;
  let length = 4;
  if ((flags & GRE_CHECKSUM) !== 0) length += 4;
  if ((flags & GRE_KEY) !== 0) length += 4;
  if ((flags & GRE_SEQUENCE) !== 0) length += 4;
  if (type === 0x88be) {
    // draft-foschiano-erspan: type I has no sequence number and no header of its own, type II has both.
    return leadsTo((flags & GRE_SEQUENCE) === 0 ? length : length + 8, TYPE_ETHERNET);
  }
  if (type === 0x22eb) return erspan3(bytes, at, end, length);
  return leadsTo(length, type);
}

/** ERSPAN type III: twelve bytes, eight more when the O bit says so; frame type 0 is Ethernet, 2 is IP. */
function erspan3(bytes: Uint8Array, at: number, end: number, gre: number): number {
  const header = at + gre;
  if (header + 12 > end) return CUT;
  const length = gre + ((bytes[header + 11] & 1) !== 0 ? 20 : 12);
  const kind = (bytes[header + 10] >>> 2) & 0x1f;
  if (kind === 0) return leadsTo(length, TYPE_ETHERNET);
  return kind === 2 ? leadsToIp(bytes, at, end, length) : OTHER;
}
