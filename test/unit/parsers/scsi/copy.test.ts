import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { CopyPlan } from '../../../../parsers/scsi/copy.ts';
import { parseCopyLid1, parseCopyLid4 } from '../../../../parsers/scsi/copy.ts';
import { copyLid1Layout } from '../../../../parsers/scsi/descriptors.layout.ts';
import { designatorWords } from '../../../../parsers/scsi/designator.ts';
import { isParseFault } from '../../../../src/base/fault.ts';
import { hex } from './hex.ts';

const pad = (value: number | bigint, bytes: number): string => value.toString(16).padStart(bytes * 2, '0');

/** Identification CSCD descriptor of a block device (SPC-4 section 6.4.5.2). */
const cscd = (naa: string, blockSize = 512, flags = 0): string =>
  `e4${pad(flags, 1)}0000 0103 00 ${pad(naa.length / 2, 1)} ${naa.padEnd(40, '0')} 00 ${pad(blockSize, 3)}`;

const A = '60014051111111111111111111111111';
const B = '60014052222222222222222222222222';

/** Block to block segment (SPC-4 section 6.4.6.4). */
const copy = (source: number, target: number, blocks: number, lbn: number, flags = 0): string =>
  `02${pad(flags, 1)}0018 ${pad(source, 2)} ${pad(target, 2)} 0000 ${pad(blocks, 2)} ${pad(1000, 8)} ${pad(lbn, 8)}`;

function lid1(cscds: string[], segments: string[]): Uint8Array {
  const [one, two] = [hex(cscds.join('')), hex(segments.join(''))];
  return Uint8Array.from([
    ...hex(`0100 ${pad(one.length, 2)} 00000000 ${pad(two.length, 4)} 00000000`),
    ...one,
    ...two,
  ]);
}

function lid4(cscds: string[], segments: string[], immed = 0): Uint8Array {
  const [one, two] = [hex(cscds.join('')), hex(segments.join(''))];
  const head = `01 00 0020 ${'00'.repeat(11)} ${pad(immed, 1)} ff000000 00000007 ${'00'.repeat(18)}`;
  return Uint8Array.from([...hex(`${head} ${pad(one.length, 2)} ${pad(two.length, 2)} 0000`), ...one, ...two]);
}

function plan(parsed: ReturnType<typeof parseCopyLid1>): CopyPlan {
  assert.ok(!isParseFault(parsed));
  return parsed;
}

const plan1 = (bytes: Uint8Array): CopyPlan => plan(parseCopyLid1(bytes, 0, bytes.length));

/** `LU lbn+blocks` of every destination. */
function words({ destinations }: CopyPlan): string[] {
  return destinations.map(({ lu, lbn, blocks }) => `${lu === 'self' ? lu : designatorWords(lu)} ${lbn}+${blocks}`);
}

describe('B3 EXTENDED COPY writes on the right blocks of the right LU', () => {
  it('LID1, block to block: the destination by its designator (SPC-4 sections 6.4.6.4 and 6.5)', () => {
    const made = plan1(lid1([cscd(A), cscd(B)], [copy(0, 1, 16, 64), copy(1, 0, 8, 7)]));
    assert.deepEqual(words(made), [`naa.${B} 64+16`, `naa.${A} 7+8`]);
    assert.deepEqual([made.unknown, made.immed], [false, false]);
    assert.equal(made.destinations[0].blockSize, 512);
  });

  it('FFFFh is the LU that got the command, C000h is none (SPC-4 table 148)', () => {
    assert.deepEqual(words(plan1(lid1([], [copy(0xffff, 0xffff, 4, 9)]))), ['self 9+4']);
    const discarded = plan1(lid1([cscd(A)], [copy(0, 0xc000, 4, 9)]));
    assert.deepEqual([discarded.destinations, discarded.unknown], [[], false]);
    const nul = plan1(lid1([cscd(A), cscd(B, 512, 0x20)], [copy(0, 1, 4, 9)]));
    assert.deepEqual([nul.destinations, nul.unknown], [[], false]);
  });

  it('DC counts destination blocks; else blocks of the source are converted, with room for residual data', () => {
    const sizes = [cscd(A, 4096), cscd(B, 512)];
    assert.deepEqual(words(plan1(lid1(sizes, [copy(0, 1, 3, 64, 0x02)]))), [`naa.${B} 64+3`]);
    assert.deepEqual(words(plan1(lid1(sizes, [copy(0, 1, 3, 64)]))), [`naa.${B} 64+25`]);
    assert.equal(plan1(lid1([cscd(A, 0), cscd(B, 512)], [copy(0, 1, 3, 64)])).unknown, true);
  });

  it('no blocks are no destination', () => {
    assert.deepEqual(plan1(lid1([cscd(A), cscd(B)], [copy(0, 1, 0, 64)])).destinations, []);
  });

  it('byte offsets round outwards to blocks (SPC-4 section 6.4.6.12)', () => {
    const segment = `0a00001c 0000 0001 ${pad(1024, 4)} ${pad(0, 8)} ${pad(64, 8)} 0000 ${pad(600, 2)}`;
    // 600 bytes in: from block 65 to byte 1624, in block 67, and one for residual data.
    assert.deepEqual(words(plan1(lid1([cscd(A), cscd(B)], [segment]))), [`naa.${B} 65+4`]);
  });

  it('from a tape: blocks and bytes at the destination (SPC-4 sections 6.4.6.3 and 6.4.6.11)', () => {
    const blocks = `01000014 0000 0001 00 000200 0000 ${pad(5, 2)} ${pad(64, 8)}`;
    const bytes = `09000018 0000 0001 00 000200 ${pad(512, 4)} ${pad(80, 8)} 0000 0000`;
    assert.deepEqual(words(plan1(lid1([cscd(A), cscd(B)], [blocks, bytes]))), [`naa.${B} 64+5`, `naa.${B} 80+2`]);
  });

  it('a block device image goes to the end with a count of zero (SPC-4 section 6.4.6.19)', () => {
    const image = (count: number): string => `1600001c 0000 0001 ${pad(0, 8)} ${pad(64, 8)} ${pad(count, 8)}`;
    assert.deepEqual(words(plan1(lid1([cscd(A), cscd(B)], [image(9), image(0)]))), [
      `naa.${B} 64+9`,
      `naa.${B} 64+${Number.MAX_SAFE_INTEGER - 64}`,
    ]);
  });

  it('segments that write to no block device are passed over (SPC-4 table 146)', () => {
    const verify = '07000008 0000 0000 00000000';
    const reserve = `14000018 0000 0001 ${'00'.repeat(20)}`;
    const made = plan1(lid1([cscd(A), cscd(B)], [verify, reserve, copy(0, 1, 2, 3)]));
    assert.deepEqual([words(made), made.unknown], [[`naa.${B} 3+2`], false]);
  });

  it('is unknown where a segment or its destination cannot be told', () => {
    const strange = '17000004 0000 0001';
    assert.equal(plan1(lid1([cscd(A), cscd(B)], [strange])).unknown, true);
    assert.equal(plan1(lid1([cscd(A)], [copy(0, 1, 2, 3)])).unknown, true); // no such descriptor
    assert.equal(plan1(lid1([cscd(A)], [copy(0, 0xf800, 2, 3)])).unknown, true); // a ROD token's
    assert.equal(plan1(lid1([cscd(A), `e5${cscd(B).slice(2)}`], [copy(0, 1, 2, 3)])).unknown, true); // by IPv4
    assert.equal(plan1(lid1([cscd(A), cscd(B, 512, 0x40)], [copy(0, 1, 2, 3)])).unknown, true); // proxy token
    assert.equal(plan1(lid1([cscd(A), cscd(B)], ['02000018 0000 0001'])).unknown, true); // cut off
    assert.equal(plan1(lid1([cscd(A), cscd(B)], ['02000004 0000 0001'])).unknown, true); // too short
    const beyond = plan1(lid1([cscd(A), cscd(B)], [`02000018 0000 0001 0000 0002 ${pad(0, 8)} 0020000000000000`]));
    assert.equal(beyond.unknown, true);
  });

  it('LID4: IMMED, and an ID by both ways of counting (SPC-4 section 6.4.3)', () => {
    const bytes = lid4([cscd(A), cscd(B)], [copy(1, 2, 16, 64)], 1);
    const made = plan(parseCopyLid4(bytes, 0, bytes.length));
    assert.deepEqual([words(made), made.unknown, made.immed], [[`naa.${B} 64+16`, `naa.${B} 64+16`], false, true]);
    const zero = lid4([cscd(A), cscd(B)], [copy(0, 1, 16, 64)]);
    const lus = new Set(words(plan(parseCopyLid4(zero, 0, zero.length))));
    assert.deepEqual(lus, new Set([`naa.${A} 64+16`, `naa.${B} 64+16`]));
  });

  it('is refused where its descriptors lie outside it; an empty list copies nothing', () => {
    const whole = lid1([cscd(A), cscd(B)], [copy(0, 1, 16, 64)]);
    assert.ok(isParseFault(parseCopyLid1(whole, 0, whole.length - 1)));
    assert.ok(isParseFault(parseCopyLid1(whole, 0, 15)));
    const long = lid4([cscd(A)], [copy(0xffff, 0xffff, 1, 1)]);
    assert.ok(isParseFault(parseCopyLid4(long, 0, long.length - 1)));
    long[0] = 2;
    assert.ok(isParseFault(parseCopyLid4(long, 0, long.length)));
    assert.deepEqual(parseCopyLid1(whole, 0, 0), { destinations: [], unknown: false, immed: false });
    assert.deepEqual(parseCopyLid4(whole, 0, 0), { destinations: [], unknown: false, immed: false });
  });

  it('reads like the layout', () => {
    const segment = fc.tuple(fc.nat(1), fc.nat(1), fc.integer({ min: 1, max: 0xffff }), fc.nat());
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 6 }), (list) => {
        const bytes = lid1(
          [cscd(A), cscd(B)],
          list.map(([from, to, blocks, lbn]) => copy(from, to, blocks, lbn)),
        );
        const twin = copyLid1Layout.parse(Buffer.from(bytes));
        interface Segment {
          destination: number;
          lbn: bigint;
          blocks: number;
        }
        const wanted = twin.segments.map(({ destination, lbn, blocks }: Segment) => {
          const lu = twin.cscds[destination];
          return `naa.${lu.designator.subarray(0, lu.designatorLength).toString('hex')} ${lbn}+${blocks}`;
        });
        assert.deepEqual(words(plan1(bytes)), wanted);
      }),
    );
  });

  it('never throws, and gives only extents that can be used (H5)', () => {
    const body = fc.uint8Array({ minLength: 120, maxLength: 300 });
    fc.assert(
      fc.property(body, fc.constantFrom(0x01, 0x02, 0x09, 0x0a, 0x16, 0x17), fc.nat(40), (bytes, type, length) => {
        bytes.set([0, 0, 0, 64, 0, 0, 0, 0, 0, 0, 0, bytes.length - 80]);
        bytes.set([type, 0, 0, length, 0, 0, 0, 1], 80);
        bytes[16] = 0xe4;
        bytes[48] = 0xe4;
        for (const parser of [parseCopyLid1, parseCopyLid4]) {
          const made = parser(bytes, 0, bytes.length);
          if (isParseFault(made)) continue;
          for (const { lbn, blocks } of made.destinations) {
            assert.ok(lbn >= 0 && blocks > 0 && Number.isSafeInteger(lbn + blocks));
          }
        }
      }),
      { numRuns: 1000 },
    );
  });
});
