import assert from 'node:assert/strict';
import fc from 'fast-check';
import { copyOf } from '../../../src/base/bytes.ts';
import { Bench, be, type Host, type Options, pattern, type Result } from './host.ts';

const BLOCKS = 64;
const SIZE = 512;

/** What a disk holds, and how its commands change it, in the plainest way there is. */
class Model {
  readonly bytes = new Uint8Array(BLOCKS * SIZE);
  readonly mapped = new Array<boolean>(BLOCKS).fill(false);

  write(lbn: number, data: Uint8Array): void {
    this.bytes.set(data, lbn * SIZE);
    for (let at = 0; at < data.length; at += SIZE) this.mapped[lbn + at / SIZE] = true;
  }

  read(lbn: number, blocks: number): Uint8Array {
    return copyOf(this.bytes, lbn * SIZE, (lbn + blocks) * SIZE);
  }

  unmap(lbn: number, blocks: number): void {
    this.bytes.fill(0, lbn * SIZE, (lbn + blocks) * SIZE);
    this.mapped.fill(false, lbn, lbn + blocks);
  }
}

type Step = (host: Host, model: Model) => void;

function outOfRange(result: Result): void {
  assert.deepEqual([result.status, result.key, result.code], [2, 5, 0x2100]);
}

/** Runs a command of a range; `done` says what it did where the range is there. */
function ranged(lbn: number, blocks: number, result: Result, done: () => void): void {
  if (lbn + blocks > BLOCKS) outOfRange(result);
  else done();
}

const place = fc.tuple(fc.nat(BLOCKS + 1), fc.integer({ min: 1, max: 9 }), fc.nat(255));

const write: fc.Arbitrary<Step> = place.map(([lbn, blocks, seed]) => (host, model) => {
  const data = pattern(blocks * SIZE, seed);
  const result = host.send([0x2a, 0, ...be(lbn, 4), 0, ...be(blocks, 2), 0], { dataOut: data });
  ranged(lbn, blocks, result, () => {
    assert.equal(result.status, 0);
    model.write(lbn, data);
  });
});

const shortWrite: fc.Arbitrary<Step> = fc
  .tuple(place, fc.nat(4096))
  .map(([[lbn, blocks, seed], length]) => (host, model) => {
    const data = pattern(Math.min(length, blocks * SIZE), seed);
    const result = host.send([0x8a, 0, ...be(lbn, 8), ...be(blocks, 4), 0, 0], { dataOut: data });
    ranged(lbn, blocks, result, () => {
      assert.equal(result.status, 0);
      assert.equal(result.wanted, data.length === blocks * SIZE ? undefined : blocks * SIZE);
      const whole = model.read(lbn, Math.ceil(data.length / SIZE));
      whole.set(data);
      model.write(lbn, whole);
    });
  });

const read: fc.Arbitrary<Step> = fc.tuple(place, fc.nat(6000)).map(([[lbn, blocks], most]) => (host, model) => {
  const result = host.send([0x28, 0, ...be(lbn, 4), 0, ...be(blocks, 2), 0], { dataIn: most });
  ranged(lbn, blocks, result, () => {
    assert.deepEqual(result.data, Buffer.from(model.read(lbn, blocks).subarray(0, most)));
    assert.equal(result.wanted, most < blocks * SIZE ? blocks * SIZE : undefined);
  });
});

const same: fc.Arbitrary<Step> = fc
  .tuple(place, fc.boolean(), fc.boolean())
  .map(([[lbn, blocks, seed], zero, unmaps]) => (host, model) => {
    const block = zero ? new Uint8Array(SIZE) : pattern(SIZE, seed);
    const result = host.send([0x93, unmaps ? 8 : 0, ...be(lbn, 8), ...be(blocks, 4), 0, 0], { dataOut: block });
    ranged(lbn, blocks, result, () => {
      assert.equal(result.status, 0);
      if (unmaps) model.unmap(lbn, blocks);
      else for (let i = 0; i < blocks; i += 1) model.write(lbn + i, block);
    });
  });

const unmap: fc.Arbitrary<Step> = fc.array(place, { maxLength: 4 }).map((places) => (host, model) => {
  const descriptors = places.flatMap(([lbn, blocks]) => [...be(lbn, 8), ...be(blocks, 4), 0, 0, 0, 0]);
  const list = Uint8Array.from([
    ...be(descriptors.length + 6, 2),
    ...be(descriptors.length, 2),
    0,
    0,
    0,
    0,
    ...descriptors,
  ]);
  const result = host.send([0x42, 0, 0, 0, 0, 0, 0, ...be(list.length, 2), 0], { dataOut: list });
  if (places.some(([lbn, blocks]) => lbn + blocks > BLOCKS)) {
    outOfRange(result);
    return;
  }
  assert.equal(result.status, 0);
  for (const [lbn, blocks] of places) model.unmap(lbn, blocks);
});

const compareWrite: fc.Arbitrary<Step> = fc
  .tuple(place, fc.boolean(), fc.nat(9 * SIZE))
  .map(([[lbn, blocks, seed], match, at]) => (host, model) => {
    const compared = model.read(Math.min(lbn, BLOCKS), blocks);
    const half = new Uint8Array(blocks * SIZE);
    half.set(compared.subarray(0, half.length));
    const wrong = at % half.length;
    if (!match) half[wrong] ^= 0x40;
    const data = pattern(half.length, seed);
    const cdb = [0x89, 0, ...be(lbn, 8), 0, 0, 0, blocks, 0, 0];
    const result = host.send(cdb, { dataOut: Buffer.concat([half, data]) });
    ranged(lbn, blocks, result, () => {
      if (match) {
        assert.equal(result.status, 0);
        model.write(lbn, data);
      } else assert.deepEqual([result.key, result.code, result.information], [0xe, 0x1d00, wrong]);
    });
  });

const orWrite: fc.Arbitrary<Step> = place.map(([lbn, blocks, seed]) => (host, model) => {
  const data = pattern(blocks * SIZE, seed);
  const result = host.send([0x8b, 0, ...be(lbn, 8), ...be(blocks, 4), 0, 0], { dataOut: data });
  ranged(lbn, blocks, result, () => {
    assert.equal(result.status, 0);
    model.write(
      lbn,
      model.read(lbn, blocks).map((byte, i) => byte | data[i]),
    );
  });
});

const verify: fc.Arbitrary<Step> = fc.tuple(place, fc.boolean()).map(([[lbn, blocks], match]) => (host, model) => {
  const data = new Uint8Array(blocks * SIZE);
  data.set(model.read(Math.min(lbn, BLOCKS), blocks).subarray(0, data.length));
  if (!match) data[data.length - 1] ^= 1;
  const result = host.send([0xaf, 2, ...be(lbn, 4), ...be(blocks, 4), 0, 0], { dataOut: data });
  ranged(lbn, blocks, result, () => assert.equal(result.code, match ? 0 : 0x1d00));
});

const status: fc.Arbitrary<Step> = fc.nat(BLOCKS + 1).map((lbn) => (host, model) => {
  const result = host.send([0x9e, 0x12, ...be(lbn, 8), ...be(4096, 4), 0, 0]);
  if (lbn >= BLOCKS) {
    outOfRange(result);
    return;
  }
  const data = Buffer.from(result.data);
  let next = lbn;
  for (let at = 8; at < data.length; at += 16) {
    assert.equal(Number(data.readBigUInt64BE(at)), next);
    const blocks = data.readUInt32BE(at + 8);
    for (let i = 0; i < blocks; i += 1) assert.equal(data[at + 12] === 0, model.mapped[next + i]);
    next += blocks;
  }
  assert.equal(next, BLOCKS);
});

const stepping = fc.oneof(write, write, shortWrite, read, same, unmap, compareWrite, orWrite, verify, status);

describe('a disk against a plain model of one', () => {
  for (const options of [{ thin: true }, { thin: true, cache: true }] satisfies Options[]) {
    it(`after any commands (${Object.keys(options).join(', ')})`, () => {
      fc.assert(
        fc.property(fc.array(stepping, { maxLength: 40 }), (steps) => {
          const bench = new Bench({ ...options, blocks: BLOCKS });
          const host = bench.host();
          const model = new Model();
          for (const step of steps) step(host, model);
          assert.ok(Buffer.compare(bench.medium().bytes, model.bytes) === 0);
          if (!('cache' in options)) assert.ok(bench.medium().durable.every((durable) => durable));
        }),
        { numRuns: 150 },
      );
    });
  }
});
