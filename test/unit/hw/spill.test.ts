import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { openSpill, type Spill } from '../../../hw/spill.ts';
import { SPILL_UNIT, SpillSpace } from '../../../hw/spillSpace.ts';
import { faultOf } from './faults.ts';

const MIB = 1024 * 1024;

function pattern(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 7 + (i >> 8)) & 0xff);
}

describe('C4 temporary storage', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'spill-'));
  });
  after(() => rm(folder, { recursive: true }));

  const withSpill = async (bytes: number, use: (spill: Spill) => Promise<void>): Promise<void> => {
    const spill = await openSpill(join(folder, 'made', 'link.spill'), bytes);
    try {
      await use(spill);
    } finally {
      await spill.close();
    }
  };

  it('gives back what was written, from a file that has no name', () =>
    withSpill(MIB, async (spill) => {
      assert.deepEqual(await readdir(join(folder, 'made')), []);
      const one = spill.take(5000);
      const other = spill.take(512);
      assert.ok(one && other);
      assert.deepEqual([one.bytes, other.bytes, spill.usedBytes], [5000, 512, 3 * SPILL_UNIT]);
      await Promise.all([spill.write(one.place, pattern(5000, 1)), spill.write(other.place, pattern(512, 2))]);
      const [back, end] = [new Uint8Array(5000), new Uint8Array(512)];
      await Promise.all([spill.read(one.place, back), spill.read(other.place, end)]);
      assert.deepEqual([back, end], [pattern(5000, 1), pattern(512, 2)]);
    }));

  it('takes over what a killed process has left, and nothing of what it held', async () => {
    const path = join(folder, 'left.spill');
    await writeFile(path, pattern(10_000, 3));
    const spill = await openSpill(path, MIB);
    await assert.rejects(spill.read(0, new Uint8Array(1)), faultOf(/left\.spill ends at 0/));
    await assert.rejects(stat(path), { code: 'ENOENT' });
    await spill.close();
  });

  it('is refused where there is something else, which is left alone', async () => {
    const [directory, link] = [join(folder, 'directory.spill'), join(folder, 'link.spill')];
    await mkdir(directory);
    await symlink(join(folder, 'elsewhere'), link);
    await assert.rejects(openSpill(directory, MIB), faultOf(/directory\.spill is a directory/, /./));
    await assert.rejects(openSpill(link, MIB), faultOf(/link\.spill/, /./));
    await stat(directory);
  });

  it('gives its blocks back once nothing in it is needed, and can be written at once', () =>
    withSpill(64 * MIB, async (spill) => {
      const bytes = new Uint8Array(24 * MIB).fill(4);
      for (let round = 0; round < 3; round++) {
        const run = spill.take(bytes.length);
        assert.equal(run?.bytes, bytes.length);
        await spill.write(run.place, bytes);
        spill.give(run.place, run.bytes);
        assert.equal(spill.usedBytes, 0);
        // The cut of the file is under way now.
        const next = spill.take(4096);
        assert.ok(next);
        await spill.write(next.place, pattern(4096, round));
        const back = new Uint8Array(4096);
        await spill.read(next.place, back);
        assert.deepEqual(back, pattern(4096, round));
        await assert.rejects(spill.read(12 * MIB, new Uint8Array(1)), faultOf(/ends at 12582912/));
        spill.give(next.place, next.bytes);
      }
    }));

  it('tells of a file that may not become longer, and goes on with the room that it has', async () => {
    const writer = fileURLToPath(new URL('./spillWriter.js', import.meta.url));
    const script = 'ulimit -f 16 && exec "$0" "$@"';
    const words = ['-c', script, process.execPath, writer, join(folder, 'short.spill')];
    const { stdout } = await promisify(execFile)('bash', words);
    assert.deepEqual(JSON.parse(stdout), { blame: 'local', code: 'EFBIG', mended: true, kept: true });
  });
});

describe('C4 places in temporary storage', () => {
  it('are lent to one at a time, within the bound, and all of them can be', () => {
    const steps = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 100_000 }), fc.nat()), { maxLength: 200 });
    fc.assert(
      fc.property(fc.nat(600_000), steps, (bytesMax, some) => {
        const space = new SpillSpace(bytesMax);
        const lent: { place: number; bytes: number }[] = [];
        const units = Math.floor(bytesMax / SPILL_UNIT);
        const owner = new Uint8Array(units);
        const mark = ({ place, bytes }: { place: number; bytes: number }, from: number, to: number): void => {
          assert.equal(place % SPILL_UNIT, 0);
          for (let unit = place / SPILL_UNIT; unit * SPILL_UNIT < place + bytes; unit++) {
            assert.equal(owner[unit], from);
            owner[unit] = to;
          }
        };
        const used = (): number => owner.reduce((sum, one) => sum + one, 0);
        for (const [take, bytes, pick] of some) {
          if (take) {
            const run = space.take(bytes);
            assert.equal(run === undefined, used() === units, 'only when nothing is free');
            if (!run) continue;
            assert.ok(run.bytes === bytes || (run.bytes < bytes && run.bytes % SPILL_UNIT === 0));
            mark(run, 0, 1);
            lent.push(run);
          } else if (lent.length > 0) {
            const [run] = lent.splice(pick % lent.length, 1);
            // A part first, where there is more than a unit.
            const head = run.bytes > SPILL_UNIT ? SPILL_UNIT : 0;
            if (head > 0) space.give(run.place, head);
            space.give(run.place + head, run.bytes - head);
            mark(run, 1, 0);
          }
          assert.equal(space.usedBytes, used() * SPILL_UNIT);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('are used again before the file grows', () => {
    const space = new SpillSpace(1024 * MIB);
    const runs = Array.from({ length: 100 }, () => space.take(SPILL_UNIT));
    for (const run of runs.slice(0, 50)) space.give(run?.place ?? -1, SPILL_UNIT);
    for (let i = 0; i < 50; i++) space.take(SPILL_UNIT);
    assert.equal(space.highest, 100 * SPILL_UNIT);
  });
});
