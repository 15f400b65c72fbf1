import assert from 'node:assert/strict';
import fc from 'fast-check';
import { copyOf } from '../../../src/base/bytes.ts';
import { statusRuns } from '../../../src/device/thin.ts';
import { Bench, be, pattern } from './host.ts';

const same16 = (lbn: number, blocks: number, flags = 0) => [0x93, flags, ...be(lbn, 8), ...be(blocks, 4), 0, 0];
const same10 = (lbn: number, blocks: number, flags = 0) => [0x41, flags, ...be(lbn, 4), 0, ...be(blocks, 2), 0];
const unmap = (length: number) => [0x42, 0, 0, 0, 0, 0, 0, ...be(length, 2), 0];
const status = (lbn: number, length: number) => [0x9e, 0x12, ...be(lbn, 8), ...be(length, 4), 0, 0];
const ZEROS = new Uint8Array(512);

/** UNMAP parameter list, SBC-4 section 5.35.2. */
function list(...ranges: [number, number][]): Uint8Array {
  const descriptors = ranges.flatMap(([lbn, blocks]) => [...be(lbn, 8), ...be(blocks, 4), 0, 0, 0, 0]);
  return Uint8Array.from([...be(descriptors.length + 6, 2), ...be(descriptors.length, 2), 0, 0, 0, 0, ...descriptors]);
}

describe('WRITE SAME (SBC-4 5.52)', () => {
  it('repeats one block, to the end where the count is zero', () => {
    const bench = new Bench();
    const host = bench.host();
    const block = pattern(512, 2);
    assert.equal(host.send(same10(10, 3), { dataOut: block }).status, 0);
    for (let lbn = 10; lbn < 13; lbn += 1)
      assert.deepEqual(copyOf(bench.medium().bytes, lbn * 512, lbn * 512 + 512), block);
    assert.ok(
      bench
        .medium()
        .bytes.subarray(13 * 512, 14 * 512)
        .every((byte) => byte === 0),
    );
    assert.equal(host.send(same16(1020, 0), { dataOut: block }).status, 0);
    assert.deepEqual(copyOf(bench.medium().bytes, -512), block);
    assert.deepEqual(copyOf(bench.medium().bytes, 1020 * 512, 1021 * 512), block);
    assert.ok(
      bench
        .medium()
        .bytes.subarray(1019 * 512, 1020 * 512)
        .every((byte) => byte === 0),
    );
  });

  it('unmaps where it is asked to, whatever comes with it', () => {
    const bench = new Bench({ thin: true });
    const host = bench.host();
    bench.medium().bytes.fill(0xaa);
    bench.medium().mapped.fill(1);
    host.send(same16(4, 2, 0x08), { dataOut: ZEROS });
    assert.deepEqual([...bench.medium().mapped.subarray(3, 7)], [1, 0, 0, 1]);
    host.send(same10(8, 1, 0x08), { dataOut: pattern(512, 1) });
    assert.deepEqual([...bench.medium().mapped.subarray(7, 10)], [1, 0, 1]);
    assert.ok(
      bench
        .medium()
        .bytes.subarray(8 * 512, 9 * 512)
        .every((byte) => byte === 0),
    );
  });

  it('NDOB takes no data and means zeros', () => {
    const bench = new Bench();
    bench.medium().bytes.fill(0xaa);
    const result = bench.host().send(same16(1, 2, 0x01));
    assert.deepEqual([result.status, result.takes], [0, 0]);
    assert.ok(
      bench
        .medium()
        .bytes.subarray(512, 1536)
        .every((byte) => byte === 0),
    );
    assert.equal(bench.medium().bytes[1536], 0xaa);
  });

  it('refuses what it does not do', () => {
    const host = new Bench({ thin: true }).host();
    const block = { dataOut: ZEROS };
    // ANCHOR, which needs ANC_SUP; NDOB of the short form; PBDATA.
    for (const cdb of [same16(0, 1, 0x18), same10(0, 1, 0x01), same16(0, 1, 0x04)]) {
      assert.equal(host.send(cdb, block).code, 0x2400);
    }
    assert.equal(host.send(same16(0, 1), { dataOut: pattern(1024, 1) }).code, 0x2400);
    assert.equal(host.send(same16(1020, 5), block).code, 0x2100);
    assert.equal(new Bench().host().send(same16(0, 1, 0x08), block).code, 0x2400);
  });
});

describe('UNMAP (SBC-4 5.35)', () => {
  it('unmaps every range, and flushes where writes are durable', () => {
    const bench = new Bench({ thin: true });
    const host = bench.host();
    bench.medium().bytes.fill(1);
    bench.medium().mapped.fill(1);
    const data = list([2, 3], [9, 0], [1023, 1]);
    const result = host.send(unmap(data.length), { dataOut: data });
    assert.equal(result.status, 0);
    assert.deepEqual([...bench.medium().mapped.subarray(1, 6)], [1, 0, 0, 0, 1]);
    assert.equal(bench.medium().mapped[1023], 0);
    assert.equal(result.requests.at(-1)?.kind, 'flush');
    assert.ok(
      bench
        .medium()
        .bytes.subarray(1024, 2560)
        .every((byte) => byte === 0),
    );
  });

  it('unmaps nothing unless every range is there', () => {
    const bench = new Bench({ thin: true });
    bench.medium().mapped.fill(1);
    const data = list([2, 3], [1023, 2]);
    const result = bench.host().send(unmap(data.length), { dataOut: data });
    assert.deepEqual([result.key, result.code, result.requests.length], [5, 0x2100, 0]);
    assert.ok(bench.medium().mapped.every((one) => one === 1));
  });

  it('is not there on a unit that is not thin', () => {
    const result = new Bench().host().send(unmap(8), { dataOut: list() });
    assert.deepEqual([result.key, result.code], [5, 0x2000]);
  });

  it('refuses lists that are cut short', () => {
    const host = new Bench({ thin: true }).host();
    assert.equal(host.send(unmap(4), { dataOut: new Uint8Array(4) }).code, 0x1a00);
    assert.equal(host.send(unmap(24), { dataOut: list([0, 1]).subarray(0, 20) }).code, 0x1a00);
    assert.equal(host.send(unmap(24), { dataOut: list([0, 1], [5, 1]).subarray(0, 24) }).code, 0x1a00);
    assert.equal(host.send(unmap(0)).status, 0);
  });
});

describe('GET LBA STATUS (SBC-4 5.6)', () => {
  it('tells runs from the address on', () => {
    const bench = new Bench({ thin: true });
    bench.medium().mapped.fill(1, 10, 20);
    const { data } = bench.host().send(status(15, 64));
    const expected = [...be(36, 4), 0, 0, 0, 0, ...be(15, 8), ...be(5, 4), 0, 0, 0, 0];
    expected.push(...be(20, 8), ...be(1004, 4), 1, 0, 0, 0);
    assert.deepEqual([...data], expected);
  });

  it('has one descriptor at least, and as many as fit', () => {
    const bench = new Bench({ thin: true });
    for (let lbn = 0; lbn < 20; lbn += 2) bench.medium().mapped[lbn] = 1;
    const host = bench.host();
    assert.equal(host.send(status(0, 24)).data.length, 24);
    assert.equal(host.send(status(0, 8 + 16 * 5 + 3)).data.length, 8 + 16 * 5);
    assert.equal(host.send(status(1024, 24)).code, 0x2100);
    assert.equal(host.send(status(0, 4)).data.length, 4);
  });

  it('says that everything is mapped where nothing can be unmapped', () => {
    const { data } = new Bench().host().send(status(0, 24));
    assert.deepEqual([...data.subarray(8)], [...be(0, 8), ...be(1024, 4), 0, 0, 0, 0]);
  });

  it('makes blocks of mapped bytes without a gap or an overlap', () => {
    const runs = fc.array(fc.tuple(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 1, max: 3000 })), {
      maxLength: 8,
    });
    fc.assert(
      fc.property(runs, fc.nat(19), (steps, from) => {
        const blocks = 20;
        const mapped: [number, number][] = [];
        let at = from * 512;
        for (const [gap, length] of steps) {
          at += gap;
          if (at >= blocks * 512) break;
          mapped.push([at, Math.min(length, blocks * 512 - at)]);
          at += length;
        }
        const made = statusRuns(mapped, from, blocks, 512, 100);
        let next = from;
        for (const run of made) {
          assert.equal(run.lbn, next);
          for (let lbn = run.lbn; lbn < run.lbn + run.blocks; lbn += 1) {
            const isMapped = mapped.some(([o, l]) => o < (lbn + 1) * 512 && o + l > lbn * 512);
            assert.equal(run.isMapped, isMapped);
          }
          next += run.blocks;
        }
        assert.equal(next, blocks);
      }),
    );
  });
});
