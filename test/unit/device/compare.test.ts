import assert from 'node:assert/strict';
import fc from 'fast-check';
import { copyOf } from '../../../src/base/bytes.ts';
import { firstDifference, slices } from '../../../src/device/compare.ts';
import { Bench, be, pattern } from './host.ts';

const verify10 = (lbn: number, blocks: number, flags: number) => [0x2f, flags, ...be(lbn, 4), 0, ...be(blocks, 2), 0];
const caw = (lbn: number, blocks: number, flags = 0) => [0x89, flags, ...be(lbn, 8), 0, 0, 0, blocks, 0, 0];
const orWrite = (lbn: number, blocks: number) => [0x8b, 0, ...be(lbn, 8), ...be(blocks, 4), 0, 0];

function cutAt(bytes: Uint8Array, at: number): Uint8Array[] {
  return [bytes.subarray(0, at), bytes.subarray(at)];
}

describe('comparing data-out in parts', () => {
  it('finds the first byte that differs, wherever the parts end', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 40 }),
        fc.nat(40),
        fc.nat(40),
        fc.option(fc.nat(39)),
        (data, cut, from, change) => {
          const start = from % data.length;
          const bytes = copyOf(data, start);
          if (change !== null) bytes[change % bytes.length] ^= 0x80;
          const expected = change === null ? -1 : change % bytes.length;
          assert.equal(firstDifference(bytes, cutAt(data, cut % (data.length + 1)), start), expected);
        },
      ),
    );
  });

  it('cuts without copying', () => {
    const data = pattern(10, 1);
    const parts = slices(cutAt(data, 4), 2, 5);
    assert.deepEqual(Buffer.concat(parts), Buffer.from(data.subarray(2, 7)));
    assert.equal(parts[0].buffer, data.buffer);
  });
});

describe('VERIFY (SBC-4 5.36)', () => {
  it('reads the medium alone, or compares every block, or one with all', () => {
    const bench = new Bench();
    const host = bench.host();
    bench.medium().bytes.set(pattern(1024, 4), 512);
    const plain = host.send(verify10(1, 2, 0));
    assert.deepEqual([plain.status, plain.takes, plain.data.length], [0, 0, 0]);
    assert.equal(host.send(verify10(1, 2, 0x02), { dataOut: pattern(1024, 4) }).status, 0);
    bench.medium().bytes.set(pattern(512, 4), 1024);
    const one = host.send(verify10(1, 2, 0x06), { dataOut: pattern(512, 4) });
    assert.deepEqual([one.status, one.takes], [0, 512]);
  });

  it('tells MISCOMPARE and where in the data-out', () => {
    const bench = new Bench();
    const host = bench.host();
    const data = pattern(2048, 7);
    bench.medium().bytes.set(data);
    bench.medium().bytes[1777] ^= 1;
    const result = host.send(verify10(0, 4, 0x02), { dataOut: data });
    assert.deepEqual([result.status, result.key, result.code, result.information], [2, 0xe, 0x1d00, 1777]);
    bench.medium().bytes.set(data.subarray(0, 512), 512);
    const one = host.send(verify10(0, 3, 0x06), { dataOut: data.subarray(0, 512) });
    assert.deepEqual([one.key, one.code], [0xe, 0x1d00]);
  });

  it('refuses BYTCHK 10b and what lies beyond the capacity', () => {
    const host = new Bench().host();
    assert.equal(host.send(verify10(0, 1, 0x04)).code, 0x2400);
    assert.equal(host.send(verify10(1024, 1, 0)).code, 0x2100);
    assert.equal(host.send(verify10(0, 1, 0x22), { dataOut: pattern(512, 1) }).code, 0x2400);
  });

  it('compares long runs in pieces of bounded size', () => {
    const bench = new Bench({ blocks: 8192 });
    const host = bench.host();
    const data = pattern(8192 * 512, 2);
    bench.medium().bytes.set(data);
    const result = host.send([0x8f, 0x02, ...be(0, 8), ...be(8192, 4), 0, 0], { dataOut: data });
    assert.equal(result.status, 0);
    for (const request of result.requests) assert.ok(request.kind === 'read' && request.length <= 0x100000);
    bench.medium().bytes[4_000_001] ^= 0x10;
    const wrong = host.send([0x8f, 0x02, ...be(0, 8), ...be(8192, 4), 0, 0], { dataOut: data });
    assert.deepEqual([wrong.code, wrong.information], [0x1d00, 4_000_001]);
  });
});

describe('WRITE AND VERIFY (SBC-4 5.44)', () => {
  it('makes durable, reads back and compares', () => {
    const bench = new Bench({ cache: true });
    const data = pattern(1024, 5);
    const result = bench.host().send([0x2e, 0x02, ...be(3, 4), 0, ...be(2, 2), 0], { dataOut: data });
    assert.equal(result.status, 0);
    assert.deepEqual(
      result.requests.map(({ kind }) => kind),
      ['hold', 'write', 'read'],
    );
    assert.deepEqual(bench.medium().durable, [true]);
    assert.deepEqual(copyOf(bench.medium().bytes, 1536, 2560), data);
  });
});

describe('COMPARE AND WRITE (SBC-4 5.3)', () => {
  it('writes the second half where the first one matched, and holds the blocks meanwhile', () => {
    const bench = new Bench();
    const host = bench.host();
    bench.medium().bytes.set(pattern(1024, 1), 512);
    const dataOut = Buffer.concat([pattern(1024, 1), pattern(1024, 2)]);
    const result = host.send(caw(1, 2), { dataOut });
    assert.deepEqual([result.status, result.takes], [0, 2048]);
    assert.deepEqual(result.requests[0], { kind: 'hold', offset: 512, length: 1024 });
    assert.deepEqual(copyOf(bench.medium().bytes, 512, 1536), pattern(1024, 2));
  });

  it('leaves everything where it did not, and says where the difference is', () => {
    const bench = new Bench();
    const host = bench.host();
    bench.medium().bytes.set(pattern(1024, 1));
    const before = copyOf(bench.medium().bytes);
    const compared = pattern(1024, 1);
    compared[700] ^= 4;
    const result = host.send(caw(0, 2), { dataOut: Buffer.concat([compared, pattern(1024, 2)]) });
    assert.deepEqual([result.status, result.key, result.code, result.information], [2, 0xe, 0x1d00, 700]);
    assert.deepEqual(bench.medium().bytes, before);
  });

  it('takes all of its data or nothing', () => {
    const host = new Bench().host();
    const short = host.send(caw(0, 2), { dataOut: pattern(1024, 1) });
    assert.deepEqual([short.status, short.code, short.takes], [2, 0x2400, 0]);
    assert.equal(host.send(caw(0, 0)).status, 0);
  });
});

describe('ORWRITE (SBC-4 5.11) and WRITE ATOMIC (SBC-4 5.48)', () => {
  it('ORs into what lies there', () => {
    const bench = new Bench();
    const host = bench.host();
    const before = pattern(1536, 8);
    const data = pattern(1536, 3);
    bench.medium().bytes.set(before, 512);
    assert.equal(host.send(orWrite(1, 3), { dataOut: data }).status, 0);
    assert.deepEqual(
      copyOf(bench.medium().bytes, 512, 2048),
      before.map((byte, i) => byte | data[i]),
    );
  });

  it('writes at once for everybody who reads', () => {
    const bench = new Bench();
    const host = bench.host();
    const cdb = [0x9c, 0, ...be(5, 8), 0, 0, ...be(2, 2), 0, 0];
    const result = host.send(cdb, { dataOut: pattern(1024, 6) });
    assert.equal(result.status, 0);
    assert.deepEqual(result.requests[0], { kind: 'hold', offset: 5 * 512, length: 1024 });
    assert.deepEqual(copyOf(bench.medium().bytes, 2560, 3584), pattern(1024, 6));
    // An ATOMIC BOUNDARY where no maximum was offered.
    assert.equal(
      host.send([0x9c, 0, ...be(5, 8), 0, 1, ...be(2, 2), 0, 0], { dataOut: pattern(1024, 6) }).code,
      0x2400,
    );
  });
});
