import assert from 'node:assert/strict';
import fc from 'fast-check';
import { CaptureSplitter } from '../../../../parsers/capture/capture.ts';
import { frameBatch } from '../../../../src/base/frames.ts';
import { type Frame, join, type PcapShape, pcap, words } from './build.ts';
import { readAll } from './read.ts';

const data = (length: number) => Uint8Array.from({ length }, (_, i) => i * 7);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

describe('A1 pcap records (draft-ietf-opsawg-pcap)', () => {
  const frames: Frame[] = [
    { seconds: 1, fraction: 5, data: data(60) },
    { seconds: 0xfffffffe, fraction: 999999, data: data(0), wire: 9000 },
    { seconds: 3, fraction: 0, data: data(1500) },
  ];

  const shapes: [string, PcapShape, number][] = [
    ['microseconds, little-endian', {}, 1000],
    ['microseconds, big-endian', { little: false }, 1000],
    ['nanoseconds, little-endian', { magic: 0xa1b23c4d }, 1],
    ['nanoseconds, big-endian', { magic: 0xa1b23c4d, little: false }, 1],
    ['longer record headers, little-endian', { magic: 0xa1b2cd34 }, 1000],
    ['longer record headers, big-endian', { magic: 0xa1b2cd34, little: false }, 1000],
  ];
  for (const [name, shape, unit] of shapes) {
    it(`reads ${name}`, () => {
      const { frames: read, fault, inside } = readAll(pcap(frames, shape));
      assert.equal(fault, undefined);
      assert.equal(inside, false);
      assert.deepEqual(
        read,
        frames.map((frame) => ({
          seconds: frame.seconds,
          nanos: frame.fraction * unit,
          link: 1,
          wire: frame.wire ?? frame.data.length,
          data: hex(frame.data),
        })),
      );
    });

    it(`reads ${name} cut at every byte and in batches of every size`, () => {
      const file = pcap([{ seconds: 1, fraction: 2, data: data(9) }, ...frames.slice(0, 2)], shape);
      const whole = readAll(file);
      for (let cut = 0; cut <= file.length; cut++) assert.deepEqual(readAll(file, [cut], (cut % 4) + 1), whole);
      const everywhere = Array.from({ length: file.length }, (_, i) => i);
      assert.deepEqual(readAll(file, everywhere), whole);
    });
  }

  it('cuts off the frame check sequence that bit 26 announces, in 16-bit words', () => {
    for (const little of [true, false]) {
      const file = pcap(
        [
          { seconds: 1, fraction: 0, data: data(64) },
          { seconds: 1, fraction: 0, data: data(64), wire: 100 },
        ],
        {
          little,
          link: 0x24000001,
        },
      );
      const { frames: read } = readAll(file);
      assert.deepEqual([read[0].link, read[0].wire, read[0].data], [1, 60, hex(data(60))]);
      assert.deepEqual([read[1].wire, read[1].data], [96, hex(data(64))]);
    }
    assert.equal(readAll(pcap([{ seconds: 1, fraction: 0, data: data(64) }], { link: 0x20000071 })).frames[0].wire, 64);
  });

  it('knows files before version 2.3, whose two lengths are the other way round, and 2.3, which has both kinds', () => {
    const record = join(words(true, 1, 0, 100, 20), data(20));
    const right = join(words(true, 2, 0, 20, 100), data(20));
    const old = readAll(join(pcap([], { minor: 2 }), record, record)).frames;
    assert.deepEqual(
      old.map(({ wire, data }) => [wire, data.length / 2]),
      [
        [100, 20],
        [100, 20],
      ],
    );
    const mixed = readAll(join(pcap([], { minor: 3 }), record, right)).frames;
    assert.deepEqual(
      mixed.map(({ wire, data }) => [wire, data.length / 2]),
      [
        [100, 20],
        [100, 20],
      ],
    );
  });

  it('carries a fraction of more than a second over', () => {
    for (const little of [true, false]) {
      const { frames: read } = readAll(pcap([{ seconds: 7, fraction: 2_500_000, data: data(1) }], { little }));
      assert.deepEqual([read[0].seconds, read[0].nanos], [9, 500_000_000]);
    }
  });

  it('never says that less was on the wire than was captured', () => {
    for (const little of [true, false]) {
      const { frames: read } = readAll(pcap([{ seconds: 7, fraction: 0, data: data(90), wire: 0 }], { little }));
      assert.equal(read[0].wire, 90);
    }
  });

  it('stops at a length that no frame has, and hands out what was before', () => {
    for (const little of [true, false]) {
      for (const length of [(1 << 24) + 1, 0x7fffffff, 0x80000000, 0xffffffff]) {
        const good = pcap([{ seconds: 1, fraction: 0, data: data(20) }], { little });
        const { frames: read, fault } = readAll(join(good, words(little, 1, 0, length, length), data(100)));
        assert.equal(read.length, 1);
        assert.equal(fault?.offset, good.length);
        assert.match(fault?.reason ?? '', new RegExp(`${length}`));
      }
    }
  });

  it('asks for exactly the bytes that a cut record lacks', () => {
    const file = pcap([{ seconds: 1, fraction: 0, data: data(1000) }]);
    const splitter = new CaptureSplitter();
    const batch = frameBatch(file, 4);
    assert.equal(splitter.split(file, 0, 3, batch), 0);
    assert.equal(splitter.need, 4);
    assert.equal(splitter.split(file, 0, 10, batch), 0);
    assert.equal(splitter.need, 24);
    assert.equal(splitter.opened, false);
    assert.equal(splitter.split(file, 0, 30, batch), 24);
    assert.equal(splitter.need, 16);
    assert.equal(splitter.opened, true);
    assert.equal(splitter.split(file, 24, 60, batch), 24);
    assert.equal(splitter.need, 1016);
    assert.equal(splitter.split(file, 24, file.length, batch), file.length);
    assert.equal(batch.count, 1);
  });

  it('refuses what is no capture, and versions that nobody wrote', () => {
    assert.match(readAll(new TextEncoder().encode('once upon a time')).fault?.reason ?? '', /neither pcap nor pcapng/);
    assert.match(readAll(pcap([], { major: 3 })).fault?.reason ?? '', /version 3\.4/);
  });

  it('reads any frames whatever the cuts', () => {
    const frame = fc.record({
      seconds: fc.nat(0xffffffff),
      fraction: fc.nat(999_999),
      data: fc.uint8Array({ maxLength: 70 }),
    });
    const input = fc.record({
      frames: fc.array(frame, { maxLength: 8 }),
      little: fc.boolean(),
      cuts: fc.array(fc.nat(800), { maxLength: 10 }),
      capacity: fc.integer({ min: 1, max: 4 }),
    });
    fc.assert(
      fc.property(input, ({ frames, little, cuts, capacity }) => {
        const file = pcap(frames, { little });
        const ordered = cuts.filter((cut) => cut < file.length).sort((a, b) => a - b);
        const { frames: read, inside } = readAll(file, ordered, capacity);
        assert.equal(inside, false);
        assert.deepEqual(
          read.map(({ seconds, nanos, data }) => [seconds, nanos, data]),
          frames.map(({ seconds, fraction, data }) => [seconds, fraction * 1000, hex(data)]),
        );
      }),
      { numRuns: 300 },
    );
  });
});
