import type { LogLevel } from '../../../hw/logLevel.ts';
import type { MirrorState } from '../../mirror/requests.ts';
import type { JobStatus } from './jobs.ts';

/** The mirror of that URL, of the volume of this LU or name; without one of them: all that fit the other. */
export interface MirrorScope {
  volume?: string | undefined;
  mirror?: string | undefined;
}

/** What `pause`, `resume` and `resync` print with `--json`: the mirrors that were meant. Keys are only ever added. */
export interface SteerReport {
  mirrors: SteeredMirror[];
}

export interface SteeredMirror {
  volume: string;
  mirror: string;
  state: MirrorState;
  /** Bytes that it misses, or that are to be compared. */
  behindBytes: number;
  /** Only of `pause`: a write that was begun before has not ended; the medium does not answer. */
  underWay?: boolean;
}

/** What holds until the unit ends; its configuration is as it was. */
export interface SetOrder {
  /** Bytes a second that copying and repairing may read; null: no limit. */
  throttle?: number | null;
  logLevel?: LogLevel;
}

export interface SetReport {
  /** Null: no limit. */
  throttle: number | null;
  /** Null where the unit does not know it. */
  logLevel: LogLevel | null;
}

/** How far a drained unit came. */
export interface DrainReport {
  mirrors: Omit<SteeredMirror, 'underWay'>[];
}

/** What an operator changes of a unit while it runs. All of it throws, or rejects with, a `Fault`. */
export interface Steering {
  /** The mirrors take nothing, also after a restart, until they are resumed. */
  pause(scope: MirrorScope, by: string): Promise<SteerReport>;
  resume(scope: MirrorScope, by: string): Promise<SteerReport>;
  /** Compares mirrors with the first volume, what is marked or all of it, and copies what differs. */
  resync(scope: MirrorScope, whole: boolean): SteerReport;
  set(order: SetOrder): SetReport;
  jobs(): JobStatus[];
  cancel(id: string): JobStatus;
  /** Lets go of the bus, writes everything that is buffered, and ends the unit. Rejects when not all of it could be. */
  drain(withinMs: number): Promise<DrainReport>;
}
