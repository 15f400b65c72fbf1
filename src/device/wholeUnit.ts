import type { DeviceSteps, DeviceTask } from '../base/device.ts';
import { Fault } from '../base/fault.ts';
import type { LogicalUnit } from './logicalUnit.ts';
import type { Task } from './task.ts';

const WAIT = Object.freeze({ kind: 'wait' as const });
const FLUSH = Object.freeze({ kind: 'flush' as const });
/** Bytes of one request, between two of which progress is told. */
const RUN = 0x400000;
const PROGRESS = 0x10000;

/** SANITIZE IN PROGRESS, FORMAT IN PROGRESS. */
export const SANITIZING = 0x041b;
export const FORMATTING = 0x0404;

/** What becomes of every block: unmapped, or one block's content after the other, one pass each. */
export type Treatment = 'unmap' | readonly Uint8Array[];

/** An operation on all of a logical unit: while it lasts the unit is not ready. */
export interface WholeUnitJob {
  readonly code: number;
  /** 65536ths. */
  progress: number;
  /** Ended, or failed with what was thrown. */
  state: 'running' | 'done' | 'failed';
}

/** The steps of a job: nobody's command, so that no abort and no reset ends them. */
function* jobSteps(unit: LogicalUnit, job: WholeUnitJob, treatment: Treatment): DeviceSteps {
  try {
    const length = unit.blocks * unit.blockSize;
    const passes = treatment === 'unmap' ? 1 : treatment.length;
    for (let pass = 0; pass < passes; pass += 1) {
      for (let offset = 0; offset < length; offset += RUN) {
        job.progress = Math.min(PROGRESS - 1, Math.floor(((pass + offset / length) / passes) * PROGRESS));
        const run = Math.min(RUN, length - offset);
        if (treatment === 'unmap') yield { kind: 'unmap', offset, length: run };
        else yield { kind: 'write', pieces: [{ offset, length: run, payload: { fill: treatment[pass] } }], fua: false };
      }
      yield FLUSH;
    }
    job.state = 'done';
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    job.state = 'failed';
  } finally {
    if (job.state === 'running') job.state = 'failed';
    unit.job = undefined;
  }
  return { status: 0 };
}

/** Starts a job and, unless `immediate`, waits for its end. Returns whether it went well so far. */
export function* treatAll(
  task: Task,
  code: number,
  treatment: Treatment,
  immediate: boolean,
): Generator<typeof WAIT, boolean, unknown> {
  const { unit } = task;
  // Another one began after this command was looked at.
  if (unit.job !== undefined) unit.demandWhole();
  const job: WholeUnitJob = { code, progress: 0, state: 'running' };
  unit.job = job;
  const jobTask: DeviceTask = {
    lu: unit.key,
    takes: 0,
    run: () => jobSteps(unit, job, treatment),
    end: () => {},
  };
  unit.place.background?.(jobTask);
  while (!immediate && job.state === 'running') yield WAIT;
  return job.state !== 'failed';
}
