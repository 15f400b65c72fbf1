import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Log } from '../../../../hw/log.ts';
import { Extents } from '../../../../src/base/extents.ts';
import { Fault } from '../../../../src/base/fault.ts';
import { Room } from '../../../../src/buffer/room.ts';
import type { VerifyOrder, VerifyReport } from '../../../../src/unit/compare/verifyTypes.ts';
import { verifyVolume, Watchers } from '../../../../src/unit/compare/verifyVolume.ts';
import { VolumeUnit } from '../../../../src/unit/mirror/volumeUnit.ts';
import { BackgroundJobs } from '../../../../src/unit/steer/backgroundJobs.ts';
import { type JobStatus, Jobs } from '../../../../src/unit/steer/jobs.ts';
import { monotonic, until } from '../../../kit/journey.ts';
import { Medium } from '../history/historyKit.ts';

const MiB = 1024 * 1024;
const SIZE = 16 * MiB;

/** A process's part of a unit, of one volume with two mirrors. */
class Process {
  readonly jobs = new Jobs();
  readonly told: string[] = [];
  readonly ending = new AbortController();
  readonly unit: VolumeUnit;
  /** Of the first volume that were compared with mirrors. */
  readBytes = 0;
  /** Stands in the way of comparing. */
  obstacle: ((offset: number, readBytes: number) => Promise<void> | void) | undefined;
  readonly #folder: string;
  readonly #first: Medium;
  background: BackgroundJobs | undefined;

  constructor(folder: string, first: Medium, mirrors: readonly Medium[]) {
    this.#folder = folder;
    this.#first = first;
    this.unit = new VolumeUnit({
      lu: 'x/0',
      room: new Room({ bytes: MiB }),
      mirrors: mirrors.map((volume, i) => ({ to: `file:${i}`, volume })),
      first: { name: 'file:first', volume: first },
      now: monotonic,
      notice: () => undefined,
      compare: true,
    });
    this.unit.facts({ lu: 'x/0', blockSize: 512, blocks: SIZE / 512, designators: [] });
    const { read } = first;
    first.read = async (offset, into) => {
      await this.obstacle?.(offset, this.readBytes);
      await Medium.prototype.read.call(first, offset, into);
      this.readBytes += into.length;
    };
    assert.ok(read);
  }

  async start(): Promise<BackgroundJobs> {
    const line = (message: string, fields = {}): void => void this.told.push(`${message} ${JSON.stringify(fields)}`);
    const log: Log = { error: line, warn: line, info: line, debug: line };
    this.background = await BackgroundJobs.open({
      folder: this.#folder,
      jobs: this.jobs,
      verify: (_, order) => this.#verify(order),
      log,
      notice: line,
      signal: this.ending.signal,
      saveMs: 5,
      againMs: 5,
    });
    this.background.resume();
    return this.background;
  }

  /** In order; `killed`: it is not told. */
  async end(killed = false): Promise<void> {
    this.ending.abort();
    if (!killed) await this.background?.close();
    await this.unit.close();
  }

  get job(): JobStatus {
    return this.jobs.list([])[0];
  }

  #verify(order: VerifyOrder): Promise<VerifyReport> {
    const first = { name: 'file:first', volume: this.#first };
    const underWay = () => ({ tasks: 0, bytes: new Extents() });
    const parts = { unit: this.unit, first, underWay, settleMs: 0, bytesPerSecond: 1e12, againMs: 5, now: monotonic };
    return verifyVolume(parts, new Watchers(), order);
  }
}

/** Bytes that are known to be compared already. */
function readPlaceOf(folder: string): number {
  const { comparisons } = JSON.parse(readFileSync(join(folder, 'jobs.json'), 'utf8'));
  const [{ place }] = comparisons;
  return place ? SIZE - place.rest.reduce((sum: number, [, length]: [number, number]) => sum + length, 0) : 0;
}

describe('H1 comparisons in the background', () => {
  let folder: string;
  let first: Medium;
  let mirrors: Medium[];
  const all: Process[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'background-'));
    const bytes = Uint8Array.from(randomBytes(SIZE));
    first = new Medium(bytes, 'first');
    mirrors = [new Medium(bytes, 'a'), new Medium(bytes, 'b')];
  });

  afterEach(async () => {
    for (const one of all.splice(0)) await one.end().catch(() => undefined);
    await rm(folder, { recursive: true });
  });

  function process(): Process {
    const one = new Process(folder, first, mirrors);
    all.push(one);
    return one;
  }

  /** A process that stands still once it has read so much, until it is let go or ends. */
  function still(bytes: number): { one: Process; reached: Promise<void>; release: () => void } {
    const one = process();
    let release = (): void => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const ended = new Promise<void>((_, reject) => {
      one.ending.signal.addEventListener('abort', () => reject(new Error('the unit ends')));
    });
    ended.catch(() => undefined);
    const reached = new Promise<void>((resolve) => {
      one.obstacle = (_, read) => {
        if (read < bytes) return;
        resolve();
        return Promise.race([released, ended]);
      };
    });
    return { one, reached, release };
  }

  const kept = (): boolean => existsSync(join(folder, 'jobs.json'));

  it('go on from about where they were after each restart, with what they had found', async () => {
    for (const [mirror, place] of [
      [0, 2 * MiB],
      [0, 12 * MiB],
      [1, MiB],
      [1, 15 * MiB],
    ]) {
      mirrors[mirror].bytes[place] ^= 1;
    }
    let seen = 0;
    let id = '';
    let last = 0;
    for (let n = 0; n < 3; n++) {
      const { one, reached } = still(6 * MiB);
      const background = await one.start();
      if (id === '') ({ id } = await background.verify({ repair: false }));
      await reached;
      assert.deepEqual([one.job.id, one.job.state, one.job.kind], [id, 'running', 'verify']);
      assert.ok(one.job.done >= last + 3 * MiB && one.job.done <= last + 6 * MiB, `${last} and then ${one.job.done}`);
      last = one.job.done;
      await one.end();
      seen += one.readBytes;
    }
    const one = process();
    await one.start();
    await until(() => one.job.state === 'done');
    assert.deepEqual([one.job.id, one.job.done, one.job.total], [id, 2 * SIZE, 2 * SIZE]);
    assert.equal(one.job.found, `${4 * 4096} bytes differ`);
    await until(() => !kept());
    // Each stop costs the chunk under way, and what differs is looked at again.
    assert.ok(seen + one.readBytes < 2 * SIZE + 10 * MiB, `${seen + one.readBytes} bytes were read`);
    assert.ok(one.told.some((line) => line.startsWith('verified') && line.includes('"differing":16384')));
    const { verified } = one.unit.arms[1];
    assert.deepEqual([verified?.comparedBytes, verified?.differingBytes], [SIZE, 8192]);
  });

  it('go on after a kill from where that was kept last', async () => {
    const { one, reached } = still(9 * MiB);
    const { id } = await (await one.start()).verify({ repair: false, mirror: 'file:1' });
    await reached;
    await until(() => readPlaceOf(folder) > 8 * MiB);
    await one.end(true);
    const next = process();
    await next.start();
    await until(() => next.job.state === 'done');
    assert.deepEqual([next.job.id, next.job.mirror, next.job.found], [id, 'file:1', 'equal']);
    assert.ok(next.readBytes <= 8 * MiB, `${next.readBytes} bytes were read`);
    assert.equal(next.jobs.nextId(), String(Number(id) + 1));
  });

  it('wait for a side that is away, and say so', async () => {
    const one = process();
    let away = true;
    one.obstacle = (offset) => {
      if (away && offset >= 4 * MiB) throw new Fault('local', 'the first volume is away');
    };
    const { id } = await (await one.start()).verify({ repair: false });
    await until(() => one.job.why !== undefined);
    assert.deepEqual([one.job.id, one.job.state, one.job.why], [id, 'running', 'it waits: the first volume is away']);
    away = false;
    await until(() => one.job.state === 'done');
    assert.deepEqual([one.job.why, one.job.found], [undefined, 'equal']);
    assert.ok(one.readBytes <= 2 * SIZE + MiB);
  });

  it('refuse what can never be compared, and are over for good once they are cancelled', async () => {
    const { one, reached, release } = still(3 * MiB);
    const background = await one.start();
    await assert.rejects(background.verify({ repair: false, mirror: 'file:9' }), /no mirror.*file:9/);
    const { id } = await background.verify({ repair: false });
    await reached;
    assert.equal(kept(), true);
    one.jobs.cancel(id);
    release();
    await until(() => one.jobs.list([]).every(({ state }) => state !== 'running'));
    await until(() => !kept());
    await one.end();
    const next = process();
    await next.start();
    assert.deepEqual(next.jobs.list([]), []);
  });

  it('begin none where nobody can tell what they were', async () => {
    await writeFile(join(folder, 'jobs.json'), '{"version":1,"comparisons":[{"id":"x"}]}');
    const one = process();
    await one.start();
    assert.deepEqual(one.jobs.list([]), []);
    assert.match(one.told[0], /jobs\.json does not name comparisons.*they do not go on/);
  });
});
