import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { truncateSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { TABLE_BLOCK } from '../../src/base/blocks.ts';
import { sumOf } from '../../src/blocks/sums.ts';
import { Random } from '../fuzz/random.ts';
import { KEEPERS, type Keeper, openTabled, VOLUME_BYTES } from './blockTableOptions.ts';

const ROUNDS = Number(process.env.TAPMIRROR_KILLS ?? 4);
const SEED = Number(process.env.TAPMIRROR_SEED ?? 20_261_121);

/** Runs the child until it has told `steps` things and `ms` more have passed. */
async function killed(folder: string, keeper: Keeper, seed: number, steps: number, ms: number): Promise<void> {
  const program = fileURLToPath(new URL('blockTableChild.js', import.meta.url));
  const child = spawn(process.execPath, [program, folder, keeper, String(seed)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  let lines = 0;
  let dying = false;
  child.stdout.on('data', (bytes: Buffer) => {
    for (const byte of bytes) if (byte === 0x0a) lines++;
    if (lines < steps || dying) return;
    dying = true;
    // At any point of a write or of what is learned beside it.
    void pause(ms).then(() => child.kill('SIGKILL'));
  });
  const [, signal] = await ended;
  assert.equal(signal, 'SIGKILL', 'the child ended by itself');
}

describe('D4 a block table after a kill', function () {
  this.timeout(600_000);

  for (const keeper of KEEPERS) {
    it(`of a ${keeper} claims nothing that is not true (${ROUNDS} rounds, seed ${SEED})`, async () => {
      const folder = await mkdtemp(join(tmpdir(), 'table-crash-'));
      try {
        writeFileSync(`${folder}/base.img`, '');
        truncateSync(`${folder}/base.img`, VOLUME_BYTES);
        const random = new Random(SEED, 0);
        let claimed = 0;
        for (let round = 0; round < ROUNDS; round++) {
          await killed(folder, keeper, SEED + round, random.between(1, 30), random.below(25));
          const { table, read, close } = await openTabled(keeper, folder);
          const bytes = new Uint8Array(VOLUME_BYTES);
          await read(bytes);
          for (let block = 0; block < table.blocks; block++) {
            const sum = table.sum(0, block);
            if (!sum) continue;
            claimed++;
            const own = sumOf(bytes.subarray(block * TABLE_BLOCK, (block + 1) * TABLE_BLOCK));
            assert.equal(Buffer.compare(sum, own), 0, `round ${round}, block ${block}`);
          }
          await close();
        }
        assert.ok(claimed > ROUNDS, `only ${claimed} checksums were there`);
      } finally {
        await rm(folder, { recursive: true });
      }
    });
  }
});
