import assert from 'node:assert/strict';
import { Worker } from 'node:worker_threads';
import type { Failure, Work } from './worker.ts';

/** Cases in all (CI runs 200,000), and the seed; one case alone is run again with FUZZ_CASE and the seed that was printed. */
const CASES = Number(process.env.FUZZ_CASES ?? 50_000);
const SEED = Number(process.env.FUZZ_SEED ?? 20260);
const ONE = process.env.FUZZ_CASE === undefined ? undefined : Number(process.env.FUZZ_CASE);
const WORKERS = ONE === undefined ? 2 : 1;
/** A case takes about a millisecond: one that takes this long does not end. */
const STUCK_MS = 60_000;

interface Result {
  failed: number;
  failures: Failure[];
}

async function run(): Promise<Result[]> {
  const progress = new Int32Array(new SharedArrayBuffer(4 * WORKERS)).fill(-1);
  const workers: Worker[] = [];
  const results = Array.from({ length: WORKERS }, (_, at) => {
    const range = ONE === undefined ? { from: at, to: CASES } : { from: ONE, to: ONE + 1 };
    const workerData: Work = { seed: SEED, ...range, step: WORKERS, progress, at };
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData });
    workers.push(worker);
    return new Promise<Result>((resolve, reject) => {
      worker.once('message', resolve).once('error', reject);
      worker.once('exit', () => reject(new Error(`a worker ended at case ${progress[at]}, seed ${SEED}`)));
    });
  });
  const last = progress.slice();
  const watch = setInterval(() => {
    for (let at = 0; at < WORKERS; at++) {
      const now = Atomics.load(progress, at);
      // Its promise rejects with the case's number when it exits.
      if (now >= 0 && now === last[at]) void workers[at].terminate();
      last[at] = now;
    }
  }, STUCK_MS);
  try {
    return await Promise.all(results);
  } finally {
    clearInterval(watch);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

describe('H5 fuzzed input', () => {
  it(`${ONE === undefined ? `${CASES} cases` : `case ${ONE}`} of seed ${SEED}: values or typed faults, no wrong write, nothing kept`, async function () {
    this.timeout(0);
    const results = await run();
    const failed = results.reduce((sum, one) => sum + one.failed, 0);
    const told = results
      .flatMap((one) => one.failures)
      .map(({ number, kind, story, error }) => `FUZZ_SEED=${SEED} FUZZ_CASE=${number} (${kind}) ${story}\n${error}`);
    assert.equal(failed, 0, `${failed} cases fail:\n${told.join('\n')}`);
  });
});
