import { writeSync } from 'node:fs';
import { EPOCH, entryOf, openCrashQueue } from './queueOptions.ts';

/** A process that fills a queue, makes it durable, tells so, and rolls it back; then it waits to be killed. */
const [folder, seed, from, count, back] = process.argv.slice(2);
const store = await openCrashQueue(folder, [], 2 ** 30);
const first = Number(from);
const appends: Promise<void>[] = [];
for (let number = first; number < first + Number(count); number++) {
  appends.push(store.append({ epoch: EPOCH, number }, entryOf(Number(seed), number)));
}
await Promise.all(appends);
await store.sync();
const { newest } = store.moments();
const to = newest.sequence - Number(back);
writeSync(1, `${JSON.stringify({ newest: newest.sequence, to, incarnation: store.incarnation })}\n`);
await store.rollBack(to, { force: true });
writeSync(1, 'done\n');
setInterval(() => undefined, 1000);
