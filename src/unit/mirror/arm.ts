import type { Backlog } from '../../base/backlog.ts';
import type { Fault } from '../../base/fault.ts';
import type { CopyOut, WriteGuard } from '../../base/recall.ts';
import type { Volume } from '../../base/volume.ts';
import type { MirrorMachine } from '../../mirror/machine.ts';
import type { MirrorState } from '../../mirror/requests.ts';
import type { Unresolved } from '../../record/unresolved.ts';
import type { VerifiedStatus } from '../compare/verifyTypes.ts';

/** A mirror to be kept, as a volume's owner hands it in. */
export interface ArmOptions {
  /** The mirror's name as the operator gave it. */
  to: string;
  volume: Volume;
  /** Its record, where it is more than what this run knows. */
  record?: Unresolved;
  /** Why it cannot be written yet. */
  fault?: Fault;
  /**
   * For a mirror that keeps the order: bytes of changes that it may have waiting, less the share `threshold` of them. What
   * comes beyond refers to the blocks of the volume's first mirror that is none. Absent: half of the room.
   */
  buffer?: { bytes: number; threshold?: number };
  /** Brings back what was beyond that. Absent: it is read back from the first volume. */
  copyOut?: CopyOut;
}

/** What runs a mirror's requests. */
export interface ArmPump {
  /** Requests that ended, and the nanoseconds of the slowest. */
  readonly requests: number;
  readonly slowestNs: number;
  /** Bytes of copies that were read from the first volume, and those that the mirror did not hold already. */
  readonly comparedBytes: number;
  readonly differingBytes: number;
  /** Starts whatever the mirror wants done. */
  run(): void;
  /** Copies under way end as failed reads; those that come later run again. */
  stopCopies(): void;
}

/** One mirror of a volume with all that works on it. */
export interface Arm {
  readonly to: string;
  readonly mirror: MirrorMachine;
  readonly pump: ArmPump;
  /** It keeps the order of changes. */
  readonly ordered: boolean;
  readonly volume: Volume;
  readonly record: Unresolved;
  /** Its place in the volume's ring. */
  readonly backlog: Backlog;
  /** Those who refer to its blocks at present: each write waits for them. */
  readonly guards: WriteGuard[];
  /** What the last comparison found. */
  verified?: VerifiedStatus;
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
