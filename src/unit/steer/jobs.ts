import type { ControlJob } from '../../../hw/controlServer.ts';
import { Fault } from '../../base/fault.ts';
import type { VolumeStatus } from '../watch/status.ts';

export type JobKind = 'resync' | 'verify' | 'rewind' | 'rollBack' | 'remove';

/** A long job of a unit: what `tapmirror jobs --json` prints. Keys are only ever added. */
export interface JobStatus {
  id: string;
  kind: JobKind;
  /** Its LU or name, or that of a group; empty where the job has not said. */
  volume: string;
  /** A mirror's URL, where the job is of one. */
  mirror?: string;
  state: 'running' | 'done' | 'failed' | 'cancelled';
  /** ISO 8601. */
  since: string;
  ended?: string;
  /** Bytes; a `total` of 0 is unknown. */
  done: number;
  total: number;
  /** Since it began, or went on after a restart. */
  bytesPerSecond: number;
  /** Null while nobody can tell. */
  secondsLeft: number | null;
  /** Why it failed, or what it waits for. */
  why?: string;
  /** What it came to, where that is worth words. */
  found?: string;
}

/** A job as it sees itself. */
export interface JobHandle extends ControlJob {
  /** What its progress told last. */
  readonly last: { done: number; total: number };
  tell(words: { why?: string | undefined; found?: string }): void;
}

export interface JobWhat {
  kind: JobKind;
  volume: string;
  mirror?: string;
  /** False: once it is begun it goes to its end. */
  cancels?: boolean;
}

interface Entry {
  what: JobWhat;
  id: string;
  state: JobStatus['state'];
  sinceMs: number;
  /** When it began, or went on, in this process. */
  begunMs: number;
  endedMs?: number;
  /** Where it was when it began in this process. */
  from: number | undefined;
  done: number;
  total: number;
  why?: string | undefined;
  found?: string;
  abort: AbortController;
}

/** Jobs that have ended are shown so many. */
const ENDED_KEPT = 20;

/** The long jobs of a unit: how far they are, and their ends. */
export class Jobs {
  readonly #wall: () => number;
  readonly #entries: Entry[] = [];
  /** Mirrors that are copied or repaired have a number too, by their names. */
  readonly #resyncs = new Map<string, string>();
  #next = 1;

  /** `wall`: milliseconds since 1970. */
  constructor(wall: () => number = Date.now) {
    this.#wall = wall;
  }

  /** The number of a job that is going to be run. */
  nextId(): string {
    return String(this.#next++);
  }

  /** No other job gets this number. */
  reserve(id: string): void {
    this.#next = Math.max(this.#next, Number(id) + 1);
  }

  /**
   * Runs `work`, listed until it has ended. Rejects as it does, or with a `Fault` when it was cancelled. `kept`: it was begun before,
   * and has that number.
   */
  async run<T>(
    what: JobWhat,
    asked: ControlJob,
    work: (job: JobHandle, id: string) => Promise<T>,
    kept?: Pick<Entry, 'id' | 'sinceMs'>,
  ): Promise<T> {
    const entry = this.#begin(what, kept);
    const progress: ControlJob['progress'] = (told) => {
      entry.from ??= told.done;
      entry.done = told.done;
      entry.total = told.total;
      asked.progress(told);
    };
    const signal = AbortSignal.any([asked.signal, entry.abort.signal]);
    try {
      const job = { progress, signal, last: entry, tell: (words: object) => void Object.assign(entry, words) };
      const result = await work(job, entry.id);
      entry.state = 'done';
      return result;
    } catch (error) {
      entry.state = signal.aborted ? 'cancelled' : 'failed';
      if (entry.state === 'failed') entry.why = error instanceof Error ? error.message : String(error);
      if (!entry.abort.signal.aborted) throw error;
      throw new Fault('peer', `job ${entry.id} was cancelled`, 'begin it anew', { cause: error });
    } finally {
      entry.endedMs = this.#wall();
      this.#forget();
    }
  }

  /** All of them, in the order in which they began; mirrors that are brought up to date last. */
  list(volumes: readonly VolumeStatus[]): JobStatus[] {
    return [...this.#entries.map((entry) => this.#statusOf(entry)), ...this.#resyncsOf(volumes)];
  }

  /** Ends a job of this number. Throws a `Fault` where there is none that could be. */
  cancel(id: string): JobStatus {
    const entry = this.#entries.find((one) => one.id === id);
    if (entry === undefined) throw new Fault('peer', `there is no job ${id}`, 'see `tapmirror jobs`');
    if (entry.state !== 'running') throw new Fault('peer', `job ${id} has ended already: it is ${entry.state}`);
    if (entry.what.cancels === false) {
      throw new Fault('peer', `job ${id} cannot be ended in the middle`, 'wait for its end');
    }
    entry.abort.abort();
    return this.#statusOf({ ...entry, state: 'cancelled', endedMs: this.#wall() });
  }

  #begin(what: JobWhat, kept: Pick<Entry, 'id' | 'sinceMs'> | undefined): Entry {
    const begunMs = this.#wall();
    const entry: Entry = {
      what,
      id: kept?.id ?? this.nextId(),
      state: 'running',
      sinceMs: kept?.sinceMs ?? begunMs,
      begunMs,
      from: undefined,
      done: 0,
      total: 0,
      abort: new AbortController(),
    };
    this.#entries.push(entry);
    return entry;
  }

  #forget(): void {
    const ended = this.#entries.filter(({ state }) => state !== 'running');
    for (const entry of ended.slice(0, Math.max(0, ended.length - ENDED_KEPT))) {
      this.#entries.splice(this.#entries.indexOf(entry), 1);
    }
  }

  #statusOf(entry: Entry): JobStatus {
    const { what, id, state, sinceMs, begunMs, endedMs, from = 0, done, total, why, found } = entry;
    const { kind, volume, mirror } = what;
    return {
      id,
      kind,
      volume,
      ...(mirror === undefined ? {} : { mirror }),
      state,
      since: new Date(sinceMs).toISOString(),
      ...(endedMs === undefined ? {} : { ended: new Date(endedMs).toISOString() }),
      ...rateOf(done, total, done - from, (endedMs ?? this.#wall()) - begunMs, state),
      ...(why === undefined ? {} : { why }),
      ...(found === undefined ? {} : { found }),
    };
  }

  #resyncsOf(volumes: readonly VolumeStatus[]): JobStatus[] {
    const now = this.#wall();
    const seen = new Set<string>();
    const found = volumes.flatMap(({ lu, mirrors }) =>
      mirrors.flatMap(({ to, state, progress, since }): JobStatus[] => {
        if (state !== 'copying' && state !== 'repairing') return [];
        const key = JSON.stringify([lu, to]);
        seen.add(key);
        const id = this.#resyncs.get(key) ?? String(this.#next++);
        this.#resyncs.set(key, id);
        const { done, total } = progress ?? { done: 0, total: 0 };
        const rate = rateOf(done, total, done, now - Date.parse(since), 'running');
        return [{ id, kind: 'resync', volume: lu, mirror: to, state: 'running', since, ...rate }];
      }),
    );
    for (const key of [...this.#resyncs.keys()]) if (!seen.has(key)) this.#resyncs.delete(key);
    return found;
  }
}

function rateOf(
  done: number,
  total: number,
  moved: number,
  ms: number,
  state: JobStatus['state'],
): Pick<JobStatus, 'done' | 'total' | 'bytesPerSecond' | 'secondsLeft'> {
  const bytesPerSecond = ms > 0 ? Math.round((moved / ms) * 1000) : 0;
  const tells = state === 'running' && total > 0 && bytesPerSecond > 0;
  const secondsLeft = tells ? Math.round(Math.max(0, total - done) / bytesPerSecond) : null;
  return { done, total, bytesPerSecond, secondsLeft };
}
