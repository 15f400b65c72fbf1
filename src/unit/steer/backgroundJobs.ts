import { setTimeout as pause } from 'node:timers/promises';
import { type KeptComparison, readJobs, writeJobs } from '../../../hw/jobsFile.ts';
import type { Log } from '../../../hw/log.ts';
import { Fault } from '../../base/fault.ts';
import { readPlace } from '../compare/verifyPlace.ts';
import type { VerifyOrder, VerifyPlace, VerifyReport } from '../compare/verifyTypes.ts';
import type { JobHandle, Jobs } from './jobs.ts';

export interface BackgroundParts {
  /** The unit's state folder. */
  folder: string;
  jobs: Jobs;
  verify: (volume: string | undefined, order: VerifyOrder) => Promise<VerifyReport>;
  log: Log;
  notice: (text: string) => void;
  /** The unit ends: what is under way goes on when it starts again. */
  signal: AbortSignal;
  /** Where they are is kept so often; what cannot be compared at present is tried again so soon. */
  saveMs?: number;
  againMs?: number;
}

/** What is to be compared: all mirrors of the only volume, unless they are named. */
export type Comparison = Pick<KeptComparison, 'volume' | 'mirror' | 'repair'>;

interface Running {
  kept: KeptComparison;
  where: (() => VerifyPlace) | undefined;
  ended: Promise<void>;
}

const SAVE_MS = 5000;
const AGAIN_MS = 5000;
/** A medium that does not answer is not waited for longer when the unit ends. */
const CLOSE_MS = 1000;

/**
 * Comparisons that nobody waits for: they go on while their mirrors are away and after a restart of the unit, about from where
 * they were, until they are through or somebody cancels them.
 */
export class BackgroundJobs {
  readonly #parts: BackgroundParts;
  readonly #running = new Set<Running>();
  #left: KeptComparison[];
  #timer: NodeJS.Timeout | undefined;
  /** The last write, and one that has not begun. */
  #saving: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  #written = '';

  private constructor(parts: BackgroundParts, left: KeptComparison[]) {
    this.#parts = parts;
    this.#left = left;
    for (const { id } of left) parts.jobs.reserve(id);
  }

  /** Knows what the last process left; nothing of it runs before `resume`. */
  static async open(parts: BackgroundParts): Promise<BackgroundJobs> {
    const left = await readJobs(parts.folder).catch(({ message }: Fault) => {
      parts.notice(`${message}: they do not go on`);
      return [];
    });
    return new BackgroundJobs(parts, left);
  }

  /** The unit runs. */
  resume(): void {
    const left = this.#left;
    this.#left = [];
    for (const kept of left) this.#run(kept, () => {});
  }

  /** Begins one; resolves with its job's number once it compares, or waits to. Rejects with a `Fault` where it never could. */
  async verify(order: Comparison): Promise<{ id: string }> {
    const kept = { id: this.#parts.jobs.nextId(), since: new Date().toISOString(), ...order };
    await new Promise<void>((resolve, reject) => {
      this.#run(kept, (fault) => (fault ? reject(fault) : resolve()));
    });
    await this.#save();
    return { id: kept.id };
  }

  /** Once the unit's signal is aborted: resolves when it is kept where they were. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    const ends = Promise.all([...this.#running].map(({ ended }) => ended));
    await Promise.race([ends, pause(CLOSE_MS, undefined, { ref: false })]);
    if (this.#running.size > 0) await this.#save();
    else await this.#saving;
  }

  /** `begun` is called once, or more often. */
  #run(kept: KeptComparison, begun: (fault?: unknown) => void): void {
    const { jobs, signal, log, saveMs = SAVE_MS } = this.#parts;
    const { id, volume = '', mirror, repair } = kept;
    const what = { kind: 'verify' as const, volume, ...(mirror === undefined ? {} : { mirror }) };
    log.info('verify', { volume, mirror: mirror ?? '', repair, job: id });
    const one: Running = { kept, where: undefined, ended: Promise.resolve() };
    this.#running.add(one);
    this.#timer ??= setInterval(() => void this.#save(), saveMs).unref();
    const asked = { progress: () => begun(), signal };
    const work = jobs.run(what, asked, (job) => this.#compare(one, job), { id, sinceMs: Date.parse(kept.since) });
    one.ended = work
      .then(
        () => begun(),
        (error: unknown) => begun(error),
      )
      .then(() => this.#ended(one));
  }

  async #ended(one: Running): Promise<void> {
    // What the end of the unit cut short goes on.
    if (this.#parts.signal.aborted) return;
    this.#running.delete(one);
    if (this.#running.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    await this.#save();
  }

  async #compare(one: Running, job: JobHandle): Promise<void> {
    const { verify, log, againMs = AGAIN_MS } = this.#parts;
    const { volume, mirror, repair } = one.kept;
    for (;;) {
      const place = readPlace(one.kept.place);
      const progress = (done: number, total: number): void => {
        job.tell({ why: undefined });
        job.progress({ done, total });
      };
      const order = { ...(mirror === undefined ? {} : { mirror }), repair, progress, signal: job.signal };
      const follow = (where: () => VerifyPlace): void => {
        one.where = where;
      };
      try {
        const report = await verify(volume, { ...order, follow, ...(place ? { place } : {}) });
        const differing = report.mirrors.reduce((sum, { differingBytes }) => sum + differingBytes, 0);
        job.tell({ found: foundWords(report) });
        log[differing > 0 ? 'warn' : 'info']('verified', { volume: report.volume, equal: report.equal, differing });
        return;
      } catch (error) {
        // A mirror that is away, or just being copied after a restart, is waited for.
        const passes = error instanceof Fault && error.blame === 'local';
        if (job.signal.aborted || !passes) throw error;
        this.#keep(one);
        job.tell({ why: `it waits: ${error.message}` });
        job.progress(job.last);
      }
      await pause(againMs, undefined, { signal: job.signal });
    }
  }

  #keep(one: Running): void {
    if (one.where) one.kept.place = one.where();
  }

  /** One after the other; what cannot be kept is told, and compared from an earlier place after a restart. */
  #save(): Promise<void> {
    this.#next ??= this.#saving.then(() => {
      this.#next = undefined;
      return this.#write();
    });
    this.#saving = this.#next;
    return this.#next;
  }

  async #write(): Promise<void> {
    const { folder, notice } = this.#parts;
    for (const one of this.#running) this.#keep(one);
    const all = [...this.#left, ...[...this.#running].map(({ kept }) => kept)];
    const text = JSON.stringify(all);
    if (text === this.#written) return;
    try {
      await writeJobs(folder, all);
      this.#written = text;
    } catch (error) {
      notice(`how far comparisons are is not kept: ${(error as Fault).message}`);
    }
  }
}

function foundWords({ mirrors }: VerifyReport): string {
  const [differing, left] = mirrors.reduce(
    ([sum, rest], one) => [sum + one.differingBytes, rest + one.uncomparedBytes],
    [0, 0],
  );
  const words = differing > 0 ? `${differing} bytes differ` : 'equal';
  return left > 0 ? `${words}; ${left} bytes were never at rest` : words;
}
