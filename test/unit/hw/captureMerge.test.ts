import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { pcap } from '../parsers/capture/build.ts';
import { readFrames, temporaryFolder } from './captureRead.ts';

interface Timed {
  seconds: number;
  nanos: number;
  name: string;
}

const bytesOf = (name: string) => new TextEncoder().encode(name);

describe('A1 several captures as one stream of time', () => {
  const temporary = temporaryFolder();

  async function merged(files: readonly (readonly Timed[])[], chunkBytes: number): Promise<string[]> {
    const paths = files.map((frames, i) => {
      const path = temporary(`merge-${i}.pcap`);
      const records = frames.map(({ seconds, nanos, name }) => ({ seconds, fraction: nanos, data: bytesOf(name) }));
      writeFileSync(path, pcap(records, { magic: 0xa1b23c4d }));
      return path;
    });
    const { frames } = await readFrames(paths, { chunkBytes });
    return frames.map(({ data }) => new TextDecoder().decode(data));
  }

  /** The plain model: always the earliest head, the first of the files among equals. */
  function model(files: readonly (readonly Timed[])[]): string[] {
    const heads = files.map(() => 0);
    const order: string[] = [];
    for (;;) {
      let best = -1;
      for (let i = 0; i < files.length; i++) {
        const frame = files[i][heads[i]];
        if (frame === undefined) continue;
        const other = best < 0 ? undefined : files[best][heads[best]];
        const earlier =
          other === undefined ||
          frame.seconds < other.seconds ||
          (frame.seconds === other.seconds && frame.nanos < other.nanos);
        if (earlier) best = i;
      }
      if (best < 0) return order;
      order.push(files[best][heads[best]++].name);
    }
  }

  it('puts frames in the order of their times, and of the files where these are equal', async () => {
    const time = fc.record({ seconds: fc.integer({ min: 5, max: 8 }), nanos: fc.nat(3) });
    const oneFile = fc.array(time, { maxLength: 30 });
    const input = fc.tuple(
      fc.array(oneFile, { minLength: 1, maxLength: 5 }),
      fc.boolean(),
      fc.constantFrom(40, 100, 5000),
    );
    await fc.assert(
      fc.asyncProperty(input, async ([times, ordered, chunkBytes]) => {
        const files = times.map((list, f) => {
          const frames = list.map((at, i) => ({ ...at, name: `file ${f} frame ${i}` }));
          if (!ordered) return frames; // clocks step back: the model takes a file's own order as it is
          return frames.sort((a, b) => a.seconds - b.seconds || a.nanos - b.nanos);
        });
        assert.deepEqual(await merged(files, chunkBytes), model(files));
      }),
      { numRuns: 60 },
    );
  });

  it('keeps rotated files in their order', async () => {
    const part = (f: number) =>
      Array.from({ length: 2000 }, (_, i) => ({
        seconds: f * 10 + Math.floor(i / 300),
        nanos: i % 300,
        name: `${f}/${i}`,
      }));
    const files = [part(0), part(1), part(2)];
    assert.deepEqual(
      await merged(files, 1 << 16),
      files.flat().map(({ name }) => name),
    );
  });

  it('needs no more memory for many files than for a few', async () => {
    const paths = Array.from({ length: 120 }, (_, i) => {
      const path = temporary(`many-${i}.pcap`);
      const frames = Array.from({ length: 40 }, (_, n) => ({ seconds: i, fraction: n, data: new Uint8Array(1400) }));
      writeFileSync(path, pcap(frames));
      return path;
    });
    const before = process.memoryUsage().arrayBuffers;
    const { frames } = await readFrames(paths);
    assert.equal(frames.length, 4800);
    const copies = 4800 * 1400;
    assert.ok(process.memoryUsage().arrayBuffers - before - copies < 64 << 20);
  });
});
