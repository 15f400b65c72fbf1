import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { memoryFolder } from '../leftovers.ts';
import { FaultyDisk } from './journeyDisk.ts';
import { VirtualTimers } from './journeyTimers.ts';
import { random } from './random.ts';

/** More histories: TAPMIRROR_SIM_RUNS; one of them again: TAPMIRROR_SIM_SEED. */
const SEED = process.env.TAPMIRROR_SIM_SEED;

/** How many histories there are where nobody says. */
export function runsOr(usual: number): number {
  return Number(process.env.TAPMIRROR_SIM_RUNS ?? usual);
}

/** What a history has for itself; every choice in it comes from its seed. */
export interface Setting {
  below: (n: number) => number;
  /** An empty folder. */
  root: string;
  /** Time passes. */
  tick: (ms: number) => void;
}

/** A folder in memory, if there is such a place, for the tests of the `describe` that this is called in. */
export function folderOf(name: string): () => string {
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(memoryFolder(), `${name}-sim-`));
  });
  after(() => rm(folder, { recursive: true }));
  return () => folder;
}

/** Lives through histories one after the other, under timers of their own; tells the seed of the one that fails. */
export async function histories(
  folder: string,
  runs: number,
  live: (setting: Setting) => Promise<void>,
): Promise<void> {
  const base = SEED === undefined ? 1 + Math.floor(Math.random() * 0x3fffffff) : Number(SEED);
  for (let n = 0; n < (SEED === undefined ? runs : 1); n++) await history(folder, base + n, live);
}

async function history(folder: string, seed: number, live: (setting: Setting) => Promise<void>): Promise<void> {
  const root = join(folder, `${seed}`);
  await mkdir(root);
  const below = random(seed);
  const timers = new VirtualTimers();
  timers.install(() => below(1 << 20) / (1 << 20));
  try {
    await live({ below, root, tick: (ms) => timers.pass(ms) });
  } catch (error) {
    const again = `TAPMIRROR_SIM_SEED=${seed} shows it again`;
    throw new Error(`${again}: ${error instanceof Error ? error.message : error}`, { cause: error });
  } finally {
    timers.remove();
    await rm(root, { recursive: true });
  }
}

/** `live` with a disk that may fail. */
export async function withFaultyDisk(
  { root, below }: Setting,
  live: (disk: FaultyDisk) => Promise<void>,
): Promise<void> {
  const disk = new FaultyDisk(root, below);
  disk.install();
  try {
    await live(disk);
  } finally {
    disk.remove();
  }
}

/** What happened in all histories. */
export class Tally {
  readonly #total: Record<string, number> = {};

  add(counts: Readonly<Record<string, number>>): void {
    for (const [what, count] of Object.entries(counts)) this.#total[what] = (this.#total[what] ?? 0) + count;
  }

  /** Histories are worth something only if all of this happens in them. They are only judged, and told so, where they are `many`. */
  assertAll(many: boolean): boolean {
    if (process.env.TAPMIRROR_SIM_RUNS) console.log(JSON.stringify(this.#total));
    const judged = SEED === undefined && many;
    for (const [what, count] of Object.entries(this.#total)) assert.ok(!judged || count > 0, what);
    return judged;
  }
}
