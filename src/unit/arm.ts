import type { Backlog } from '../base/backlog.ts';
import type { Fault } from '../base/fault.ts';
import type { Volume } from '../base/volume.ts';
import type { Mirror } from '../mirror/mirror.ts';
import type { MirrorState } from '../mirror/requests.ts';
import type { Unresolved } from '../record/unresolved.ts';
import type { Pump } from './pump.ts';

/** A mirror to be kept, as a volume's owner hands it in. */
export interface ArmOptions {
  /** The mirror's name as the operator gave it. */
  to: string;
  volume: Volume;
  /** Its record, where it is more than what this run knows. */
  record?: Unresolved;
  /** Why it cannot be written yet. */
  fault?: Fault;
}

/** One mirror of a volume with all that works on it. */
export interface Arm {
  readonly to: string;
  readonly mirror: Mirror;
  readonly pump: Pump;
  readonly volume: Volume;
  readonly record: Unresolved;
  /** Its place in the volume's ring. */
  readonly backlog: Backlog;
}

export interface MirrorReport {
  to: string;
  state: MirrorState;
  /** Bytes of changes written, and bytes copied from the first volume. */
  writtenBytes: number;
  resolvedBytes: number;
  unresolvedBlocks: number;
  /** Requests run against the mirror, and the longest of them. */
  requests: number;
  slowestNs: number;
  error?: { message: string; mend?: string };
}

export function mirrorReport({ mirror, pump, to }: Arm, unresolvedBlocks: number): MirrorReport {
  const error = mirror.fault && faultWords(mirror.fault);
  return {
    to,
    state: mirror.state,
    writtenBytes: mirror.writtenBytes,
    resolvedBytes: mirror.resolvedBytes,
    unresolvedBlocks,
    requests: pump.requests,
    slowestNs: pump.slowestNs,
    ...(error ? { error } : {}),
  };
}

/** What a fault says, for reports. */
export function faultWords({ message, mend }: Fault): { message: string; mend?: string } {
  return { message, ...(mend === undefined ? {} : { mend }) };
}
