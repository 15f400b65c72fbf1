import assert from 'node:assert/strict';
import fc from 'fast-check';
import { crc32c } from '../../../../parsers/iscsi/crc32c.ts';
import { PduSplitter } from '../../../../parsers/iscsi/splitter.ts';
import { copyOf } from '../../../../src/base/bytes.ts';

const DATA_OUT = 0x05;

interface Wanted {
  itt: number;
  data: Uint8Array;
}

/** A Data-Out PDU (RFC 7143 section 11.7), with digests where they are in use. */
function pdu({ itt, data }: Wanted, header: boolean, digest: boolean): Uint8Array {
  const bhs = new Uint8Array(48);
  bhs[0] = DATA_OUT;
  bhs[1] = 0x80;
  bhs[5] = data.length >> 16;
  bhs[6] = data.length >> 8;
  bhs[7] = data.length;
  new DataView(bhs.buffer).setUint32(16, itt);
  const padded = new Uint8Array((data.length + 3) & ~3);
  padded.set(data);
  const sum = (bytes: Uint8Array): number[] => {
    const crc = crc32c(bytes);
    return [crc & 0xff, (crc >>> 8) & 0xff, (crc >>> 16) & 0xff, crc >>> 24];
  };
  return Uint8Array.from([
    ...bhs,
    ...(header ? sum(bhs) : []),
    ...padded,
    ...(digest && data.length > 0 ? sum(padded) : []),
  ]);
}

interface Seen {
  itt: number;
  data: number[];
  holes: [number, number][];
  verdict: string;
}

/** A splitter that collects what it says. */
function collector(header: boolean, digest: boolean | undefined): { splitter: PduSplitter; seen: Seen[] } {
  const seen: Seen[] = [];
  const splitter = new PduSplitter(
    {
      header: (p) => {
        const b = p.bhs;
        const itt = new DataView(b.buffer, b.byteOffset).getUint32(p.bhsAt + 16);
        seen.push({ itt, data: new Array<number>(p.dataLength).fill(-1), holes: [], verdict: '' });
        p.want = true;
      },
      data: (_, bytes, offset, length, at) => {
        for (let i = 0; i < length; i++) seen.at(-1)!.data[at + i] = bytes[offset + i];
      },
      instead: (_, bytes, at) => {
        for (let i = 0; i < bytes.length; i++) seen.at(-1)!.data[at + i] = bytes[i];
      },
      dataHole: (_, length, at) => seen.at(-1)!.holes.push([at, length]),
      end: (_, verdict) => {
        seen.at(-1)!.verdict = verdict;
      },
    },
    true,
  );
  splitter.headerDigest = header;
  splitter.dataDigest = digest;
  return { splitter, seen };
}

const wanted = fc.array(fc.record({ itt: fc.nat(0xfffffffe), data: fc.uint8Array({ maxLength: 40 }) }), {
  minLength: 1,
  maxLength: 6,
});

describe('A7 PDU splitter (RFC 7143 section 11)', () => {
  it('finds the same PDUs however the bytes are cut, with and without digests', () => {
    fc.assert(
      fc.property(wanted, fc.boolean(), fc.boolean(), fc.array(fc.integer({ min: 1, max: 60 })), (all, h, d, cuts) => {
        const bytes = Uint8Array.from(all.flatMap((one) => [...pdu(one, h, d)]));
        const { splitter, seen } = collector(h, d);
        let at = 0;
        for (let k = 0; at < bytes.length; k++) {
          const n = Math.min(cuts[k % Math.max(cuts.length, 1)] ?? bytes.length, bytes.length - at);
          assert.equal(splitter.bytes(bytes, at, n), n);
          at += n;
        }
        assert.ok(splitter.atBoundary && !splitter.lost);
        assert.equal(splitter.position, bytes.length);
        assert.deepEqual(
          seen.map(({ itt, data, verdict }) => ({ itt, data, verdict })),
          all.map(({ itt, data }) => ({ itt, data: [...data], verdict: d && data.length > 0 ? 'good' : 'none' })),
        );
      }),
    );
  });

  it('learns from the first data segment whether data digests are used', () => {
    for (const digest of [true, false]) {
      const { splitter, seen } = collector(false, undefined);
      const one = { itt: 7, data: Uint8Array.of(1, 2, 3, 4, 5) };
      for (const byte of [...pdu(one, false, digest), ...pdu({ ...one, itt: 8 }, false, digest)]) {
        splitter.bytes(Uint8Array.of(byte), 0, 1);
      }
      assert.equal(splitter.dataDigest, digest);
      assert.deepEqual(
        seen.map(({ itt }) => itt),
        [7, 8],
      );
    }
  });

  it('keeps the boundaries across a hole inside a data segment', () => {
    const { splitter, seen } = collector(false, false);
    const first = pdu({ itt: 1, data: new Uint8Array(100).fill(9) }, false, false);
    splitter.bytes(first, 0, 60);
    assert.equal(splitter.hole(30), 30);
    splitter.bytes(first, 90, first.length - 90);
    splitter.bytes(pdu({ itt: 2, data: new Uint8Array(0) }, false, false), 0, 48);
    assert.deepEqual(seen[0].holes, [[12, 30]]);
    assert.deepEqual(
      seen.map(({ itt }) => itt),
      [1, 2],
    );
  });

  it('loses the boundary where a hole covers a header, and says where', () => {
    const { splitter } = collector(false, false);
    const first = pdu({ itt: 1, data: new Uint8Array(8) }, false, false);
    splitter.bytes(first, 0, first.length);
    assert.equal(splitter.hole(10), 0);
    assert.ok(splitter.lost);
    assert.equal(splitter.start, first.length);
  });

  it('believes no header with a wrong digest, of the other direction, or of no known opcode', () => {
    const wrong: ((b: Uint8Array) => void)[] = [
      (b) => {
        b[17] ^= 1;
      },
      (b) => {
        b[0] = 0x25;
      },
      (b) => {
        b[0] = 0x1e;
      },
    ];
    for (const spoil of wrong) {
      const { splitter, seen } = collector(true, false);
      const bytes = pdu({ itt: 1, data: new Uint8Array(0) }, true, false);
      spoil(bytes);
      splitter.bytes(bytes, 0, bytes.length);
      assert.ok(splitter.lost);
      assert.equal(seen.length, 0);
    }
  });

  it('takes of two copies the one that the data digest proves, and neither where it proves none', () => {
    const data = Uint8Array.from({ length: 64 }, (_, i) => i);
    const bytes = pdu({ itt: 1, data }, false, true);
    const other = copyOf(data, 16, 32).fill(0xee);
    const play = (first: Uint8Array, second: Uint8Array, spoilDigest: boolean): Seen => {
      const { splitter, seen } = collector(false, true);
      splitter.bytes(bytes, 0, 48 + 16);
      assert.equal(splitter.disputed(first, 0, second, 16), true);
      const rest = copyOf(bytes, 48 + 32);
      if (spoilDigest) rest[rest.length - 1] ^= 1;
      splitter.bytes(rest, 0, rest.length);
      return seen[0];
    };
    const right = copyOf(data, 16, 32);
    assert.deepEqual({ data: [...data], verdict: 'good' }, pick(play(right, other, false)));
    assert.deepEqual({ data: [...data], verdict: 'good' }, pick(play(other, right, false)));
    assert.equal(play(right, other, true).verdict, 'bad');
  });

  it('leaves disputed bytes a hole where no digest follows or a hole comes too', () => {
    const plain = collector(false, false);
    plain.splitter.bytes(pdu({ itt: 1, data: new Uint8Array(64) }, false, false), 0, 60);
    assert.equal(plain.splitter.disputed(new Uint8Array(8), 0, new Uint8Array(8).fill(1), 8), false);
    const { splitter, seen } = collector(false, true);
    splitter.bytes(pdu({ itt: 1, data: new Uint8Array(64) }, false, true), 0, 60);
    assert.equal(splitter.disputed(new Uint8Array(8), 0, new Uint8Array(8).fill(1), 8), true);
    splitter.hole(44 + 4);
    assert.deepEqual(seen[0].holes.at(-1), [12, 8]);
    assert.equal(seen[0].verdict, 'unknown');
  });

  it('takes of a longer copy no more than was disputed', () => {
    const data = Uint8Array.from({ length: 64 }, (_, i) => i);
    const bytes = pdu({ itt: 1, data }, false, true);
    const longer = new Uint8Array(64).fill(0xee);
    longer.set(copyOf(data, 16, 24));
    for (const holed of [true, false]) {
      const { splitter, seen } = collector(false, true);
      splitter.bytes(bytes, 0, 48 + 16);
      assert.equal(splitter.disputed(new Uint8Array(8), 0, longer, 8), true);
      if (holed) splitter.hole(bytes.length - 48 - 24);
      else splitter.bytes(bytes, 48 + 24, bytes.length - 48 - 24);
      if (holed) assert.deepEqual(seen[0].holes.at(-1), [16, 8]);
      else assert.deepEqual({ data: [...data], verdict: 'good' }, pick(seen[0]));
    }
  });
});

function pick({ data, verdict }: Seen): { data: number[]; verdict: string } {
  return { data, verdict };
}
