import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readBootId } from '../../hw/bootId.ts';
import { readStored } from '../../src/record/stored.ts';
import { Random } from '../fuzz/random.ts';
import { CHUNKS, crashOptions, KEPT_FILE } from './recordOptions.ts';
import { follow, killed } from './recordTold.ts';

const ROUNDS = Number(process.env.TAPMIRROR_KILLS ?? 12);
const SEED = Number(process.env.TAPMIRROR_SEED ?? 20_261_122);
const EVERYTHING = Array.from({ length: CHUNKS }, (_, chunk) => chunk);

/** What a process that begins now takes as marked; undefined: everything. */
async function believed(folder: string): Promise<Set<number> | undefined> {
  const { lu, mirrorId, firstId, bytes, chunkBytes, hotBytes } = crashOptions(folder);
  const keeping = { lu, mirrorId, firstId, bytes, chunkBytes, hotBytes };
  const bootId = await readBootId();
  const held = readFileSync(join(folder, KEPT_FILE));
  const stored = readStored(held, { ...keeping, looking: true, synced: false, bootId });
  if (stored.reset !== undefined) return undefined;
  const marked = new Set<number>();
  stored.bitmap.forEachRun((first, end) => {
    for (let c = first; c < end; c++) marked.add(c);
  });
  return marked;
}

describe('B8 a record whose disk fails, after a kill', function () {
  this.timeout(120_000);
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kept-crash-'));
  });

  afterEach(() => rm(folder, { recursive: true }));

  it(`${ROUNDS} rounds of kill -9 lose no mark, whether it is kept, not kept, or begun again (seed ${SEED})`, async () => {
    const random = new Random(SEED, 0);
    let sure = new Set(EVERYTHING);
    const seen = { again: 0, believedAgain: 0, nothing: 0 };
    for (let round = 0; round < ROUNDS; round++) {
      // At any moment, or soon after it is kept again.
      const [steps, after] = [random.between(40, 1500), random.between(0, 30)];
      const lines =
        round % 2 === 0
          ? await killed('keptRecordChild.js', [folder, SEED, round], steps)
          : await killed('keptRecordChild.js', [folder, SEED, round, 'again', after], Number.POSITIVE_INFINITY);
      for (const line of lines) follow(sure, line);
      const again = lines.filter((line) => line === 'again').length;
      const marked = await believed(folder);
      for (const c of marked ? sure : []) assert.ok(marked?.has(c), `round ${round}: the mark of chunk ${c} is lost`);
      seen.again += again;
      if (marked === undefined) seen.nothing++;
      else if (again > 0) seen.believedAgain++;
      sure = marked ?? new Set(EVERYTHING);
    }
    assert.ok(seen.again > 0 && seen.believedAgain > 0 && seen.nothing > 0, JSON.stringify(seen));
  });

  it('is believed by nobody from the moment in which a mark that it did not take returned', async () => {
    for (let round = 0; round < 3; round++) {
      const lines = await killed('keptRecordChild.js', [folder, SEED, round, 'failed'], Number.POSITIVE_INFINITY);
      assert.match(lines.findLast((line) => /^(failed|mark)/.test(line)) ?? '', /^failed no space left$/);
      assert.equal(await believed(folder), undefined, `round ${round}`);
    }
  });
});
