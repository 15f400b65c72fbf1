import assert from 'node:assert/strict';
import fc from 'fast-check';
import { FrameDecoder } from '../../../../parsers/net/decoder.ts';
import { copyOf } from '../../../../src/base/bytes.ts';
import { type Bytes, data, ethernet, extension, fragment6, ipv4, ipv6, join, tcp, vxlan } from './build.ts';
import { assertUsual, counts, decodeInto, payload } from './decode.ts';

const segment = tcp({ payload });
const big = tcp({ payload: data(4000) });

interface Part {
  from: number;
  to: number;
}

/** IPv4 fragments of `body` (RFC 791 section 3.2). */
function split4(body: Bytes, parts: readonly Part[], id = 9, protocol = 6): Bytes[] {
  return parts.map(({ from, to }) =>
    ethernet(ipv4(body.subarray(from, to), { id, protocol, place: (from / 8) | (to < body.length ? 0x2000 : 0) })),
  );
}

/** IPv6 fragments of `body` (RFC 8200 section 4.5). */
function split6(body: Bytes, parts: readonly Part[], id = 0xfedcba98, next = 6): Bytes[] {
  return parts.map(({ from, to }) =>
    ethernet(ipv6(join(fragment6(next, from, to < body.length, id), body.subarray(from, to)), 44), 0x86dd),
  );
}

const thirds: Part[] = [
  { from: 0, to: 16 },
  { from: 16, to: 40 },
  { from: 40, to: segment.length },
];

function every(...frames: readonly Bytes[]): { d: FrameDecoder; found: boolean[] } {
  const d = new FrameDecoder();
  return { d, found: frames.map((frame) => decodeInto(d, frame)) };
}

describe('A1 IP fragments', () => {
  for (const [name, split] of [
    ['IPv4', split4],
    ['IPv6', split6],
  ] as const) {
    it(`puts ${name} fragments together, in any order, with duplicates`, () => {
      const frames = split(segment, thirds);
      for (const order of [
        [0, 1, 2],
        [2, 1, 0],
        [1, 2, 0],
        [0, 2, 0, 2, 1],
      ]) {
        const { d, found } = every(...order.map((i) => frames[i]));
        assert.deepEqual(
          found,
          order.map((_, i) => i === order.length - 1),
        );
        assertUsual(d);
        assert.equal(d.transient, true);
        assert.deepEqual(counts(d), { fragments: order.length });
      }
    });

    it(`takes overlapping ${name} fragments that agree, and drops a datagram whose fragments differ`, () => {
      const parts = [
        { from: 0, to: 32 },
        { from: 24, to: 48 },
        { from: 40, to: segment.length },
      ];
      const frames = split(segment, parts);
      const { d, found } = every(...frames);
      assert.deepEqual(found, [false, false, true]);
      assertUsual(d);
      frames[1][frames[1].length - 20] ^= 1;
      const broken = every(...frames);
      assert.deepEqual(broken.found, [false, false, false]);
      assert.equal(broken.d.fragmentsDropped, 3);
    });

    it(`knows late duplicates of ${name} fragments, and a sender that comes round to the same identification`, () => {
      const other = tcp({ payload, seq: 77 });
      const { d, found } = every(...split(segment, thirds), ...split(segment, thirds), ...split(other, thirds));
      assert.deepEqual(found, [false, false, true, false, false, false, false, false, true]);
      assert.equal(d.seq, 77);
      assert.equal(d.fragmentsDropped, 0);
    });

    it(`keeps ${name} datagrams apart`, () => {
      const other = tcp({ payload, seq: 5 });
      const [a, b] = [split(segment, thirds, 1), split(other, thirds, 2)];
      const { d, found } = every(a[0], b[0], b[1], a[1], b[2], a[2]);
      assert.deepEqual(found, [false, false, false, false, true, true]);
      assertUsual(d);
    });

    it(`gives up ${name} datagrams that never get whole`, () => {
      const d = new FrameDecoder();
      const frames = split(segment, thirds);
      decodeInto(d, frames[0]);
      decodeInto(d, frames[1]);
      const filler = ethernet(data(20), 0x0806);
      for (let i = 0; i < 20000; i++) decodeInto(d, filler);
      assert.equal(decodeInto(d, frames[2]), false);
      assert.equal(d.fragmentsDropped, 2);
      assert.equal(decodeInto(d, frames[1]), false);
      assert.equal(decodeInto(d, frames[0]), true);
      assertUsual(d);
    });
  }

  it('keeps what the snap length cut off a fragment missing', () => {
    const parts = [
      { from: 0, to: 1480 },
      { from: 1480, to: 2960 },
      { from: 2960, to: big.length },
    ];
    const frames = split4(big, parts);
    const d = new FrameDecoder();
    const captured = 14 + 20 + 100;
    assert.equal(decodeInto(d, frames[0]), false);
    assert.equal(decodeInto(d, frames[1], { captured, wire: frames[1].length }), false);
    assert.equal(decodeInto(d, frames[2]), true);
    assert.deepEqual([d.payloadLength, d.payloadCaptured], [4000, 1480 + 100 - 20]);
    assert.deepEqual(copyOf(d.bytes, d.payloadOffset, d.payloadOffset + 1560), copyOf(data(4000), 0, 1560));
  });

  it('reads extension headers and tunnels inside a reassembled datagram', () => {
    const options = join(extension(6, 2), segment);
    const parts = [
      { from: 0, to: 24 },
      { from: 24, to: options.length },
    ];
    const six = every(...split6(options, parts, 3, 60));
    assert.deepEqual(six.found, [false, true]);
    assertUsual(six.d);

    const inside = vxlan(
      split4(segment, [
        { from: 0, to: 24 },
        { from: 24, to: segment.length },
      ])[0],
    );
    const rest = vxlan(
      split4(segment, [
        { from: 0, to: 24 },
        { from: 24, to: segment.length },
      ])[1],
    );
    const halves = (body: Bytes) => [
      { from: 0, to: 40 },
      { from: 40, to: body.length },
    ];
    const nested = every(...split4(inside, halves(inside), 1, 17), ...split4(rest, halves(rest), 2, 17));
    assert.deepEqual(nested.found, [false, false, false, true]);
    assertUsual(nested.d);
    assert.equal(nested.d.tunnelled, 2);
  });

  it('refuses fragments that no sender makes', () => {
    const odd = ethernet(ipv4(data(13), { place: 0x2000 }));
    const beyond = ethernet(ipv4(data(100), { place: 0x1ff8 }));
    const empty = ethernet(ipv4(new Uint8Array(0), { place: 0x2001 }));
    const { d } = every(odd, beyond, empty);
    assert.deepEqual(counts(d), { fragments: 3, fragmentsDropped: 3 });
    const lastTwice = [ethernet(ipv4(data(16), { place: 4 })), ethernet(ipv4(data(16), { place: 2 }))];
    assert.equal(every(...lastTwice).d.fragmentsDropped, 2);
  });

  it('holds a bounded number of datagrams, and lets the oldest go first', () => {
    const d = new FrameDecoder();
    const halves = [
      { from: 0, to: 24 },
      { from: 24, to: segment.length },
    ];
    for (let id = 0; id < 200; id++) decodeInto(d, split4(segment, halves, id)[0]);
    assert.equal(d.fragmentsDropped, 200 - 64);
    assert.equal(decodeInto(d, split4(segment, halves, 199)[1]), true);
    assert.equal(decodeInto(d, split4(segment, halves, 10)[1]), false);
  });

  it('gives up a datagram in more pieces than a sender makes', () => {
    const d = new FrameDecoder();
    const body = data(65520);
    for (let from = 0; from < 65512; from += 16) {
      decodeInto(d, ethernet(ipv4(body.subarray(from, from + 8), { place: 0x2000 | (from / 8) })));
    }
    assert.equal(d.fragments, d.fragmentsDropped);
  });

  it('puts any split in any order together, over both versions', () => {
    const body = tcp({ payload: data(700) });
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: Math.floor((body.length - 1) / 8) }), { maxLength: 12 });
    fc.assert(
      fc.property(cuts, fc.boolean(), fc.infiniteStream(fc.nat()), (places, six, keys) => {
        const edges = [0, ...places.map((place) => place * 8).sort((a, b) => a - b), body.length];
        const parts = edges.slice(0, -1).map((from, i) => ({ from, to: edges[i + 1] }));
        if (parts.length < 2) return;
        const frames = (six ? split6 : split4)(body, parts);
        const order = frames.map((frame) => ({ frame, key: keys.next().value as number }));
        order.sort((a, b) => a.key - b.key);
        const { d, found } = every(...order.map(({ frame }) => frame));
        assert.equal(found.indexOf(true), frames.length - 1);
        assert.deepEqual(copyOf(d.bytes, d.payloadOffset, d.payloadOffset + d.payloadCaptured), data(700));
      }),
    );
  });
});
