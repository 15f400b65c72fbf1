import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describeLive, lu, SIZE, TAP, TARGET, TEE, TEE_SOURCE, volume } from './kit/bench.ts';
import { MiB, used } from './kit/files.ts';
import { run } from './kit/processes.ts';

describeLive('B5 a unit with a block device as its mirror', ['pcap', 'tgt', 'loop'], (bench) => {
  for (const [what, portal, source] of [
    ['tap', TARGET, TAP],
    ['tee', TEE, TEE_SOURCE],
  ] as const) {
    it(`as a ${what}: the device holds the volume, and nothing behind its end is touched`, async () => {
      const b = bench();
      await b.first();
      const image = b.image('second.img', { bytes: SIZE + 2 * MiB, seed: 7 });
      used(image, SIZE, 2 * MiB, 8);
      const device = await b.loop(image);
      const unit = await b.unit({ source, volumes: [volume(`file:${device}`)] });
      await (await b.load({ url: lu(portal), count: 400, overlap: true })).whole();
      await unit.settled();
      await unit.stop();
      // The image behind it holds what the device was made to keep.
      await run(undefined, ['blockdev', '--flushbufs', device]);
      b.same('first.img', 'second.img');
      const tail = b.image('tail.img', { bytes: SIZE + 2 * MiB });
      used(tail, SIZE, 2 * MiB, 8);
      const [is, was] = [image, tail].map((path) => readFileSync(path).subarray(SIZE));
      assert.ok(is.equals(was), 'what is behind the end is what it was');
    });
  }
});
