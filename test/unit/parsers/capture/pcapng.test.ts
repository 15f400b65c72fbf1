import assert from 'node:assert/strict';
import fc from 'fast-check';
import { block, describedInterface, enhanced, halves, join, option, padded, section, words } from './build.ts';
import { readAll } from './read.ts';

const data = (length: number) => Uint8Array.from({ length }, (_, i) => i * 3 + 1);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const resolution = (little: boolean, value: number) => option(little, 9, Uint8Array.of(value));
const nothing = new Uint8Array(0);

function timesOf(file: Uint8Array): [number, number][] {
  return readAll(file).frames.map(({ seconds, nanos }) => [seconds, nanos]);
}

describe('A1 pcapng blocks (draft-ietf-opsawg-pcapng)', () => {
  for (const little of [true, false]) {
    const order = little ? 'little-endian' : 'big-endian';

    it(`reads every kind of packet block, ${order}`, () => {
      const simple = block(little, 3, join(words(little, 300), data(8)));
      const old = block(little, 2, join(halves(little, 1, 0), words(little, 0, 3_000_007, 5, 60), data(5)));
      const file = join(
        section(little),
        describedInterface(little, 1, 8),
        describedInterface(little, 101),
        enhanced(little, 0, 2_000_001n, data(7), 1500),
        simple,
        old,
      );
      const { frames, fault, inside } = readAll(file);
      assert.equal(fault, undefined);
      assert.equal(inside, false);
      assert.deepEqual(frames, [
        { seconds: 2, nanos: 1000, link: 1, wire: 1500, data: hex(data(7)) },
        { seconds: 2, nanos: 1000, link: 1, wire: 300, data: hex(data(8)) }, // no time of its own: that of the last frame
        { seconds: 3, nanos: 7000, link: 101, wire: 60, data: hex(data(5)) },
      ]);
    });

    it(`passes unknown blocks and their options over, however long, cut at every byte, ${order}`, () => {
      const file = join(
        section(little, 1, option(little, 4, data(30))),
        block(little, 5, data(100)),
        describedInterface(little, 1, 0, join(option(little, 2, data(3)), option(little, 0, nothing))),
        block(little, 0xbad, data(300)),
        enhanced(little, 0, 1n, data(33)),
        block(little, 10, data(40)),
        enhanced(little, 0, 2n, data(34)),
      );
      const whole = readAll(file);
      assert.equal(whole.frames.length, 2);
      for (let cut = 0; cut <= file.length; cut++) assert.deepEqual(readAll(file, [cut]), whole);
      assert.deepEqual(
        readAll(
          file,
          Array.from({ length: file.length }, (_, i) => i),
        ),
        whole,
      );
    });

    it(`takes the check sequence off that the interface (bits) or the packet's flags (bytes) name, ${order}`, () => {
      const flags = (fcs: number) => option(little, 2, words(little, fcs << 5));
      const bits = option(little, 13, Uint8Array.of(32));
      const file = join(
        section(little),
        describedInterface(little, 1, 0, bits),
        describedInterface(little),
        enhanced(little, 0, 1n, data(64)),
        enhanced(little, 0, 1n, data(64), 64, flags(2)),
        enhanced(little, 0, 1n, data(64), 64, flags(0)),
        enhanced(little, 1, 1n, data(64), 64, join(option(little, 1, data(5)), flags(4))),
        enhanced(little, 1, 1n, data(64)),
      );
      assert.deepEqual(
        readAll(file).frames.map(({ wire }) => wire),
        [60, 62, 60, 60, 64],
      );
    });

    it(`adds the time offset, ${order}`, () => {
      const offset = (high: number, low: number) =>
        option(little, 14, little ? words(true, low, high) : words(false, high, low));
      const file = join(
        section(little),
        describedInterface(little, 1, 0, offset(0, 1_700_000_000)),
        describedInterface(little, 1, 0, offset(-1, -10)),
        enhanced(little, 0, 5_000_001n, data(1)),
        enhanced(little, 1, 5_000_001n, data(1)),
      );
      assert.deepEqual(timesOf(file), [
        [1_700_000_005, 1000],
        [-5, 1000],
      ]);
    });
  }

  it('starts anew with each section: byte order and interfaces', () => {
    const file = join(
      section(true),
      describedInterface(true, 1),
      describedInterface(true, 113),
      enhanced(true, 1, 1_000_000n, data(4)),
      section(false),
      describedInterface(false, 276),
      enhanced(false, 0, 2_000_000n, data(4)),
    );
    assert.deepEqual(
      readAll(file).frames.map(({ link, seconds }) => [link, seconds]),
      [
        [113, 1],
        [276, 2],
      ],
    );
    const stale = join(file, section(true), enhanced(true, 0, 1n, data(4)));
    assert.match(readAll(stale).fault?.reason ?? '', /interface 0, which was not described/);
  });

  it('turns every time stamp into exact nanoseconds, whatever the resolution (section 4.2, if_tsresol)', () => {
    const resolutions = fc.integer({ min: 0, max: 255 });
    fc.assert(
      fc.property(fc.boolean(), resolutions, fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), (little, value, ticks) => {
        const units = (value & 0x80 ? 2n : 10n) ** BigInt(value & 0x7f);
        const file = join(
          section(little),
          describedInterface(little, 1, 0, resolution(little, value)),
          enhanced(little, 0, ticks, data(4)),
        );
        const { frames, fault } = readAll(file);
        const seconds = ticks / units;
        if (seconds > BigInt(Number.MAX_SAFE_INTEGER)) {
          assert.match(fault?.reason ?? '', /time stamp is out of range/);
          return;
        }
        const nanos = ((ticks % units) * 1_000_000_000n) / units;
        assert.deepEqual([BigInt(frames[0].seconds), BigInt(frames[0].nanos)], [seconds, nanos]);
      }),
      { numRuns: 500 },
    );
  });

  const refused: [string, Uint8Array, RegExp][] = [
    ['another version', section(true, 2), /version 2/],
    ['no byte order', block(true, 0x0a0d0d0a, data(16)), /byte order/],
    [
      'a section header that is too short',
      block(true, 0x0a0d0d0a, words(true, 0x1a2b3c4d)),
      /section header is too short/,
    ],
    ['a block length that is no multiple of four', join(section(true), words(true, 9, 33, 0)), /length of 33/],
    ['a block length below twelve', join(section(true), words(true, 9, 8, 0)), /length of 8/],
    ['a packet block beyond every frame', join(section(true), words(true, 6, 0x7ffffffc, 0)), /more than any frame/],
    ['an interface that was not described', join(section(true), enhanced(true, 0, 1n, data(4))), /interface 0/],
    ['two lengths that differ', join(section(true), words(true, 1, 20, 0, 0, 24)), /two lengths/],
    [
      'more captured bytes than the block holds',
      join(section(true), describedInterface(true), block(true, 6, words(true, 0, 0, 1, 9, 9, 0, 0))),
      /9 captured bytes/,
    ],
    [
      'an interface option that runs past its block',
      join(section(true), describedInterface(true, 1, 0, join(halves(true, 2, 400), data(4)))),
      /option runs past/,
    ],
    [
      'an absurd time offset',
      join(section(true), describedInterface(true, 1, 0, option(true, 14, words(true, 0, 0x7fffffff)))),
      /absurd/,
    ],
  ];
  for (const [name, file, reason] of refused) {
    it(`refuses ${name}`, () => assert.match(readAll(file).fault?.reason ?? '', reason));
  }

  it('keeps the frames before a refusal, and says where it lies', () => {
    const good = join(section(true), describedInterface(true), enhanced(true, 0, 1n, data(9)));
    const { frames, fault } = readAll(join(good, padded(words(true, 6, 13, 13))));
    assert.equal(frames.length, 1);
    assert.equal(fault?.offset, good.length);
  });

  it('ends inside a record where a block is incomplete', () => {
    const good = join(section(true), describedInterface(true), block(true, 77, data(64)));
    assert.equal(readAll(good).inside, false);
    assert.equal(readAll(good.subarray(0, good.length - 1)).inside, true);
  });

  it('H5: answers any bytes with frames inside them or a fault', () => {
    const good = join(
      section(true, 1, option(true, 3, data(9))),
      describedInterface(true, 1, 0, resolution(true, 9)),
      enhanced(true, 0, 123n, data(50), 90, option(true, 2, words(true, 0))),
      block(true, 3, join(words(true, 10), data(12))),
      enhanced(true, 0, 124n, data(20)),
    );
    const edits = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 6 });
    fc.assert(
      fc.property(edits, fc.nat(good.length), fc.nat(good.length), (changes, cut, end) => {
        const file = Uint8Array.from(good.subarray(0, end));
        for (const [at, value] of changes) if (at < end) file[at] = value;
        const { frames, used } = readAll(file, cut < end ? [cut] : [], 2);
        assert.ok(used <= file.length);
        for (const frame of frames) assert.ok(frame.wire * 2 >= frame.data.length);
      }),
      { numRuns: 3000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        readAll(join(section(true), describedInterface(true), bytes), [30], 2);
        readAll(bytes);
      }),
      { numRuns: 1000 },
    );
  });
});
