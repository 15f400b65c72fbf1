import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { openCaptures } from '../../../hw/captureFile.ts';
import { copyOf } from '../../../src/base/bytes.ts';
import { Fault } from '../../../src/base/fault.ts';
import { describedInterface, enhanced, join, pcap, section, words } from '../parsers/capture/build.ts';
import { readFrames, type TakenFrame, temporaryFolder } from './captureRead.ts';

const data = (length: number, first = 0) => Uint8Array.from({ length }, (_, i) => first + i * 3);
const digest = ({ seconds, nanos, data }: TakenFrame) => `${seconds}.${nanos} ${Buffer.from(data).toString('hex')}`;

/** Frames of many sizes, none of which fits a chunk of 64 bytes. */
function sample(count: number) {
  return Array.from({ length: count }, (_, i) => ({ seconds: 100 + i, fraction: i, data: data((i * 37) % 400, i) }));
}

async function refused(path: string): Promise<Fault> {
  try {
    await openCaptures([path]);
  } catch (error) {
    assert.ok(error instanceof Fault);
    assert.equal(error.blame, 'local');
    assert.ok(error.message.startsWith(`${path}: `), error.message);
    assert.ok(error.mend);
    return error;
  }
  assert.fail('it was opened');
}

describe('A1 capture files', () => {
  const temporary = temporaryFolder();

  it('reads a file alike whatever the size of its chunks', async () => {
    const frames = sample(100);
    const file = temporary('sizes.pcap');
    writeFileSync(file, pcap(frames));
    const expected = frames.map(({ seconds, fraction, data }) =>
      digest({ seconds, nanos: fraction * 1000, link: 1, wire: 0, data }),
    );
    for (const chunkBytes of [13, 64, 65, 1000, 4096, 1 << 16, undefined]) {
      const read = await readFrames([file], chunkBytes === undefined ? {} : { chunkBytes });
      assert.deepEqual(read.frames.map(digest), expected);
      assert.deepEqual(read.faults, []);
    }
  });

  it('reads pcapng alike whatever the size of its chunks', async () => {
    const blocks = sample(60).map(({ data }, i) => enhanced(false, 0, BigInt(i), data));
    const unknown = join(words(false, 99, 5012), data(5000), words(false, 5012));
    const file = temporary('sizes.pcapng');
    writeFileSync(file, join(section(false), unknown, describedInterface(false), ...blocks, unknown, ...blocks));
    const whole = await readFrames([file]);
    assert.equal(whole.frames.length, 120);
    for (const chunkBytes of [5, 64, 999]) assert.deepEqual(await readFrames([file], { chunkBytes }), whole);
  });

  it('reads records that are larger than many chunks', async () => {
    const file = temporary('large.pcap');
    const large = data(700_000);
    const frames = [5, 700_000, 3, 700_000].map((length) => ({
      seconds: 1,
      fraction: 0,
      data: large.subarray(0, length),
    }));
    writeFileSync(file, pcap(frames));
    const read = await readFrames([file], { chunkBytes: 4096 });
    assert.deepEqual(
      read.frames.map((frame) => frame.data.length),
      [5, 700_000, 3, 700_000],
    );
    assert.deepEqual(read.frames[3].data, large);
  });

  it('leaves bytes alone until it has said that it wants them back', async () => {
    const frames = sample(300);
    const [one, two] = [temporary('borrow-1.pcap'), temporary('borrow-2.pcap')];
    writeFileSync(one, pcap(frames.filter((_, i) => i % 3 > 0)));
    writeFileSync(two, pcap(frames.filter((_, i) => i % 3 === 0)));
    for (const chunkBytes of [64, 300, 2000]) {
      const source = await openCaptures([one, two], { chunkBytes });
      const held = new Map<Uint8Array, { at: number; copy: Uint8Array }[]>();
      let released = 0;
      const check = (bytes: Uint8Array) => {
        for (const { at, copy } of held.get(bytes) ?? []) assert.deepEqual(copyOf(bytes, at, at + copy.length), copy);
        held.delete(bytes);
      };
      source.beforeReuse = (bytes) => {
        released++;
        check(bytes);
      };
      let count = 0;
      for (let run = await source.next(); run !== undefined; run = await source.next()) {
        const { bytes, offset, captured } = run.batch;
        const list = held.get(bytes) ?? [];
        held.set(bytes, list);
        for (let i = run.from; i < run.to; i++, count++) {
          const copy = copyOf(bytes, offset[i], offset[i] + captured[i]);
          assert.deepEqual(copy, frames[count].data);
          list.push({ at: offset[i], copy });
        }
      }
      for (const bytes of [...held.keys()]) check(bytes);
      assert.equal(count, 300);
      assert.ok(released > 10);
      await source.close();
    }
  });

  it('says how far it is', async () => {
    const file = temporary('progress.pcap');
    writeFileSync(file, pcap(sample(2000)));
    const total = readFileSync(file).length;
    const source = await openCaptures([file], { chunkBytes: 4096 });
    assert.equal(source.total, total);
    let last = -1;
    for (let run = await source.next(); run !== undefined; run = await source.next()) {
      assert.ok(source.position >= last && source.position <= total);
      last = source.position;
    }
    assert.equal(source.position, total);
    await source.close();
  });

  it('takes a capture without frames for what it is', async () => {
    for (const [name, bytes] of [
      ['none.pcap', pcap([])],
      ['none.pcapng', section(true)],
    ] as const) {
      writeFileSync(temporary(name), bytes);
      assert.deepEqual(await readFrames([temporary(name)]), { frames: [], faults: [] });
    }
  });

  it('ends early when it is closed, also under a waiting read, and finds no fault with the file', async () => {
    const file = temporary('closed.pcap');
    writeFileSync(file, pcap(sample(2000)));
    writeFileSync(`${file}.gz`, gzipSync(readFileSync(file)));
    for (const path of [file, `${file}.gz`]) {
      for (let runs = 0; runs < 20; runs++) {
        const source = await openCaptures([path], { chunkBytes: 512 });
        for (let i = 0; i < runs; i++) await source.next();
        const waiting = source.next();
        await source.close();
        await waiting;
        assert.equal(await source.next(), undefined);
        assert.deepEqual(source.faults, []);
        await source.close();
      }
    }
  });
});

describe('H5 capture files that are not whole', () => {
  const temporary = temporaryFolder();

  it('uses a file that ends inside a record up to there, wherever that is', async () => {
    const frames = sample(4);
    const bytes = pcap(frames);
    const ends = [24];
    for (const frame of frames) ends.push(ends[ends.length - 1] + 16 + frame.data.length);
    const file = temporary('cut.pcap');
    for (let cut = 24; cut <= bytes.length; cut++) {
      writeFileSync(file, bytes.subarray(0, cut));
      const read = await readFrames([file], cut % 2 === 0 ? { chunkBytes: 50 } : {});
      const whole = ends.filter((end) => end <= cut).length - 1;
      assert.equal(read.frames.length, whole);
      const expected = { file, offset: ends[whole], reason: 'the file ends inside a record' };
      assert.deepEqual(read.faults, cut === ends[whole] ? [] : [expected]);
    }
  });

  it('names the place where a file stops making sense, and goes on with the others', async () => {
    const good = pcap(sample(50));
    const [broken, other] = [temporary('broken.pcap'), temporary('other.pcap')];
    writeFileSync(broken, join(good, words(true, 1, 2, 0xffffffff, 4), data(9999)));
    writeFileSync(other, pcap(sample(90)));
    for (const chunkBytes of [64, 1 << 16]) {
      const { frames, faults } = await readFrames([broken, other], { chunkBytes });
      assert.equal(frames.length, 140);
      assert.equal(faults.length, 1);
      assert.equal(faults[0].file, broken);
      assert.equal(faults[0].offset, good.length);
      assert.match(faults[0].reason, /4294967295 captured bytes/);
    }
  });

  it('tells an unknown block that goes on past the end of the file', async () => {
    const file = temporary('unknown.pcapng');
    const good = join(section(true), describedInterface(true), enhanced(true, 0, 1n, data(20)));
    writeFileSync(file, join(good, words(true, 77, 0x7ffffffc), data(3000)));
    const { frames, faults } = await readFrames([file], { chunkBytes: 100 });
    assert.equal(frames.length, 1);
    assert.match(faults[0].reason, /ends inside a record/);
  });

  it('does not make memory from a claimed length', async () => {
    const file = temporary('claim.pcap');
    writeFileSync(file, join(pcap([]), words(true, 1, 0, 1 << 24, 1 << 24), data(20_000)));
    const before = process.memoryUsage().arrayBuffers;
    const { faults } = await readFrames([file], { chunkBytes: 4096 });
    assert.equal(faults.length, 1);
    assert.ok(process.memoryUsage().arrayBuffers - before < 1 << 20);
  });

  it('refuses what is no capture, and names it', async () => {
    const cases: [string, Uint8Array, RegExp][] = [
      ['empty', new Uint8Array(0), /is empty/],
      ['short', pcap([]).subarray(0, 20), /no readable capture header/],
      ['tiny', Uint8Array.of(0xd4, 0xc3), /no readable capture header/],
      ['text', new TextEncoder().encode('this is not a capture at all'), /neither pcap nor pcapng/],
      ['version', pcap([], { major: 9 }), /version 9/],
      ['half-section', section(true).subarray(0, 14), /no readable capture header/],
    ];
    for (const [name, bytes, message] of cases) {
      writeFileSync(temporary(name), bytes);
      assert.match((await refused(temporary(name))).message, message);
    }
    mkdirSync(temporary('folder'));
    assert.match((await refused(temporary('folder'))).message, /is a directory/);
    assert.match((await refused(temporary('missing'))).message, /no such file/);
    writeFileSync(temporary('packed.zst'), Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0));
    assert.match((await refused(temporary('packed.zst'))).mend ?? '', /zstd -dc/);
  });

  it('refuses to open nothing, and standard input twice', async () => {
    await assert.rejects(openCaptures([]), /no capture file/);
    await assert.rejects(openCaptures(['-', '/dev/stdin']), /twice/);
  });

  it('opens all files or none', async () => {
    writeFileSync(temporary('fine.pcap'), pcap(sample(3)));
    await assert.rejects(
      openCaptures([temporary('fine.pcap'), temporary('absent.pcap')]),
      /absent\.pcap: no such file/,
    );
  });
});
