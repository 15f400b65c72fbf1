import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPunch } from '../../../hw/punch.ts';
import { openTargetFile } from '../../../hw/targetFile.ts';
import { TargetPace } from '../../../hw/targetPace.ts';
import type { Piece } from '../../../src/base/change.ts';
import { faultOf } from './faults.ts';

const BYTES = 1 << 20;

describe('A5 the file of a target', () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'target-file-'));
    path = join(folder, 'disk.img');
    await writeFile(path, new Uint8Array(BYTES).fill(1));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const pieces: Piece[] = [
    { offset: 512, length: 1536, payload: [new Uint8Array(512).fill(2), new Uint8Array(1024).fill(3)] },
    { offset: 8192, length: 2048, payload: { fill: Uint8Array.of(...Array(512).keys()) } },
    { offset: 20_480, length: 4096, payload: 'zeros' },
  ];

  for (const atOnceBytes of [1 << 20, 0]) {
    it(`reads and writes the same ${atOnceBytes > 0 ? 'at once' : 'by the thread pool'}`, async () => {
      const file = await openTargetFile(path, { writable: true, thin: true, atOnceBytes });
      const writing = file.write(pieces);
      assert.equal(writing === undefined, atOnceBytes > 0);
      await writing;
      const into = new Uint8Array(32_768);
      const reading = file.read(0, into);
      assert.equal(reading === undefined, atOnceBytes > 0);
      await reading;
      const expected = new Uint8Array(32_768).fill(1);
      expected.fill(2, 512, 1024).fill(3, 1024, 2048);
      for (let i = 0; i < 2048; i++) expected[8192 + i] = i % 512;
      expected.fill(0, 20_480, 24_576);
      assert.deepEqual(into, expected);
      await file.flush();
      await file.close();
      assert.deepEqual(new Uint8Array(await readFile(path)).subarray(0, 32_768), expected);
    });
  }

  it('refuses to write behind its end, and says where a file that was cut ends', async () => {
    const file = await openTargetFile(path, { writable: true, thin: false });
    assert.throws(() => file.write([{ offset: BYTES - 512, length: 1024, payload: 'zeros' }]), /behind the end/);
    await truncate(path, BYTES / 2);
    const late = async (): Promise<void> => file.read(BYTES / 2 - 512, new Uint8Array(1024));
    await assert.rejects(late, faultOf(/ends at 524288/));
    await file.close();
    assert.equal((await stat(path)).size, BYTES / 2);
  });

  it('tells that it became longer, and is used to its new end; not that it was cut', async () => {
    const file = await openTargetFile(path, { writable: true, thin: false, lookMs: 1 });
    const told: number[] = [];
    const grown = new Promise<void>((resolve) => {
      file.onSizeChange((bytes) => {
        told.push(bytes);
        if (bytes === 2 * BYTES) resolve();
      });
    });
    await truncate(path, BYTES / 2);
    await truncate(path, 2 * BYTES);
    await grown;
    assert.deepEqual([told, file.bytes], [[2 * BYTES], 2 * BYTES]);
    await file.write([{ offset: 2 * BYTES - 512, length: 512, payload: 'zeros' }]);
    await file.close();
  });

  it('gives room back where it is thin, and writes zeros where it is not', async function () {
    if ((await openPunch()) === undefined) return this.skip();
    const room = async (): Promise<number> => (await stat(path)).blocks * 512;
    for (const thin of [false, true]) {
      const file = await openTargetFile(path, { writable: true, thin });
      assert.equal(file.thin, thin);
      const before = await room();
      await file.unmap(65_536, 131_072);
      assert.equal(before - (await room()), thin ? 131_072 : 0);
      const into = new Uint8Array(131_072);
      await file.read(65_536, into);
      assert.ok(into.every((byte) => byte === 0));
      if (thin)
        assert.deepEqual(file.mapped(0, BYTES, 9), [
          [0, 65_536],
          [196_608, BYTES - 196_608],
        ]);
      await file.close();
    }
  });

  it("is nobody else's while it can be written", async () => {
    const file = await openTargetFile(path, { writable: true, thin: false });
    await assert.rejects(openTargetFile(path, { writable: true, thin: false }), faultOf(/disk\.img/));
    const reader = await openTargetFile(path, { writable: false, thin: false });
    await reader.close();
    await file.close();
  });
});

describe("A5 the pace of a target's store", () => {
  it('lets calls go another way for ever longer while they are slow, and comes back when they are not', () => {
    let now = 0;
    const pace = new TargetPace(() => now);
    const call = (ms: number): boolean => {
      if (!pace.atOnce) return false;
      const since = pace.start();
      now += ms;
      pace.took(since, 4096);
      return true;
    };
    const away = (): number => {
      let count = 0;
      while (!call(5)) count++;
      return count;
    };
    assert.equal(call(0.01), true);
    assert.equal(call(5), true);
    const waits = Array.from({ length: 10 }, away);
    assert.deepEqual(waits, [8, 16, 32, 64, 128, 256, 512, 1024, 1024, 1024]);
    while (!call(0.01));
    for (let i = 0; i < 4096; i++) call(0.01);
    call(5);
    assert.equal(away(), 8);
  });
});
