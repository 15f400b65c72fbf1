import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { constants, gunzipSync, gzipSync } from 'node:zlib';
import { openCaptures } from '../../../hw/captureFile.ts';
import { join, pcap } from '../parsers/capture/build.ts';
import { readFrames, takeAll, temporaryFolder } from './captureRead.ts';

const data = (length: number) => Uint8Array.from({ length }, (_, i) => (i * i) >> 3);
const frames = Array.from({ length: 300 }, (_, i) => ({ seconds: i, fraction: 0, data: data((i * 41) % 600) }));
const whole = pcap(frames);

describe('A1 captures packed with gzip (RFC 1952)', () => {
  const temporary = temporaryFolder();

  it('unpacks them, in chunks of any size', async () => {
    writeFileSync(temporary('plain.pcap'), whole);
    writeFileSync(temporary('one.gz'), gzipSync(whole));
    const plain = await readFrames([temporary('plain.pcap')]);
    assert.equal(plain.frames.length, 300);
    for (const chunkBytes of [64, 1000, 1 << 20]) {
      assert.deepEqual(await readFrames([temporary('one.gz')], { chunkBytes }), plain);
    }
  });

  it('unpacks concatenated members that were cut anywhere, and zeros that pad the end', async () => {
    const members: Uint8Array[] = [];
    for (let at = 0; at < whole.length; at += 997) members.push(gzipSync(whole.subarray(at, at + 997)));
    writeFileSync(temporary('members.gz'), join(...members, gzipSync(new Uint8Array(0)), new Uint8Array(512)));
    const { frames: read, faults } = await readFrames([temporary('members.gz')]);
    assert.deepEqual(faults, []);
    assert.deepEqual(
      read.map(({ data }) => data),
      frames.map(({ data }) => data),
    );
  });

  it('uses a truncated file up to there, wherever that is', async () => {
    const packed = gzipSync(whole);
    for (let cut = 200; cut < packed.length; cut += 487) {
      const file = temporary('truncated.gz');
      writeFileSync(file, packed.subarray(0, cut));
      const there = gunzipSync(packed.subarray(0, cut), { finishFlush: constants.Z_SYNC_FLUSH }).length;
      const ends = frames.map((_, i) => frames.slice(0, i + 1).reduce((sum, { data }) => sum + 16 + data.length, 24));
      const expected = ends.filter((end) => end <= there).length;
      const { frames: read, faults } = await readFrames([file]);
      assert.equal(read.length, expected);
      read.forEach((frame, i) => {
        assert.deepEqual(frame.data, frames[i].data);
      });
      const offset = expected === 0 ? 24 : ends[expected - 1];
      assert.deepEqual(faults, [{ file, offset, reason: 'the gzip data ends too early' }]);
    }
  });

  it('uses a damaged file up to the damage, and names it', async () => {
    const noise = Uint8Array.from({ length: 400_000 }, (_, i) => Math.imul(i, 2654435761) >>> 13);
    const many = pcap(
      Array.from({ length: 400 }, (_, i) => ({
        seconds: i,
        fraction: 0,
        data: noise.subarray(i * 1000, i * 1000 + 1000),
      })),
    );
    const packed = gzipSync(many);
    packed.fill(0xff, Math.floor(packed.length / 2), Math.floor(packed.length / 2) + 40);
    writeFileSync(temporary('damaged.gz'), packed);
    const { frames: read, faults } = await readFrames([temporary('damaged.gz')]);
    assert.ok(read.length > 100 && read.length < 400, `${read.length}`);
    assert.match(faults[0].reason, /gzip data is damaged/);
  });

  it('says how far it is in packed bytes', async () => {
    const packed = gzipSync(whole);
    writeFileSync(temporary('progress.gz'), packed);
    const source = await openCaptures([temporary('progress.gz')]);
    assert.equal(source.total, packed.length);
    await takeAll(source);
    assert.equal(source.position, packed.length);
  });

  it('refuses gzip of something else, and gzip that breaks before the header', async () => {
    writeFileSync(temporary('other.gz'), gzipSync('no capture'));
    await assert.rejects(openCaptures([temporary('other.gz')]), /other\.gz: no readable capture header/);
    writeFileSync(temporary('stub.gz'), gzipSync(whole).subarray(0, 12));
    await assert.rejects(openCaptures([temporary('stub.gz')]), /stub\.gz: no readable capture header/);
    writeFileSync(temporary('nothing.gz'), gzipSync(new Uint8Array(0)));
    await assert.rejects(openCaptures([temporary('nothing.gz')]), /nothing\.gz: no readable capture header/);
  });
});

async function writePieces(path: string, bytes: Uint8Array): Promise<void> {
  const writer = await open(path, 'w');
  for (let at = 0; at < bytes.length; at += 3001) await writer.write(bytes.subarray(at, at + 3001));
  await writer.close();
}

describe('A1 captures from a pipe', () => {
  const temporary = temporaryFolder();
  let pipe = '';

  before(function () {
    pipe = temporary('pipe');
    try {
      execFileSync('mkfifo', [pipe]);
    } catch {
      this.skip(); // no named pipes here
    }
  });

  for (const [name, bytes] of [
    ['plain', whole],
    ['packed', gzipSync(whole)],
  ] as const) {
    it(`reads a ${name} capture as it arrives, waiting for its writer`, async () => {
      const opening = openCaptures([pipe]);
      const written = writePieces(pipe, bytes);
      const source = await opening;
      assert.equal(source.total, 0);
      const read = await takeAll(source);
      await written;
      assert.deepEqual(
        read.map(({ data }) => data),
        frames.map(({ data }) => data),
      );
      assert.deepEqual(source.faults, []);
    });
  }

  it('hands frames on before the writer is done, and can be closed while it waits', async () => {
    const opening = openCaptures([pipe]);
    const writer = await open(pipe, 'w');
    await writer.write(pcap(frames.slice(0, 5)));
    const source = await opening;
    const run = await source.next();
    assert.deepEqual([run?.from, run?.to], [0, 5]);
    const waiting = source.next();
    await source.close();
    assert.equal(await waiting, undefined);
    assert.deepEqual(source.faults, []);
    await writer.close();
  });
});
