import assert from 'node:assert/strict';
import fc from 'fast-check';
import { FrameDecoder } from '../../../../parsers/net/decoder.ts';
import {
  type Bytes,
  data,
  ethernet,
  extension,
  fragment6,
  geneve,
  gre,
  ipv4,
  ipv6,
  join,
  tag,
  tcp,
  vxlan,
} from './build.ts';

const LINKS = [0, 1, 12, 14, 101, 108, 113, 228, 229, 276, 147];

/** Bytes that must not be read past the frame: every read is checked. */
function guarded(bytes: Bytes, from: number, to: number): Uint8Array {
  return new Proxy(bytes, {
    get(target, name) {
      const index = typeof name === 'string' ? Number(name) : Number.NaN;
      if (Number.isInteger(index)) assert.ok(index >= from && index < to, `read ${index} outside [${from}, ${to})`);
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function assertSane(d: FrameDecoder, found: boolean, captured: number): void {
  if (!found) return;
  assert.ok(d.payloadCaptured >= 0 && d.payloadCaptured <= d.payloadLength);
  assert.ok(d.payloadLength <= 1 << 24);
  assert.ok(d.tcpOffset + 20 <= d.payloadOffset || d.payloadCaptured === 0);
  if (d.transient) return;
  assert.ok(d.payloadOffset + d.payloadCaptured <= 5 + captured);
  assert.ok(d.srcOffset >= 5 && d.dstOffset > d.srcOffset && d.tcpOffset > d.dstOffset);
}

const whole = tcp({ payload: data(60), options: data(12) });
const samples: Bytes[] = [
  ethernet(tag(tag(ipv4(whole, { options: data(8) }), 0x0800), 0x8100), 0x88a8),
  ethernet(ipv6(join(extension(43, 1), extension(60, 2), fragment6(6, 0, false, 1), whole), 0), 0x86dd),
  ethernet(
    ipv4(vxlan(ethernet(ipv4(geneve(ethernet(ipv4(whole)), 0x6558, data(8)), { protocol: 17 }))), { protocol: 17 }),
  ),
  ethernet(ipv4(gre(ipv6(whole), 0x86dd, 0xb000), { protocol: 47 })),
  ethernet(ipv4(whole.subarray(0, 48), { id: 3, place: 0x2000 })),
  ethernet(ipv4(whole.subarray(48), { id: 3, place: 6 })),
  ethernet(ipv6(join(fragment6(6, 0, true, 5), whole.subarray(0, 48)), 44), 0x86dd),
  ethernet(ipv6(join(fragment6(6, 48, false, 5), whole.subarray(48)), 44), 0x86dd),
];

describe('H5 hostile frames', () => {
  it('never reads outside the frame, whatever is in it', () => {
    const d = new FrameDecoder();
    d.verifyIp = true;
    const edits = fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 5 });
    fc.assert(
      fc.property(fc.constantFrom(...samples), edits, fc.nat(400), fc.nat(70000), (sample, changes, cut, more) => {
        const captured = Math.min(sample.length, cut);
        const bytes = join(data(5), sample.subarray(0, captured), data(5));
        for (const [at, value] of changes) if (at < captured) bytes[5 + at] = value;
        const found = d.decode(guarded(bytes, 5, 5 + captured), 5, captured, captured + more, 1);
        assertSane(d, found, captured);
      }),
      { numRuns: 2000 },
    );
  });

  it('makes sense of random bytes on every link, or counts them', () => {
    const d = new FrameDecoder();
    const random = fc.uint8Array({ maxLength: 200 });
    fc.assert(
      fc.property(random, fc.constantFrom(...LINKS), fc.boolean(), (bytes, link, ip) => {
        // Half of them begin like IP, to get further.
        const body = ip ? join(Uint8Array.of(0x45, 0, 0, 150), bytes) : bytes;
        const frame = join(data(5), body, data(5));
        const found = d.decode(guarded(frame, 5, 5 + body.length), 5, body.length, body.length, link);
        assertSane(d, found, body.length);
      }),
      { numRuns: 3000 },
    );
  });

  it('counts every frame that carries no segment, once', () => {
    fc.assert(
      fc.property(fc.constantFrom(...samples.slice(0, 4)), fc.nat(300), fc.nat(255), (sample, at, value) => {
        const d = new FrameDecoder();
        const bytes = Uint8Array.from(sample);
        bytes[at % bytes.length] = value;
        const found = d.decode(bytes, 0, bytes.length, bytes.length, 1);
        const counted = d.nonIp + d.notTcp + d.malformed + d.truncated + d.fragments;
        assert.equal(counted, found ? 0 : 1);
      }),
      { numRuns: 2000 },
    );
  });
});
