import { ipv4HeaderOk } from './checksum.ts';
import { DATAGRAM_BODY, DATAGRAM_DST, DATAGRAM_SRC, FragmentTable, WAITING } from './fragments.ts';
import { CUT, followingType, headerLength, OTHER, TYPE_IPV4, TYPE_IPV6 } from './header.ts';
import { betweenHeader, knownLink, LINK_ETHERNET, linkHeader } from './link.ts';
import { greTunnel, udpTunnel } from './tunnels.ts';

const MAX_TUNNELS = 4;
/** VLAN tags and the like between two layers. */
const MAX_BETWEEN = 16;
const MAX_EXTENSIONS = 16;
/** A frame that was captured before segmentation may leave its length out; none is longer than this. */
const MAX_UNSEGMENTED = 1 << 20;
const MAX_WIRE = 1 << 24;

const PROTO_TCP = 6;
const PROTO_UDP = 17;

/**
 * Finds the TCP segment in a captured frame. `decode` fills the public fields and allocates nothing; it reads no byte
 * outside the frame, and makes no sense of nonsense: then it answers false and counts why.
 */
export class FrameDecoder {
  /** Where the offsets below point into: the frame's bytes, or the decoder's own where fragments were put together. */
  bytes: Uint8Array = new Uint8Array(0);
  /** True when `bytes` is the decoder's own: valid until the next `decode` only. */
  transient = false;
  v6 = false;
  /** The addresses: 4 bytes each, 16 with `v6`. */
  srcOffset = 0;
  dstOffset = 0;
  srcPort = 0;
  dstPort = 0;
  /** Unsigned 32-bit numbers. */
  seq = 0;
  ack = 0;
  /** CWR ECE URG ACK PSH RST SYN FIN, from bit 7 down (RFC 9293 section 3.1). */
  flags = 0;
  /** The TCP header. Its options end at `payloadOffset`, earlier than the header says where they were cut. */
  tcpOffset = 0;
  payloadOffset = 0;
  /** Payload bytes on the wire, and those of them that were captured. */
  payloadLength = 0;
  payloadCaptured = 0;
  /** A 32-bit mix of addresses and ports, the same in both directions. */
  flowHash = 0;

  /** Frames that carry no TCP: no IP in them, or something else over IP. */
  nonIp = 0;
  notTcp = 0;
  /** Frames of a link type that is not understood (also counted in `nonIp`). */
  unknownLink = 0;
  /** Frames in a tunnel. */
  tunnelled = 0;
  /** Fragments of IP datagrams. */
  fragments = 0;
  /** Frames whose headers contradict themselves. */
  malformed = 0;
  /** Frames whose headers the snap length cut. */
  truncated = 0;
  /** Whether IPv4 header checksums are verified; a frame with a wrong one is malformed then. */
  verifyIp = false;

  readonly #fragments = new FragmentTable();
  #frames = 0;
  #tunnels = 0;

  /** Fragments that ended in no datagram: contradictory, incomplete for too long, or crowded out. */
  get fragmentsDropped(): number {
    return this.#fragments.dropped;
  }

  /**
   * Decodes the frame of `captured` bytes at `bytes[offset]`, all of which exist, with `wire` bytes on the wire and the
   * LINKTYPE_ value `link`. True when the fields describe a TCP segment.
   */
  decode(bytes: Uint8Array, offset: number, captured: number, wire: number, link: number): boolean {
    const end = offset + captured;
    const wireEnd = offset + (wire > MAX_WIRE ? MAX_WIRE : Math.max(wire, captured));
    this.#frames++;
    this.#tunnels = 0;
    this.transient = false;
    if (link === LINK_ETHERNET && captured >= 34 && bytes[offset + 12] === 8 && bytes[offset + 13] === 0) {
      return this.#ipv4(bytes, offset + 14, end, wireEnd);
    }
    const code = linkHeader(bytes, offset, end, link);
    if (code === OTHER && !knownLink(link)) this.unknownLink++;
    return this.#follow(code, bytes, offset, end, wireEnd);
  }

  /** Goes on behind a header that was read into a code. */
  #follow(code: number, bytes: Uint8Array, start: number, end: number, wireEnd: number): boolean {
    let at = start;
    let header = code;
    for (let n = 0; n < MAX_BETWEEN; n++) {
      if (header < 0) return header === CUT ? this.#cut(end, wireEnd) : this.#notIp();
      at += headerLength(header);
      if (at > end) return this.#cut(end, wireEnd);
      const type = followingType(header);
      if (type === TYPE_IPV4) return this.#ipv4(bytes, at, end, wireEnd);
      if (type === TYPE_IPV6) return this.#ipv6(bytes, at, end, wireEnd);
      header = betweenHeader(bytes, at, end, type);
    }
    return this.#notIp();
  }

  /** RFC 791 section 3.1. */
  #ipv4(bytes: Uint8Array, at: number, frameEnd: number, frameWireEnd: number): boolean {
    if (frameEnd - at < 20) return this.#cut(frameEnd, frameWireEnd);
    const first = bytes[at];
    const header = (first & 15) << 2;
    let length = (bytes[at + 2] << 8) | bytes[at + 3];
    if (length === 0) {
      length = frameWireEnd - at;
      if (length > MAX_UNSEGMENTED) return this.#bad();
    }
    if (first >>> 4 !== 4 || header < 20 || length < header) return this.#bad();
    const wireEnd = at + length;
    const end = Math.min(frameEnd, wireEnd);
    const body = at + header;
    if (body > end) return this.#cut(end, wireEnd);
    if (this.verifyIp && !ipv4HeaderOk(bytes, at, header)) return this.#bad();
    this.v6 = false;
    this.srcOffset = at + 12;
    this.dstOffset = at + 16;
    const place = (bytes[at + 6] << 8) | bytes[at + 7];
    const protocol = bytes[at + 9];
    if ((place & 0x3fff) !== 0) {
      const id = (bytes[at + 4] << 8) | bytes[at + 5];
      return this.#fragment(bytes, protocol, id, (place & 0x1fff) * 8, (place & 0x2000) !== 0, body, end, wireEnd);
    }
    if (protocol === PROTO_TCP) return this.#tcp(bytes, body, end, wireEnd);
    return this.#upper(protocol, bytes, body, end, wireEnd);
  }

  /** RFC 8200 section 3. */
  #ipv6(bytes: Uint8Array, at: number, frameEnd: number, frameWireEnd: number): boolean {
    if (frameEnd - at < 40) return this.#cut(frameEnd, frameWireEnd);
    if (bytes[at] >>> 4 !== 6) return this.#bad();
    let length = (bytes[at + 4] << 8) | bytes[at + 5];
    if (length === 0) {
      // A jumbo payload (RFC 2675) or one captured before segmentation: as long as the frame is.
      length = frameWireEnd - at - 40;
      if (length > MAX_UNSEGMENTED) return this.#bad();
    }
    const wireEnd = at + 40 + length;
    this.v6 = true;
    this.srcOffset = at + 8;
    this.dstOffset = at + 24;
    return this.#upper(bytes[at + 6], bytes, at + 40, Math.min(frameEnd, wireEnd), wireEnd);
  }

  /** What IP carries: extension headers (RFC 8200 section 4) up to TCP or a tunnel. */
  #upper(protocol: number, bytes: Uint8Array, start: number, end: number, wireEnd: number): boolean {
    let next = protocol;
    let at = start;
    for (let n = 0; n < MAX_EXTENSIONS; n++) {
      switch (next) {
        case PROTO_TCP:
          return this.#tcp(bytes, at, end, wireEnd);
        case PROTO_UDP:
          return this.#tunnel(udpTunnel(bytes, at, end), bytes, at, end, wireEnd);
        case 47:
          return this.#tunnel(greTunnel(bytes, at, end), bytes, at, end, wireEnd);
        case 4:
          return this.#tunnel(TYPE_IPV4, bytes, at, end, wireEnd);
        case 41:
          return this.#tunnel(TYPE_IPV6, bytes, at, end, wireEnd);
        case 44: {
          if (!this.v6) return this.#notTcp();
          if (end - at < 8) return this.#cut(end, wireEnd);
          const place = (bytes[at + 2] << 8) | bytes[at + 3];
          if ((place & 0xfff9) !== 0) {
            const id = (bytes[at + 4] << 24) | (bytes[at + 5] << 16) | (bytes[at + 6] << 8) | bytes[at + 7];
            return this.#fragment(bytes, bytes[at], id, place & 0xfff8, (place & 1) !== 0, at + 8, end, wireEnd);
          }
          next = bytes[at];
          at += 8;
          break;
        }
        case 51: // Authentication Header (RFC 4302 section 2.2): its length counts words, less two.
          if (end - at < 8) return this.#cut(end, wireEnd);
          next = bytes[at];
          at += (bytes[at + 1] + 2) * 4;
          break;
        case 0: // hop-by-hop options
        case 43: // routing
        case 60: // destination options
        case 135: // mobility
          if (!this.v6) return this.#notTcp();
          if (end - at < 8) return this.#cut(end, wireEnd);
          next = bytes[at];
          at += (bytes[at + 1] + 1) * 8;
          break;
        default:
          return this.#notTcp();
      }
      if (at > end) return this.#cut(end, wireEnd);
    }
    return this.#bad();
  }

  #tunnel(code: number, bytes: Uint8Array, at: number, end: number, wireEnd: number): boolean {
    if (code === OTHER) return this.#notTcp();
    if (code !== CUT) {
      if (this.#tunnels === 0) this.tunnelled++;
      if (++this.#tunnels > MAX_TUNNELS) return this.#notTcp();
    }
    return this.#follow(code, bytes, at, end, wireEnd);
  }

  #fragment(
    bytes: Uint8Array,
    protocol: number,
    id: number,
    start: number,
    more: boolean,
    body: number,
    end: number,
    wireEnd: number,
  ): boolean {
    this.fragments++;
    const fragments = this.#fragments;
    const { srcOffset, dstOffset, v6 } = this;
    const length = wireEnd - body;
    const whole = fragments.add(
      bytes,
      srcOffset,
      dstOffset,
      v6,
      protocol,
      id,
      start,
      more,
      body,
      end - body,
      length,
      this.#frames,
    );
    if (whole === WAITING) return false;
    this.transient = true;
    this.srcOffset = DATAGRAM_SRC;
    this.dstOffset = DATAGRAM_DST;
    const total = DATAGRAM_BODY + fragments.total(whole);
    const captured = DATAGRAM_BODY + fragments.captured(whole);
    return this.#upper(fragments.protocol(whole), fragments.buffer(whole), DATAGRAM_BODY, captured, total);
  }

  /** RFC 9293 section 3.1. */
  #tcp(bytes: Uint8Array, at: number, end: number, wireEnd: number): boolean {
    if (end - at < 20) return this.#cut(end, wireEnd);
    const header = (bytes[at + 12] >>> 4) << 2;
    const payload = at + header;
    if (header < 20 || payload > wireEnd) return this.#bad();
    const srcPort = (bytes[at] << 8) | bytes[at + 1];
    const dstPort = (bytes[at + 2] << 8) | bytes[at + 3];
    this.bytes = bytes;
    this.srcPort = srcPort;
    this.dstPort = dstPort;
    this.seq = ((bytes[at + 4] << 24) | (bytes[at + 5] << 16) | (bytes[at + 6] << 8) | bytes[at + 7]) >>> 0;
    this.ack = ((bytes[at + 8] << 24) | (bytes[at + 9] << 16) | (bytes[at + 10] << 8) | bytes[at + 11]) >>> 0;
    this.flags = bytes[at + 13];
    this.tcpOffset = at;
    this.payloadLength = wireEnd - payload;
    const kept = Math.min(payload, end);
    this.payloadOffset = kept;
    this.payloadCaptured = end - kept;
    this.flowHash = this.v6
      ? hash6(bytes, this.srcOffset, srcPort, this.dstOffset, dstPort)
      : hash4(bytes, this.srcOffset, srcPort, this.dstOffset, dstPort);
    return true;
  }

  /** The captured bytes end inside a header: cut by the snap length, or too short from the start. */
  #cut(end: number, wireEnd: number): boolean {
    if (end < wireEnd) this.truncated++;
    else this.malformed++;
    return false;
  }

  #bad(): boolean {
    this.malformed++;
    return false;
  }

  #notIp(): boolean {
    this.nonIp++;
    return false;
  }

  #notTcp(): boolean {
    this.notTcp++;
    return false;
  }
}

/** Mixed before they are added, so that two ends do not cancel each other out. */
function endpoint(address: number, port: number): number {
  const mixed = Math.imul(address ^ Math.imul(port + 1, 0x9e3779b1), 0x85ebca6b);
  return Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
}

function hash4(bytes: Uint8Array, src: number, srcPort: number, dst: number, dstPort: number): number {
  const sum = (endpoint(word(bytes, src), srcPort) + endpoint(word(bytes, dst), dstPort)) | 0;
  return sum ^ (sum >>> 13);
}

function hash6(bytes: Uint8Array, src: number, srcPort: number, dst: number, dstPort: number): number {
  const sum = (endpoint(folded(bytes, src), srcPort) + endpoint(folded(bytes, dst), dstPort)) | 0;
  return sum ^ (sum >>> 13);
}

function folded(bytes: Uint8Array, at: number): number {
  let mixed = word(bytes, at);
  for (let i = 4; i < 16; i += 4) mixed = Math.imul(mixed ^ (mixed >>> 16), 0x7feb352d) ^ word(bytes, at + i);
  return mixed;
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}
