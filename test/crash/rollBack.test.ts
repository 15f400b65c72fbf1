import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, ftruncateSync, openSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { copyOf } from '../../src/base/bytes.ts';
import { Random } from '../fuzz/random.ts';
import { apply } from '../unit/unit/history/historyKit.ts';
import { entryOf, openCrashQueue, VOLUME_BYTES } from './queueOptions.ts';

const ROUNDS = Number(process.env.TAPMIRROR_KILLS ?? 6);
const SEED = Number(process.env.TAPMIRROR_SEED ?? 20_261_121);
const COUNT = 150;

interface Told {
  newest: number;
  to: number;
  incarnation: string;
}

describe('C2 C6 rolling back that is killed', function () {
  this.timeout(600_000);

  it(`${ROUNDS} rounds of kill -9 leave all of the past, or none of what was to go (seed ${SEED})`, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'rollback-crash-'));
    const random = new Random(SEED, 0);
    let done = 0;
    let undone = 0;
    try {
      const fd = openSync(`${folder}/base.img`, 'w');
      ftruncateSync(fd, VOLUME_BYTES);
      closeSync(fd);
      // What the volume holds at each sequence.
      const images = [new Uint8Array(VOLUME_BYTES)];
      let number = 1;
      for (let round = 0; round < ROUNDS; round++) {
        const back = random.between(1, COUNT - 1);
        const ms = random.chance(4) ? 0 : random.below(40) / 10;
        // A busy machine may kill it in time whenever: the last one is let come to its end.
        const over = round === ROUNDS - 1;
        const told = await killed(folder, [SEED, number, COUNT, back], over ? 'over' : ms);
        for (let n = 0; n < COUNT; n++) {
          const image = copyOf(images.at(-1) as Uint8Array);
          const entry = entryOf(SEED, number + n);
          if (entry.kind === 'change') for (const piece of entry.pieces) apply(image, piece);
          images.push(image);
        }
        assert.equal(told.newest, images.length - 1);
        const store = await openCrashQueue(folder, [], 2 ** 30);
        const { newest } = store.moments();
        const same = store.incarnation === told.incarnation;
        assert.equal(newest.sequence, same ? told.newest : told.to, same ? 'all of it is there' : 'none of it is left');
        assert.ok(!over || !same, 'what it has said to be over is over');
        if (same) undone++;
        else done++;
        images.length = newest.sequence + 1;
        const image = new Uint8Array(VOLUME_BYTES);
        await store.read(0, image);
        assert.ok(Buffer.compare(image, images[newest.sequence]) === 0, `sequence ${newest.sequence} is what it was`);
        await store.scrub();
        number = (store.durable?.number ?? 0) + 1;
        await store.close();
      }
    } finally {
      await rm(folder, { recursive: true });
    }
    assert.ok(done > 0, `${done} times it was over, ${undone} times it had not begun`);
  });
});

/** Runs the child and kills it so long after it has begun to roll back, or once that is over. */
async function killed(folder: string, words: readonly number[], ms: number | 'over'): Promise<Told> {
  const program = fileURLToPath(new URL('rollBackChild.js', import.meta.url));
  const child = spawn(process.execPath, [program, folder, ...words.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  let told: Told | undefined;
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line === 'done') {
      child.kill('SIGKILL');
      return;
    }
    told = JSON.parse(line) as Told;
    if (ms !== 'over') void pause(ms).then(() => child.kill('SIGKILL'));
  });
  const [, signal] = await ended;
  assert.equal(signal, 'SIGKILL', 'the child ended by itself');
  if (!told) throw new Error('the child said nothing');
  return told;
}
