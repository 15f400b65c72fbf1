import assert from 'node:assert/strict';
import fc from 'fast-check';
import { FrameDecoder } from '../../../../parsers/net/decoder.ts';
import {
  type Bytes,
  data,
  ethernet,
  extension,
  fragment6,
  HOST,
  ipv4,
  ipv6,
  join,
  TARGET,
  tag,
  tcp,
  u16,
  u32,
  udp,
} from './build.ts';
import { assertSegment, counts, decode, decodeInto, packet, packet6, payload } from './decode.ts';

const sll = (type: number, body: Bytes) => join(u16(0, 1, 6), data(8), u16(type), body);
const sll2 = (type: number, body: Bytes) => join(u16(type, 0), u32(3), u16(1), data(10), body);
const pppoe = (protocol: number, body: Bytes) => join(Uint8Array.of(0x11, 0), u16(9, body.length + 2, protocol), body);

describe('A1 links (the tcpdump.org registry)', () => {
  const links: [string, Bytes, number][] = [
    ['Ethernet', ethernet(packet), 1],
    ['Ethernet, IPv6', ethernet(packet6, 0x86dd), 1],
    ['802.1Q', ethernet(tag(packet, 0x0800), 0x8100), 1],
    ['802.1ad and 802.1Q', ethernet(tag(tag(packet, 0x0800), 0x8100), 0x88a8), 1],
    ['four tags of every kind', ethernet(tag(tag(tag(tag(packet6, 0x86dd), 0x8100), 0x9200), 0x9100), 0x88a8), 1],
    ['SLL', sll(0x0800, packet), 113],
    ['SLL, IPv6', sll(0x86dd, packet6), 113],
    ['SLL with a VLAN tag', sll(0x8100, tag(packet, 0x0800)), 113],
    ['SLL2', sll2(0x0800, packet), 276],
    ['SLL2, IPv6 with a VLAN tag', sll2(0x8100, tag(packet6, 0x86dd)), 276],
    ['raw IP', packet, 101],
    ['raw IP, IPv6', packet6, 101],
    ['raw IP as 12', packet, 12],
    ['raw IP as 14', packet6, 14],
    ['IPv4', packet, 228],
    ['IPv6', packet6, 229],
    ['NULL, little-endian', join(Uint8Array.of(2, 0, 0, 0), packet), 0],
    ['NULL, big-endian', join(Uint8Array.of(0, 0, 0, 2), packet), 0],
    ['NULL, IPv6 of macOS', join(Uint8Array.of(30, 0, 0, 0), packet6), 0],
    ['NULL, IPv6 of FreeBSD, big-endian', join(Uint8Array.of(0, 0, 0, 28), packet6), 0],
    ['LOOP', join(u32(2), packet), 108],
    ['LOOP, IPv6 of OpenBSD', join(u32(24), packet6), 108],
    ['MPLS (RFC 3032 section 2.1)', ethernet(join(u32(0x12345040, 0x54321140), packet), 0x8847), 1],
    ['PPPoE (RFC 2516 section 4)', ethernet(pppoe(0x0021, packet), 0x8864), 1],
    ['PPPoE, IPv6', ethernet(pppoe(0x0057, packet6), 0x8864), 1],
  ];
  for (const [name, frame, link] of links) {
    it(`reads ${name}`, () => {
      const d = assertSegment(frame, link);
      assert.deepEqual(counts(d), {});
      assert.equal(d.transient, false);
    });

    it(`tells ${name} that was cut anywhere in its headers`, () => {
      const headers = frame.length - payload.length;
      for (let captured = 0; captured < headers; captured++) {
        const { found, d } = decode(frame, { link, captured });
        assert.equal(found, false);
        assert.deepEqual(counts(d), { truncated: 1 });
        // Nothing is missing from a frame that was that short on the wire: it is nonsense, or no IP at all.
        const short = decode(frame, { link, captured, wire: captured });
        assert.equal(short.found, false);
        assert.equal(short.d.malformed + short.d.truncated, 1);
      }
      for (let captured = headers; captured <= frame.length; captured++) {
        const { found, d } = decode(frame, { link, captured });
        assert.equal(found, true);
        assert.deepEqual([d.payloadLength, d.payloadCaptured], [40, captured - headers]);
      }
    });
  }

  it('counts what carries no IP, and links that are not known', () => {
    assert.deepEqual(counts(decode(ethernet(data(28), 0x0806)).d), { nonIp: 1 });
    assert.deepEqual(counts(decode(ethernet(data(60), 60)).d), { nonIp: 1 });
    assert.deepEqual(counts(decode(data(60), { link: 147 }).d), { nonIp: 1, unknownLink: 1 });
    assert.deepEqual(counts(decode(join(Uint8Array.of(7, 0, 0, 0), packet), { link: 0 }).d), { nonIp: 1 });
    assert.deepEqual(counts(decode(Uint8Array.of(0x50, 1, 2), { link: 101 }).d), { nonIp: 1 });
  });

  it('counts what carries no TCP', () => {
    assert.deepEqual(counts(decode(ethernet(ipv4(data(8), { protocol: 1 }))).d), { notTcp: 1 });
    assert.deepEqual(counts(decode(ethernet(ipv4(udp(data(30), 53), { protocol: 17 }))).d), { notTcp: 1 });
    assert.deepEqual(counts(decode(ethernet(ipv6(new Uint8Array(0), 59), 0x86dd)).d), { notTcp: 1 });
  });
});

describe('A1 IP and TCP headers', () => {
  it('cuts padding and trailers off by the IP length', () => {
    const { found, d } = decode(ethernet(join(ipv4(tcp({ payload: data(3) })), data(11, 5))));
    assert.deepEqual([found, d.payloadLength, d.payloadCaptured], [true, 3, 3]);
    const six = decode(ethernet(join(ipv6(tcp({ payload: data(0) })), data(4)), 0x86dd));
    assert.deepEqual([six.found, six.d.payloadLength, six.d.payloadCaptured], [true, 0, 0]);
  });

  it('takes the length of the frame where segmentation offload left the IP length 0', () => {
    const big = tcp({ payload: data(70000) });
    for (const frame of [ethernet(ipv4(big, { totalLength: 0 })), ethernet(ipv6(big, 6, 0), 0x86dd)]) {
      const { found, d } = decode(frame);
      assert.deepEqual([found, d.payloadLength, d.payloadCaptured], [true, 70000, 70000]);
      const cut = decode(frame, { captured: frame.length - 69000 });
      assert.deepEqual([cut.found, cut.d.payloadLength, cut.d.payloadCaptured], [true, 70000, 1000]);
      assert.deepEqual(counts(decode(frame, { wire: 1 << 30 }).d), { malformed: 1 });
    }
  });

  it('reads a jumbo payload behind its hop-by-hop header (RFC 2675)', () => {
    const jumbo = join(Uint8Array.of(6, 0, 0xc2, 4), u32(70068), tcp({ payload: data(70000) }));
    const { found, d } = decode(ethernet(ipv6(jumbo, 0, 0), 0x86dd));
    assert.deepEqual([found, d.payloadLength], [true, 70000]);
  });

  it('believes the IP length where the frame is shorter: the rest is missing, not absent', () => {
    const { found, d } = decode(ethernet(packet), { captured: 60, wire: 60 });
    assert.deepEqual([found, d.payloadLength, d.payloadCaptured], [true, 40, 6]);
  });

  it('reads IPv4 options (RFC 791 section 3.1) and TCP options (RFC 9293 section 3.1)', () => {
    const d = assertSegment(ethernet(ipv4(tcp({ payload, options: data(12) }), { options: data(40) })));
    assert.equal(d.payloadOffset - d.tcpOffset, 32);
  });

  it('keeps the header of a segment whose options were cut', () => {
    const frame = ethernet(ipv4(tcp({ payload, options: data(12) })));
    const { found, d } = decode(frame, { captured: 14 + 20 + 25 });
    assert.deepEqual([found, d.payloadLength, d.payloadCaptured, d.payloadOffset - d.tcpOffset], [true, 40, 0, 25]);
  });

  it('walks IPv6 extension headers (RFC 8200 section 4)', () => {
    const ah = join(Uint8Array.of(6, 4), data(22)); // RFC 4302: 24 bytes are 6 words, less 2
    const chain = join(extension(60, 1), extension(43, 2), extension(44, 3), fragment6(51, 0, false, 1), ah);
    assertSegment(ethernet(ipv6(join(chain, tcp({ payload })), 0), 0x86dd));
    const { found, d } = decode(ethernet(ipv6(join(chain, tcp({ payload })), 0), 0x86dd), { captured: 70 });
    assert.equal(found, false);
    assert.deepEqual(counts(d), { truncated: 1 });
  });

  it('reads an Authentication Header over IPv4', () => {
    assertSegment(ethernet(ipv4(join(Uint8Array.of(6, 4), data(22), tcp({ payload })), { protocol: 51 })));
  });

  const malformed: [string, Bytes][] = [
    ['an IPv4 header of 16 bytes', join(Uint8Array.of(0x44), packet.subarray(1))],
    ['an IPv4 packet that says 6', join(Uint8Array.of(0x65), packet.subarray(1))],
    ['an IPv4 length below its header', ipv4(tcp(), { totalLength: 19 })],
    ['a TCP header of 16 bytes', ipv4(join(tcp().subarray(0, 12), Uint8Array.of(0x40), tcp().subarray(13)))],
    ['a TCP header beyond its packet', ipv4(join(tcp().subarray(0, 12), Uint8Array.of(0xf0), tcp().subarray(13, 50)))],
    ['a packet too short for TCP', ipv4(tcp().subarray(0, 19))],
  ];
  for (const [name, bytes] of malformed) {
    it(`refuses ${name}`, () => {
      const { found, d } = decode(ethernet(bytes));
      assert.equal(found, false);
      assert.deepEqual(counts(d), { malformed: 1 });
    });
  }

  it('verifies the IPv4 header checksum when asked, and lets one that was left to the card pass', () => {
    const wrong = ethernet(ipv4(tcp({ payload }), { checksum: 0x1234 }));
    assertSegment(wrong);
    const d = new FrameDecoder();
    d.verifyIp = true;
    assert.equal(decodeInto(d, wrong), false);
    assert.deepEqual(counts(d), { malformed: 1 });
    assert.equal(decodeInto(d, ethernet(ipv4(tcp({ payload }), { checksum: 0 }))), true);
    assert.equal(decodeInto(d, ethernet(packet)), true);
  });
});

describe('flow hash', () => {
  const hash = (frame: Bytes, link: number) => decode(frame, { link }).d.flowHash;

  it('is the same in both directions, over IPv4 and IPv6', () => {
    const there = ipv4(tcp({ srcPort: 5, dstPort: 6 }), { src: HOST, dst: TARGET });
    const back = ipv4(tcp({ srcPort: 6, dstPort: 5, seq: 1, payload: data(1) }), { src: TARGET, dst: HOST });
    assert.equal(hash(there, 101), hash(back, 101));
    assert.equal(hash(there, 101) | 0, hash(there, 101));
    const body = ipv6(tcp({ srcPort: 5, dstPort: 6 }));
    const turned = ipv6(tcp({ srcPort: 6, dstPort: 5 }));
    turned.set(body.subarray(8, 24), 24);
    turned.set(body.subarray(24, 40), 8);
    assert.equal(hash(body, 101), hash(turned, 101));
  });

  it('spreads the flows of one host and one target', () => {
    const seen = new Set<number>();
    const buckets = new Set<number>();
    for (let port = 32768; port < 33792; port++) {
      const value = hash(ipv4(tcp({ srcPort: port, payload: data(0) })), 101);
      seen.add(value);
      buckets.add(value & 1023);
    }
    assert.equal(seen.size, 1024);
    assert.ok(buckets.size > 550, `${buckets.size} of 1024 buckets`); // a random function fills 647 on average
  });

  it('tells an exchange of ports from the same flow', () => {
    const ports = fc.tuple(fc.nat(65535), fc.nat(65535)).filter(([a, b]) => a !== b);
    fc.assert(
      fc.property(ports, ([a, b]) => {
        const one = hash(ipv4(tcp({ srcPort: a, dstPort: b })), 101);
        const other = hash(ipv4(tcp({ srcPort: b, dstPort: a })), 101);
        assert.notEqual(one, other);
      }),
    );
  });
});
