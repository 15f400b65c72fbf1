import assert from 'node:assert/strict';
import { copyOf } from '../../../src/base/bytes.ts';
import { Fault } from '../../../src/base/fault.ts';
import { Bench, be, pattern } from './host.ts';

const read10 = (lbn: number, blocks: number, flags = 0) => [0x28, flags, ...be(lbn, 4), 0, ...be(blocks, 2), 0];
const write10 = (lbn: number, blocks: number, flags = 0) => [0x2a, flags, ...be(lbn, 4), 0, ...be(blocks, 2), 0];

/** SBC-4 sections 5.15 to 5.18 and 5.39 to 5.42: opcode, and how its CDB is made. */
const forms = {
  6: (opcode: number, lbn: number, blocks: number) => [opcode, ...be(lbn, 3), blocks & 0xff, 0],
  10: (opcode: number, lbn: number, blocks: number) => [opcode, 0, ...be(lbn, 4), 0, ...be(blocks, 2), 0],
  12: (opcode: number, lbn: number, blocks: number) => [opcode, 0, ...be(lbn, 4), ...be(blocks, 4), 0, 0],
  16: (opcode: number, lbn: number, blocks: number) => [opcode, 0, ...be(lbn, 8), ...be(blocks, 4), 0, 0],
};

describe('READ and WRITE (SBC-4 5.15, 5.39)', () => {
  for (const [length, reader, writer] of [
    [6, 0x08, 0x0a],
    [10, 0x28, 0x2a],
    [12, 0xa8, 0xaa],
    [16, 0x88, 0x8a],
  ] as const) {
    it(`of ${length} bytes: what was written is read`, () => {
      const bench = new Bench();
      const host = bench.host();
      const data = pattern(3 * 512, length);
      const written = host.send(forms[length](writer, 1021, 3), { dataOut: data });
      assert.deepEqual([written.status, written.takes, written.wanted], [0, 1536, undefined]);
      const got = host.send(forms[length](reader, 1021, 3), { dataIn: 1536 });
      assert.deepEqual([got.status, got.wanted], [0, undefined]);
      assert.deepEqual(got.data, Buffer.from(data));
    });

    it(`of ${length} bytes: beyond the capacity nothing moves`, () => {
      const bench = new Bench();
      const host = bench.host();
      for (const [opcode, dataOut] of [
        [reader, undefined],
        [writer, pattern(1024, 1)],
      ] as const) {
        const result = host.send(forms[length](opcode, 1023, 2), dataOut === undefined ? {} : { dataOut });
        assert.deepEqual([result.status, result.key, result.code], [2, 5, 0x2100]);
        assert.equal(result.takes, 0);
        assert.deepEqual(result.requests, []);
      }
    });
  }

  it('a count of zero in the 6-byte commands is 256 blocks', () => {
    const host = new Bench().host();
    assert.equal(host.send(forms[6](0x08, 0, 0), {}).data.length, 256 * 512);
  });

  it('no blocks at the very end are fine, behind it they are not', () => {
    const host = new Bench().host();
    assert.equal(host.send(read10(1024, 0)).status, 0);
    assert.equal(host.send(read10(1025, 0)).code, 0x2100);
    assert.equal(host.send(forms[16](0x88, Number.MAX_SAFE_INTEGER, 0)).code, 0x2100);
    assert.equal(host.send([0x88, 0, ...be(0xffffffffffffffffn, 8), ...be(1, 4), 0, 0]).code, 0x2100);
  });

  it('refuses protection information and transfers beyond the limit', () => {
    const host = new Bench({ transferBytesMax: 8 * 512 }).host();
    const refused = host.send(read10(0, 1, 0x20));
    assert.deepEqual([refused.key, refused.code], [5, 0x2400]);
    // SENSE KEY SPECIFIC: valid, in the CDB, bit 7 of byte 1 (SPC-5 4.4.2.4.2).
    assert.deepEqual([...(refused.sense as Uint8Array).subarray(15, 18)], [0xcf, 0, 1]);
    assert.equal(host.send(write10(0, 1, 0xe0), { dataOut: pattern(512, 1) }).code, 0x2400);
    assert.equal(host.send(read10(0, 9)).code, 0x2400);
    assert.equal(host.send(read10(0, 8)).status, 0);
  });

  it('an initiator that expects less is given less, and told what there would have been', () => {
    const bench = new Bench();
    bench.medium().bytes.set(pattern(2048, 3));
    const got = bench.host().send(read10(0, 4), { dataIn: 700 });
    assert.deepEqual([got.status, got.wanted], [0, 2048]);
    assert.deepEqual(got.data, Buffer.from(pattern(2048, 3).subarray(0, 700)));
    assert.deepEqual(got.requests, [{ kind: 'read', offset: 0, length: 1024 }]);
  });

  it('an initiator that sends less writes that much, a part of a block too', () => {
    const bench = new Bench();
    bench.medium().bytes.fill(0x55);
    const result = bench.host().send(write10(2, 3), { dataOut: pattern(700, 9) });
    assert.deepEqual([result.status, result.wanted, result.takes], [0, 1536, 1536]);
    const expected = new Uint8Array(1024).fill(0x55);
    expected.set(pattern(700, 9));
    assert.deepEqual(copyOf(bench.medium().bytes, 1024, 2048), expected);
    assert.ok(
      bench
        .medium()
        .bytes.subarray(2048)
        .every((byte) => byte === 0x55),
    );
  });

  it('takes no more than the CDB says', () => {
    const bench = new Bench();
    const result = bench.host().send(write10(0, 1), { dataOut: pattern(1024, 2) });
    assert.deepEqual([result.status, result.takes, result.wanted], [0, 512, 512]);
    assert.ok(
      bench
        .medium()
        .bytes.subarray(512)
        .every((byte) => byte === 0),
    );
  });

  it('without a cache every write is durable, with one those with FUA', () => {
    const plain = new Bench();
    plain.host().send(write10(0, 1), { dataOut: pattern(512, 1) });
    assert.deepEqual(plain.medium().durable, [true]);
    const cached = new Bench({ cache: true });
    const host = cached.host();
    host.send(write10(0, 1), { dataOut: pattern(512, 1) });
    host.send(write10(0, 1, 0x08), { dataOut: pattern(512, 1) });
    assert.deepEqual(cached.medium().durable, [false, true]);
    // READ with FUA comes from the medium (SBC-4 4.15): the cache is written first.
    assert.deepEqual(
      host.send(read10(0, 1, 0x08)).requests.map(({ kind }) => kind),
      ['flush', 'read'],
    );
  });

  it('a read-only unit refuses writes and says why', () => {
    const bench = new Bench({ readOnly: true });
    const result = bench.host().send(write10(0, 1), { dataOut: pattern(512, 1) });
    assert.deepEqual([result.status, result.key, result.code, result.takes], [2, 7, 0x2700, 0]);
  });

  it('says what became of a medium that fails', () => {
    const bench = new Bench();
    const host = bench.host();
    const cases = [
      [new Fault('local', 'broken'), 'read', 3, 0x1100],
      [new Fault('local', 'broken'), 'write', 3, 0x0c00],
      [new Fault('local', 'away', undefined, { unreachable: true }), 'read', 2, 0x0401],
      [new Fault('local', 'full', undefined, { cause: { code: 'ENOSPC' } }), 'write', 7, 0x2707],
    ] as const;
    for (const [error, kind, key, code] of cases) {
      bench.fail = { kind, error };
      const result = kind === 'read' ? host.send(read10(0, 1)) : host.send(write10(0, 1), { dataOut: pattern(512, 1) });
      assert.deepEqual([result.status, result.key, result.code], [2, key, code]);
    }
  });
});
