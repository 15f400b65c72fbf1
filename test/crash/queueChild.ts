import { writeSync } from 'node:fs';
import { Random } from '../fuzz/random.ts';
import { EPOCH, entryOf, openCrashQueue } from './queueOptions.ts';

/** A process that appends and syncs until it is killed. It tells on standard output how far everything is durable. */
const [folder, seed, round] = process.argv.slice(2);
const random = new Random(Number(seed), 1_000_000 + Number(round));
const store = await openCrashQueue(folder);
const tell = (): void => void writeSync(1, `${store.durable?.number ?? 0}\n`);
tell();
for (let number = store.durable?.number ?? 0; ; ) {
  const appends: Promise<void>[] = [];
  for (let i = random.between(1, 12); i > 0; i--) {
    number++;
    appends.push(store.append({ epoch: EPOCH, number }, entryOf(Number(seed), number)));
  }
  if (random.chance(3)) await Promise.all(appends);
  if (random.chance(2)) {
    await store.sync();
    tell();
  }
}
