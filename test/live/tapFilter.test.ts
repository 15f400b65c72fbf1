import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addressText } from '../../src/base/address.ts';
import { portalFilter } from '../../src/unit/bus/tapFilter.ts';
import { pcap } from '../unit/parsers/capture/build.ts';
import {
  join as concat,
  data,
  ethernet,
  extension,
  fragment6,
  geneve,
  gre,
  HOST6,
  ipv4,
  ipv6,
  TARGET,
  TARGET6,
  tag,
  tcp,
  udp,
  vxlan,
} from '../unit/parsers/net/build.ts';
import { TapLab, whyNot } from './tapLab.ts';

/** What a filter lets pass: `portal` always, `tunnel` where tunnels are let in, `tcp` where no portal is named. */
type Kind = 'portal' | 'tunnel' | 'tcp' | 'never';

const PORTALS = [`${TARGET.join('.')}:3260`, `[${addressText(Uint8Array.from(TARGET6))}]:3261`];
const IPV6 = 0x86dd;
const VLAN = 0x8100;
const SERVICE = 0x88a8;
const STRANGER = [10, 66, 9, 9];
const OUTER = { src: [192, 0, 2, 1], dst: [192, 0, 2, 2] };

const inner = ipv4(tcp());
const tcp6 = tcp({ dstPort: 3261 });
const outer = (protocol: number, body: Uint8Array, place = 0) => ipv4(body, { ...OUTER, protocol, place });
const tagged = (body: Uint8Array, outerType: number, innerType?: number, type = 0x0800) =>
  ethernet(innerType === undefined ? tag(body, type) : tag(tag(body, type), innerType), outerType);

const FRAMES: readonly [string, Kind, Uint8Array][] = [
  ['to the portal', 'portal', ethernet(inner)],
  ['from the portal', 'portal', ethernet(ipv4(tcp({ srcPort: 3260, dstPort: 40000 }), { src: TARGET, dst: STRANGER }))],
  ['with IPv4 options', 'portal', ethernet(ipv4(tcp(), { options: Uint8Array.of(1, 1, 1, 0) }))],
  ['its later fragment', 'portal', ethernet(ipv4(data(300), { place: 0x2100 }))],
  ['its last fragment', 'portal', ethernet(ipv4(data(300), { place: 0x0100 }))],
  ['behind an authentication header', 'portal', ethernet(ipv4(concat(extension(6, 2), tcp()), { protocol: 51 }))],
  ['over IPv6', 'portal', ethernet(ipv6(tcp6), IPV6)],
  ['over IPv6, in a fragment', 'portal', ethernet(ipv6(concat(fragment6(6, 512, false, 5), data(300)), 44), IPV6)],
  ['over IPv6, behind destination options', 'portal', ethernet(ipv6(concat(extension(6, 1), tcp6), 60), IPV6)],
  ['over IPv6, behind hop-by-hop options', 'portal', ethernet(ipv6(concat(extension(6, 2), tcp6), 0), IPV6)],
  ['in a VLAN', 'portal', tagged(inner, VLAN)],
  ['in a VLAN, a later fragment', 'portal', tagged(ipv4(data(300), { place: 0x0100 }), VLAN)],
  ['in a VLAN, over IPv6', 'portal', tagged(ipv6(tcp6), VLAN, undefined, IPV6)],
  ['in two VLANs', 'portal', tagged(inner, VLAN, VLAN)],
  ['in a provider VLAN', 'portal', tagged(inner, SERVICE, VLAN)],
  ['in a provider VLAN, over IPv6', 'portal', tagged(ipv6(tcp6), SERVICE, VLAN, IPV6)],
  ['in VXLAN', 'tunnel', ethernet(outer(17, vxlan(ethernet(inner))))],
  ['in VXLAN on the old port', 'tunnel', ethernet(outer(17, udp(data(300), 8472)))],
  ['in VXLAN over IPv6', 'tunnel', ethernet(concat(ipv6(vxlan(ethernet(inner)), 17)), IPV6)],
  ['in VXLAN in a VLAN', 'tunnel', tagged(outer(17, vxlan(ethernet(inner))), VLAN)],
  ['in GENEVE', 'tunnel', ethernet(outer(17, geneve(ethernet(inner), 0x6558)))],
  ['in ERSPAN', 'tunnel', ethernet(outer(47, gre(ethernet(inner), 0x88be)))],
  ['in ERSPAN in two VLANs', 'tunnel', tagged(outer(47, gre(ethernet(inner), 0x88be)), SERVICE, VLAN)],
  ['in IP in IP', 'tunnel', ethernet(outer(4, inner))],
  ['a later fragment of a tunnel', 'tunnel', ethernet(outer(17, data(300), 0x0100))],
  ['behind MPLS labels', 'tunnel', ethernet(concat(Uint8Array.of(0, 1, 1, 64), inner), 0x8847)],
  ['a later fragment of anybody', 'tcp', ethernet(ipv4(data(300), { src: STRANGER, dst: STRANGER, place: 0x0100 }))],
  ['to another host', 'tcp', ethernet(ipv4(tcp(), { dst: STRANGER }))],
  ['to another port', 'tcp', ethernet(ipv4(tcp({ dstPort: 3262 })))],
  ['to another port in a VLAN', 'tcp', tagged(ipv4(tcp({ dstPort: 3262 })), VLAN)],
  ['to another port in two VLANs', 'tcp', tagged(ipv4(tcp({ dstPort: 3262 })), SERVICE, VLAN)],
  ['to another port over IPv6', 'tcp', ethernet(ipv6(tcp({ dstPort: 3262 })), IPV6)],
  ['a datagram to the same port', 'never', ethernet(ipv4(udp(data(200), 3260), { protocol: 17 }))],
  ['a datagram from a tunnel port', 'never', ethernet(ipv4(udp(data(200), 4790), { protocol: 17 }))],
  ['ARP', 'never', ethernet(data(60), 0x0806)],
  ['ICMPv6', 'never', ethernet(ipv6(data(60), 58), IPV6)],
  [
    'IPv6 without anything known',
    'never',
    ethernet(concat(ipv6(data(60), 59).subarray(0, 40), data(60), Uint8Array.from(HOST6)), IPV6),
  ],
];

/** Frames are told apart by their lengths; what the machines send of their own accord is shorter. */
const FIRST_LENGTH = 600;
const file = pcap(
  FRAMES.map(([, , frame], i) => ({
    seconds: i,
    fraction: 0,
    data: concat(frame, new Uint8Array(FIRST_LENGTH + i - frame.length)),
  })),
);
const passing = (...kinds: Kind[]): string[] => FRAMES.filter(([, kind]) => kinds.includes(kind)).map(([name]) => name);
const CASES: readonly [string, { portals: string[]; tunnels: boolean }, string[]][] = [
  ['portals', { portals: PORTALS, tunnels: false }, passing('portal')],
  ['portals and tunnels', { portals: PORTALS, tunnels: true }, passing('portal', 'tunnel')],
  ['no portal', { portals: [], tunnels: false }, passing('portal', 'tcp')],
  ['no portal and tunnels', { portals: [], tunnels: true }, passing('portal', 'tcp', 'tunnel')],
];

describe('A2 the kernel filter', function () {
  this.timeout(180_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'tapmirror-filter-'));
    writeFileSync(join(folder, 'frames.pcap'), file);
  });
  after(() => rmSync(folder, { recursive: true }));

  describe('on frames as they are', () => {
    before(function () {
      try {
        execFileSync('tcpdump', ['--version'], { stdio: 'pipe' });
      } catch {
        if (process.env.TAPMIRROR_LIVE === 'required') assert.fail('tcpdump is not there');
        console.log('      skipped: tcpdump is not there');
        this.skip();
      }
    });
    for (const [name, options, expected] of CASES) {
      it(`passes what it must and no more, with ${name}`, () => {
        const words = ['-r', join(folder, 'frames.pcap'), '-w', '-', portalFilter(options).ethernet];
        const out = execFileSync('tcpdump', words, { stdio: ['ignore', 'pipe', 'pipe'] });
        const seen: string[] = [];
        for (let at = 24; at < out.length; at += 16 + out.readUInt32LE(at + 8)) {
          seen.push(FRAMES[out.readUInt32LE(at + 8) - FIRST_LENGTH][0]);
        }
        assert.deepEqual(seen, expected);
      });
    }

    it('has room in the kernel for any number of portals', () => {
      for (const hosts of [1, 8, 9, 300]) {
        const portals = Array.from({ length: hosts }, (_, i) => [
          `10.0.${i >> 8}.${i & 255}:${3260 + i}`,
          `[fd66::${i}:1]:${3260 + i}`,
        ]);
        const { ethernet: text } = portalFilter({ portals: portals.flat(), tunnels: true });
        const program = execFileSync('tcpdump', ['-ddd', '-y', 'EN10MB', text], { stdio: ['ignore', 'pipe', 'pipe'] });
        // A live one takes up to twice as many, as it also looks at the tag that the network card took off.
        assert.ok(Number(program.toString().split('\n')[0]) < 1500, `${hosts} hosts`);
      }
    });
  });

  describe('on an interface, which takes off the outer tag', () => {
    let lab: TapLab;
    before(async function () {
      lab = new TapLab();
      const reason = await whyNot();
      if (reason === undefined) return;
      if (process.env.TAPMIRROR_LIVE === 'required') assert.fail(`the live tests cannot run: ${reason}`);
      console.log(`      skipped: ${reason}`);
      this.skip();
    });
    after(() => lab.close());

    it('passes the same frames', async () => {
      const host = lab.space();
      const target = lab.space();
      lab.cable(host, 'h0', '', target, 't0', '');
      for (const [name, options, expected] of CASES) {
        const tap = await lab.tap(target, { interfaces: ['t0'], ...options });
        await lab.whole(host, 'inject', 'h0', join(folder, 'frames.pcap'));
        // They were sent, and may not have come yet.
        await tap.until(({ frames = 0 }) => frames >= expected.length);
        const { lengths = [], interfaces } = await tap.stop();
        const seen = lengths
          .filter((length) => length >= FIRST_LENGTH)
          .map((length) => FRAMES[length - FIRST_LENGTH][0]);
        assert.deepEqual(seen, expected, name);
        assert.equal(interfaces?.[0].kernelDrops, 0);
      }
    });
  });
});
