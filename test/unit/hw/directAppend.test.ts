import assert from 'node:assert/strict';
import fs, { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { DirectAppend } from '../../../hw/directAppend.ts';
import { giveStage, takeStage } from '../../../hw/directStage.ts';
import { QueueSegment } from '../../../hw/queueSegment.ts';
import { faultOf } from './faults.ts';

type Writev = (fd: number, buffers: Uint8Array[], at: number, ended: (error: Error | null, n?: number) => void) => void;

const SALT = new Uint8Array(16);

describe('B5 long appends past the cache of the system', () => {
  const { writev } = fs;
  const folder = mkdtempSync(join(tmpdir(), 'direct-'));
  const folders = existsSync('/dev/shm') ? [folder, mkdtempSync('/dev/shm/direct-')] : [folder];
  const path = join(folder, 'queue');

  afterEach(() => between(writev as unknown as Writev));

  after(() => {
    for (const one of folders) rmSync(one, { recursive: true });
  });

  /** Stands between this process and the system. */
  function between(instead: Writev): void {
    Object.assign(fs, { writev: instead });
    syncBuiltinESMExports();
  }

  function lengths(): number[] {
    const seen: number[] = [];
    between((fd, buffers, at, ended) => {
      seen.push(buffers.reduce((sum, { length }) => sum + length, 0));
      (writev as unknown as Writev)(fd, buffers, at, ended);
    });
    return seen;
  }

  function bytesOf(length: number, seed: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let n = 0; n < length; n++) bytes[n] = (n * 7 + (n >> 8) + seed) & 0xff;
    return bytes;
  }

  it('leaves the file as appends through the cache would, wherever they end', async () => {
    const length = fc.oneof(fc.integer({ min: 1, max: 9000 }), fc.constantFrom(4096, 8192, 1_048_576, 1_300_001));
    const append = fc.array(length, { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...folders),
        fc.nat(5000),
        fc.array(append, { minLength: 1, maxLength: 5 }),
        fc.constantFrom(1, 4096, 10_000),
        async (at, start, appends, directFrom) => {
          const path = join(at, 'queue');
          const expected = [bytesOf(start, 1)];
          writeFileSync(path, expected[0]);
          const segment = await QueueSegment.open(path, { first: 1, salt: SALT, end: start, directFrom });
          for (const [n, parts] of appends.entries()) {
            const buffers = parts.map((length, i) => bytesOf(length, 31 * n + i));
            expected.push(...buffers);
            await segment.append(
              buffers,
              parts.reduce((sum, length) => sum + length, 0),
            );
            const whole = Buffer.concat(expected);
            assert.equal(segment.end, whole.length);
            assert.ok(readFileSync(path).equals(whole), `${appends}`);
          }
          await segment.sync();
          await segment.close();
        },
      ),
      { numRuns: 60 },
    );
  });

  it('writes whole blocks so, and what is left behind them through the cache', async function () {
    writeFileSync(path, '');
    const fd = fs.openSync(path, 'r+');
    const direct = new DirectAppend(path, fd, 4096);
    try {
      const seen = lengths();
      if (!(await direct.append(0, [bytesOf(10_000, 0)], 10_000))) this.skip();
      assert.deepEqual(seen, [8192, 10_000 - 8192]);
      assert.ok(await direct.append(10_000, [bytesOf(6384, 1)], 6384));
      assert.deepEqual(seen.splice(2), [8192], 'with what stood in the first block');
      assert.equal(await direct.append(16_384, [bytesOf(100, 1)], 100), false, 'too short');
      assert.deepEqual(seen.splice(2), []);
    } finally {
      await direct.close();
      fs.closeSync(fd);
    }
  });

  it('goes through the cache where the system refuses, and does not ask again', async () => {
    writeFileSync(path, '');
    const segment = await QueueSegment.open(path, { first: 1, salt: SALT, end: 0, directFrom: 1 });
    let refused = 0;
    between((fd, buffers, at, ended) => {
      if (buffers.length === 1 && buffers[0].length % 4096 === 0) {
        refused++;
        ended(Object.assign(new Error('EINVAL: invalid argument, writev'), { code: 'EINVAL' }));
      } else (writev as unknown as Writev)(fd, buffers, at, ended);
    });
    const parts = [bytesOf(5000, 1), bytesOf(5001, 2)];
    await segment.append(parts, 10_001);
    await segment.append(parts, 10_001);
    assert.ok(refused <= 1);
    assert.ok(readFileSync(path).equals(Buffer.concat([...parts, ...parts])));
    await segment.close();
  });

  it('writes what a short write left once more through the cache', async () => {
    writeFileSync(path, '');
    const segment = await QueueSegment.open(path, { first: 1, salt: SALT, end: 0, directFrom: 1 });
    let cut = false;
    between((fd, buffers, at, ended) => {
      const short = !cut && buffers.length === 1;
      cut = true;
      (writev as unknown as Writev)(fd, short ? [buffers[0].subarray(0, 4096)] : buffers, at, ended);
    });
    const bytes = bytesOf(20_000, 3);
    await segment.append([bytes, bytes], 40_000);
    assert.ok(readFileSync(path).equals(Buffer.concat([bytes, bytes])));
    await segment.close();
  });

  it('tells of a full disk what to do, and the segment ends where it did', async () => {
    writeFileSync(path, '');
    const segment = await QueueSegment.open(path, { first: 1, salt: SALT, end: 0, directFrom: 1 });
    await segment.append([bytesOf(100, 1)], 100);
    between((_fd, _buffers, _at, ended) => ended(Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })));
    const bytes = bytesOf(10_000, 1);
    await assert.rejects(segment.append([bytes], 10_000), faultOf(/no space left/, /keep less/));
    assert.equal(segment.end, 100);
    between(writev as unknown as Writev);
    await segment.append([bytes], 10_000);
    assert.ok(readFileSync(path).equals(Buffer.concat([bytesOf(100, 1), bytes])));
    await segment.close();
  });

  it('lends memory that begins at a page, to a few at once', () => {
    const taken: Uint8Array[] = [];
    for (let stage = takeStage(); stage; stage = takeStage()) taken.push(stage);
    assert.ok(taken.length > 0 && taken.length <= 16);
    assert.equal(new Set(taken.map(({ byteOffset }) => byteOffset)).size, taken.length);
    for (const stage of taken) giveStage(stage);
  });
});
