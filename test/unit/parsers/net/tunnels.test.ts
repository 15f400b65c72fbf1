import assert from 'node:assert/strict';
import { type Bytes, data, ethernet, geneve, gre, ipv4, ipv6, join, tag, u16, u32, udp, vxlan } from './build.ts';
import { assertSegment, counts, decode, packet, packet6, payload } from './decode.ts';

const overUdp = (body: Bytes) => ethernet(ipv4(body, { protocol: 17, src: [1, 2, 3, 4], dst: [5, 6, 7, 8] }));
const overGre = (body: Bytes) => ethernet(ipv4(body, { protocol: 47, src: [1, 2, 3, 4], dst: [5, 6, 7, 8] }));
const inner = ethernet(packet);
const inner6 = ethernet(tag(packet6, 0x86dd), 0x8100);

/** draft-foschiano-erspan: version, VLAN, session; then an index. */
const erspan2 = (frame: Bytes) => gre(join(u16(0x1064, 0x0001), u32(5), frame), 0x88be, 0x1000);
/** Time stamp, security group, then P, frame type, hardware id, direction, granularity and the O bit. */
const erspan3 = (frame: Bytes, kind: number, optional: boolean) => {
  const last = u16((kind << 10) | (optional ? 1 : 0));
  const head = join(u16(0x2064, 0x0001), u32(123456), u16(0), last, data(optional ? 8 : 0));
  return gre(join(head, frame), 0x22eb, 0x1000);
};

describe('A1 tunnels', () => {
  const tunnels: [string, Bytes][] = [
    ['VXLAN (RFC 7348 section 5)', overUdp(vxlan(inner))],
    ['VXLAN on the port that Linux used first', overUdp(udp(vxlan(inner6).subarray(8), 8472))],
    ['GENEVE (RFC 8926 section 3.4)', overUdp(geneve(inner, 0x6558))],
    ['GENEVE with options', overUdp(geneve(inner6, 0x6558, data(252)))],
    ['GENEVE with IPv4 inside', overUdp(geneve(packet, 0x0800, data(8)))],
    ['GENEVE over IPv6 with IPv6 inside', ethernet(ipv6(geneve(packet6, 0x86dd), 17), 0x86dd)],
    ['GRE with Ethernet inside (RFC 2784)', overGre(gre(inner, 0x6558))],
    ['GRE with IPv4 inside', overGre(gre(packet, 0x0800))],
    ['GRE with IPv6 inside', overGre(gre(packet6, 0x86dd))],
    ['GRE with a checksum', overGre(gre(inner, 0x6558, 0x8000))],
    ['GRE with a key (RFC 2890)', overGre(gre(inner, 0x6558, 0x2000))],
    ['GRE with a checksum, a key and a sequence number', overGre(gre(inner, 0x6558, 0xb000))],
    ['ERSPAN I', overGre(gre(inner, 0x88be))],
    ['ERSPAN II', overGre(erspan2(inner))],
    ['ERSPAN III', overGre(erspan3(inner, 0, false))],
    ['ERSPAN III with a sub-header', overGre(erspan3(inner6, 0, true))],
    ['ERSPAN III with IP inside', overGre(erspan3(packet, 2, false))],
    ['IPv4 in IPv4 (RFC 2003)', ethernet(ipv4(packet, { protocol: 4 }))],
    ['IPv6 in IPv4 (RFC 4213)', ethernet(ipv4(packet6, { protocol: 41 }))],
    ['IPv4 in IPv6 (RFC 2473)', ethernet(ipv6(packet, 4), 0x86dd)],
    ['four tunnels', overUdp(vxlan(overGre(gre(overUdp(geneve(overGre(erspan2(inner)), 0x6558)), 0x6558))))],
  ];
  for (const [name, frame] of tunnels) {
    it(`reads ${name}`, () => assert.deepEqual(counts(assertSegment(frame)), { tunnelled: 1 }));

    it(`honours the snap length inside ${name}`, () => {
      const headers = frame.length - payload.length;
      for (let captured = 14; captured < frame.length; captured++) {
        const { found, d } = decode(frame, { captured });
        assert.equal(found, captured >= headers);
        if (found) assert.deepEqual([d.payloadLength, d.payloadCaptured], [40, captured - headers]);
        else assert.equal(d.truncated, 1);
      }
    });
  }

  it('goes no deeper than four tunnels', () => {
    const five = overUdp(vxlan(overUdp(vxlan(overUdp(vxlan(overUdp(vxlan(overUdp(vxlan(inner))))))))));
    const { found, d } = decode(five);
    assert.equal(found, false);
    assert.deepEqual(counts(d), { tunnelled: 1, notTcp: 1 });
  });

  it('cuts a frame inside a tunnel by the outer length', () => {
    const outer = ipv4(vxlan(ethernet(join(packet, data(30)))), { protocol: 17 });
    assertSegment(ethernet(join(outer, data(12))));
  });

  it('keeps the lengths of a frame that the mirroring switch cut short', () => {
    const { found, d } = decode(overGre(erspan2(inner.subarray(0, 60))));
    assert.deepEqual([found, d.payloadLength, d.payloadCaptured], [true, 40, 6]);
  });

  it('passes over what only looks like a tunnel', () => {
    const unset = overUdp(udp(join(new Uint8Array(8), inner), 4789));
    assert.deepEqual(counts(decode(unset).d), { notTcp: 1 });
    const version = overUdp(udp(join(Uint8Array.of(0x40, 0, 0x65, 0x58, 0, 0, 0, 0), inner), 6081));
    assert.deepEqual(counts(decode(version).d), { notTcp: 1 });
    assert.deepEqual(counts(decode(overGre(gre(inner, 0x6558, 0x4000))).d), { notTcp: 1 });
    assert.deepEqual(counts(decode(overGre(gre(inner, 0x880b, 0x2001))).d), { notTcp: 1 });
    assert.deepEqual(counts(decode(overGre(gre(data(20), 0x0806))).d), { tunnelled: 1, nonIp: 1 });
  });
});
