import type { Log } from '../../../hw/log.ts';
import type { LogLevel } from '../../../hw/logLevel.ts';
import { Fault } from '../../base/fault.ts';
import { before } from '../live/before.ts';
import type { Keeper } from '../live/liveTypes.ts';
import type { LiveVolume } from '../live/liveVolume.ts';
import type { Arm } from '../mirror/arm.ts';
import type { Pace } from '../mirror/pace.ts';
import type { JobStatus, Jobs } from './jobs.ts';
import type { Pauses } from './pauses.ts';
import type {
  DrainReport,
  MirrorScope,
  SetOrder,
  SetReport,
  SteeredMirror,
  Steering,
  SteerReport,
} from './steerTypes.ts';

export interface SteerParts {
  /** Those whose mirrors the unit keeps. */
  volumes: () => readonly LiveVolume[];
  pauses: Pauses;
  jobs: Jobs;
  /** Of copying and repairing. */
  pace: Pace;
  /** The level of the log, where it can be changed. */
  level?: { get: () => LogLevel; set: (level: LogLevel) => void };
  stop: (withinMs: number) => Promise<void>;
  log: Log;
}

interface Chosen {
  live: LiveVolume;
  arm: Arm;
  keeper: Keeper;
}

/** What was begun at a medium before it is paused is waited for so long. */
const STILL_MS = 5000;

/** A running unit as operators steer it. */
export class Steer implements Steering {
  readonly #parts: SteerParts;

  constructor(parts: SteerParts) {
    this.#parts = parts;
  }

  async pause(scope: MirrorScope, by: string): Promise<SteerReport> {
    const { pauses, log } = this.#parts;
    const chosen = this.#choose(scope);
    const at = `${new Date().toISOString().slice(0, 19)}Z`;
    await pauses.add(chosen.map((one) => ({ ...nameOf(one), by, at })));
    const signal = AbortSignal.timeout(STILL_MS);
    const hold = async (one: Chosen): Promise<SteeredMirror> => {
      const { live, arm, keeper } = one;
      const fault = pauses.fault(live.lu, arm.to);
      if (fault) keeper.caretaker.hold(fault);
      log.info('pause', { ...nameOf(one), by });
      const still = await before(live.unit.whenStill(arm), signal);
      return { ...standing(one), underWay: !still };
    };
    return { mirrors: await Promise.all(chosen.map(hold)) };
  }

  async resume(scope: MirrorScope, by: string): Promise<SteerReport> {
    const { pauses, log } = this.#parts;
    const paused = this.#choose(scope).filter(({ live, arm }) => pauses.fault(live.lu, arm.to) !== undefined);
    if (paused.length === 0) {
      const mend = '`tapmirror status` says what a mirror waits for that goes on by itself';
      throw new Fault('peer', 'nobody has paused any of these mirrors', mend);
    }
    await pauses.remove(paused.map(nameOf));
    for (const one of paused) {
      log.info('resume', { ...nameOf(one), by });
      one.keeper.caretaker.release();
    }
    return { mirrors: paused.map(standing) };
  }

  resync(scope: MirrorScope, whole: boolean): SteerReport {
    const chosen = this.#choose(scope);
    const without = chosen.find(({ live }) => !live.hasFirst);
    if (without)
      throw new Fault('peer', `${without.live.lu} has no first volume to compare with`, 'name it in "first"');
    for (const one of chosen) {
      this.#parts.log.info('resync', { ...nameOf(one), whole });
      one.keeper.caretaker.recheck(whole);
    }
    return { mirrors: chosen.map(standing) };
  }

  set({ throttle, logLevel }: SetOrder): SetReport {
    const { pace, level, log } = this.#parts;
    if (logLevel !== undefined && level === undefined) throw new Fault('local', 'the level of this log is fixed');
    if (throttle !== undefined) pace.bytesPerSecond = throttle ?? undefined;
    if (logLevel !== undefined) level?.set(logLevel);
    const report = { throttle: pace.bytesPerSecond ?? null, logLevel: level?.get() ?? null };
    log.info('set', { throttle: report.throttle ?? 'none', logLevel: report.logLevel ?? '' });
    return report;
  }

  jobs(): JobStatus[] {
    return this.#parts.jobs.list(this.#parts.volumes().map((live) => live.status()));
  }

  cancel(id: string): JobStatus {
    const resync = this.jobs().find((job) => job.id === id && job.kind === 'resync');
    if (resync) {
      const mend = '`tapmirror pause` stops it, with the mirror, and `tapmirror resume` lets both go on';
      throw new Fault('peer', `${resync.mirror ?? id} has to be brought up to date, now or later`, mend);
    }
    const job = this.#parts.jobs.cancel(id);
    this.#parts.log.info('job cancel', { id, kind: job.kind });
    return job;
  }

  async drain(withinMs: number): Promise<DrainReport> {
    this.#parts.log.info('drain', { withinSeconds: withinMs / 1000 });
    await this.#parts.stop(withinMs);
    return { mirrors: this.#parts.volumes().length > 0 ? this.#choose({}).map(standing) : [] };
  }

  /** Throws a `Fault` where there is no such mirror. */
  #choose({ volume, mirror }: MirrorScope): Chosen[] {
    const all = this.#parts.volumes();
    const named = all.filter((live) => volume === undefined || volume === live.lu || volume === live.name);
    const chosen = named.flatMap((live) =>
      live.unit.arms.map((arm, i) => ({ live, arm, keeper: live.keepers[i] })).filter(({ arm }) => fits(arm, mirror)),
    );
    if (chosen.length > 0) return chosen;
    if (all.length === 0)
      throw new Fault('peer', 'this unit mirrors nothing', 'ask the unit that is on the bus, or sends the volume');
    const [what, known] =
      named.length === 0
        ? [`there is no volume ${JSON.stringify(volume)}`, all.map(({ name, lu }) => name ?? lu)]
        : [`there is no mirror ${JSON.stringify(mirror)}`, named.flatMap(({ unit }) => unit.arms.map(({ to }) => to))];
    throw new Fault('peer', what, `name one of: ${known.join(', ')}`);
  }
}

function fits({ to }: Arm, mirror: string | undefined): boolean {
  return mirror === undefined || mirror === to;
}

function nameOf({ live, arm }: Chosen): { volume: string; mirror: string } {
  return { volume: live.lu, mirror: arm.to };
}

function standing(one: Chosen): SteeredMirror {
  const { caretaker } = one.keeper;
  return { ...nameOf(one), state: caretaker.state, behindBytes: caretaker.behindBytes() };
}
