import { createInterface } from 'node:readline';
import { dice } from './files.ts';
import { Host } from './host.ts';
import type { LoadEnd, LoadOrder } from './load.ts';
import { make, type Operation } from './operations.ts';

/**
 * One host's load as a process of its own, within the network namespace it was started in: `loadChild ORDER`, a `LoadOrder`
 * in JSON. Says `ready`, then `at N` again and again, and last a `LoadEnd` in JSON. The line `stop` on standard input ends it early.
 */
const order = JSON.parse(process.argv[2]) as LoadOrder;
const { seed, operations, depth = 8, blocks: [least, most] = [1, 64], overlap = false, pauseMs = 0 } = order;
const host = new Host(order);
let left = order.count ?? Number.POSITIVE_INFINITY;
const end: LoadEnd = { done: 0, refused: 0, sessions: 0 };

createInterface({ input: process.stdin }).on('line', () => {
  left = 0;
});

/** Whether a target that writes and then compares (WRITE AND VERIFY) found what another lane wrote meanwhile. */
function raced(operation: Operation, message: string): boolean {
  return overlap && operation.startsWith('wv') && message.includes('MISCOMPARE');
}

/** Commands one after the other: in a range of its own, or where the others write as well. */
async function lane(n: number): Promise<void> {
  const roll = dice(seed * 64 + n);
  const { from = 0, span = host.blocks - from } = order;
  const width = overlap ? span : Math.floor(span / depth);
  const base = overlap ? from : from + n * width;
  while (left > 0) {
    left--;
    const blocks = Math.min(width, least + roll(most - least + 1));
    const operation = operations[roll(operations.length)];
    const { cdb, ...data } = make(operation, base + roll(width - blocks + 1), blocks, host.blockSize, roll);
    try {
      await host.do(cdb, data);
    } catch (error) {
      const { message } = error as Error;
      if (!raced(operation, message)) {
        end.refused++;
        end.why ??= `${operation}: ${message}`;
      }
    }
    if (++end.done % 20 === 0) process.stdout.write(`at ${end.done}\n`);
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

await host.open();
process.stdout.write('ready\n');
await Promise.all(Array.from({ length: depth }, (_, n) => lane(n)));
await host.close();
end.sessions = host.sessions;
process.stdout.write(`${JSON.stringify(end)}\n`);
process.exit();
