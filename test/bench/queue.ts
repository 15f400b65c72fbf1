/**
 * The ordered queue: `node dist/test/bench/queue.js [MEBIBYTES] [FOLDER]`. Prints how fast entries are appended and folded, the
 * bytes that are written for each byte of change (as the system counts the calls' bytes), and how long reopening takes. With
 * `node --expose-gc` also the memory of an entry.
 */
import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { openFileVolume } from '../../hw/files.ts';
import { openHistoryStore } from '../../src/unit/history/historyStore.ts';
import type { HistoryStore } from '../../src/unit/history/historyTypes.ts';
import { Random } from '../fuzz/random.ts';

const MIB = 1024 * 1024;
const VOLUME = 4096 * MIB;
const EPOCH = '01234567-89ab-cdef-0123-456789abcdef';
const AT_ONCE = 32;

interface Load {
  name: string;
  /** Bytes of one entry. */
  length: (random: Random) => number;
}

const LOADS: Load[] = [
  { name: '4 KiB random', length: () => 4096 },
  { name: '4 to 256 KiB', length: (random) => 4096 << random.below(7) },
  { name: '256 KiB', length: () => 256 * 1024 },
];

/** Bytes that this process has handed to the system by writing calls. */
function written(): number {
  return Number(/wchar: (\d+)/.exec(readFileSync('/proc/self/io', 'latin1'))?.[1]);
}

async function opened(folder: string, image: string, bytes: number): Promise<HistoryStore> {
  const base = await openFileVolume(image, { writable: true });
  const notice = (text: string): void => console.log(`  ${text}`);
  return openHistoryStore({ folder, base, windowNs: 10n ** 18n, bytes, notice });
}

/** Appends `total` bytes of entries, some at once, synced now and then; returns the bytes that it wrote. */
async function fill(store: HistoryStore, load: Load, total: number, random: Random, from = 0): Promise<number> {
  const bytes = new Uint8Array(256 * 1024);
  random.fill(bytes);
  let done = 0;
  let number = from;
  const pending: Promise<void>[] = [];
  while (done < total) {
    const length = load.length(random);
    const offset = random.below((VOLUME - length) / 4096) * 4096;
    const pieces = [{ offset, length, payload: [bytes.subarray(0, length)] }];
    pending.push(
      store.append({ epoch: EPOCH, number: ++number }, { kind: 'change', at: 1n, pieces, consistent: true }),
    );
    done += length;
    if (pending.length < AT_ONCE) continue;
    await Promise.all(pending.splice(0));
    if (number % (8 * AT_ONCE) === 0) await store.sync();
  }
  await Promise.all(pending);
  await store.sync();
  return done;
}

async function bench(folder: string, load: Load, total: number): Promise<void> {
  const image = join(folder, 'base.img');
  const queue = join(folder, 'queue');
  const fd = openSync(image, 'w');
  ftruncateSync(fd, VOLUME);
  closeSync(fd);
  const random = new Random(1, 1);
  let store = await opened(queue, image, 2 * total);
  globalThis.gc?.();
  const heap = process.memoryUsage();
  let before = written();
  let begun = performance.now();
  const changed = await fill(store, load, total, random);
  const append = (performance.now() - begun) / 1000;
  const perByte = (written() - before) / changed;
  const entries = store.moments().entries;
  globalThis.gc?.();
  const now = process.memoryUsage();
  const memory = (now.heapUsed + now.arrayBuffers - heap.heapUsed - heap.arrayBuffers) / entries;
  await store.close();
  begun = performance.now();
  store = await opened(queue, image, 2 * total);
  const reopen = (performance.now() - begun) / 1000;
  await store.close();
  // A window of nothing: everything is folded.
  before = written();
  begun = performance.now();
  store = await opened(queue, image, 1);
  while (store.moments().entries > 1) await new Promise((resolve) => setTimeout(resolve, 10));
  const fold = (performance.now() - begun) / 1000;
  const folded = (written() - before) / changed + perByte;
  await store.close();
  const rate = (seconds: number): string => `${(changed / 1e6 / seconds).toFixed(0).padStart(5)} MB/s`;
  console.log(
    `${load.name.padEnd(14)} append ${rate(append)}  ${perByte.toFixed(3)} written per byte  ` +
      `reopen ${reopen.toFixed(2)} s (${entries} entries, ${memory.toFixed(0)} bytes each)  ` +
      `fold ${rate(fold)}, ${folded.toFixed(3)} per byte in all`,
  );
  rmSync(image);
  rmSync(queue, { recursive: true });
}

const folder = mkdtempSync(join(process.argv[3] ?? '/dev/shm', 'queue-bench-'));
try {
  for (const load of LOADS) await bench(folder, load, Number(process.argv[2] ?? 1024) * MIB);
} finally {
  rmSync(folder, { recursive: true });
}
