import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, ftruncateSync, openSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { copyOf } from '../../src/base/bytes.ts';
import { Random } from '../fuzz/random.ts';
import { apply } from '../unit/unit/history/historyKit.ts';
import { entryOf, openCrashQueue, VOLUME_BYTES } from './queueOptions.ts';

const ROUNDS = Number(process.env.TAPMIRROR_KILLS ?? 5);
const SEED = Number(process.env.TAPMIRROR_SEED ?? 20_261_121);

/** Runs the child until it has told `steps` things and `ms` more have passed, and returns the last one. */
async function killed(folder: string, round: number, steps: number, ms: number): Promise<number> {
  const program = fileURLToPath(new URL('queueChild.js', import.meta.url));
  const child = spawn(process.execPath, [program, folder, String(SEED), String(round)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  let text = '';
  let lines = 0;
  let dying = false;
  child.stdout.on('data', (bytes: Buffer) => {
    text += bytes.toString('latin1');
    for (const byte of bytes) if (byte === 0x0a) lines++;
    if (lines < steps || dying) return;
    dying = true;
    // At any point of a write, a sync or a fold.
    void pause(ms).then(() => child.kill('SIGKILL'));
  });
  const [, signal] = await ended;
  assert.equal(signal, 'SIGKILL', 'the child ended by itself');
  return Number(text.split('\n').at(-2));
}

/** What the entry of this number makes of an image. */
function step(image: Uint8Array, number: number): void {
  const entry = entryOf(SEED, number);
  if (entry.kind === 'change') for (const piece of entry.pieces) apply(image, piece);
}

describe('C6 the ordered queue after a kill', function () {
  this.timeout(600_000);

  it(`${ROUNDS} rounds of kill -9 lose nothing durable and leave only moments that were (seed ${SEED})`, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'queue-crash-'));
    try {
      const fd = openSync(`${folder}/base.img`, 'w');
      ftruncateSync(fd, VOLUME_BYTES);
      closeSync(fd);
      const random = new Random(SEED, 0);
      const model = new Uint8Array(VOLUME_BYTES);
      let at = 0;
      let incarnation: string | undefined;
      const notices: string[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const promised = await killed(folder, round, random.between(1, 60), random.below(30));
        const store = await openCrashQueue(folder, notices);
        incarnation ??= store.incarnation;
        assert.equal(store.incarnation, incarnation, `round ${round}: ${notices.join('; ')}`);
        const { oldest, newest } = store.moments();
        const where = `round ${round}, moments ${oldest.sequence} to ${newest.sequence}`;
        assert.ok(newest.sequence >= promised, `${where}: ${promised} was durable`);
        assert.ok(oldest.sequence >= at, where);
        for (; at < oldest.sequence; at++) step(model, at + 1);
        const image = copyOf(model);
        const held = new Uint8Array(VOLUME_BYTES);
        for (let number = at; number <= newest.sequence; number++) {
          if (number > at) step(image, number);
          if (number > at && number < newest.sequence && !random.chance(20)) continue;
          const view = store.view(number, { force: true });
          await view.read(0, held);
          view.close();
          assert.equal(Buffer.compare(held, image), 0, `${where}: moment ${number}`);
          if (number > 0) assert.equal(view.consistent, entryOf(SEED, number).consistent, `${where}: moment ${number}`);
        }
        await store.close();
      }
      assert.ok(at > 100, `${at} entries were folded`);
      assert.doesNotMatch(notices.join('; '), /damaged|lost|fail/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
