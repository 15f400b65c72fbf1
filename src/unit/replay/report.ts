import type { LuId } from '../../base/change.ts';
import type { SourceFault } from '../../base/frames.ts';
import type { Volume } from '../../base/volume.ts';
import type { RoomReport } from '../../buffer/room.ts';
import type { VolumeReport as VolumeUnitReport } from '../mirror/volumeReport.ts';

export type { MirrorReport } from '../mirror/arm.ts';

/** What a run came to: the object that `mirror --json` prints. Keys are only ever added. */
export interface UnitReport {
  source: SourceReport;
  /** TCP connections that carried iSCSI. */
  streams: number;
  /** Runs of bytes that the capture lacks. */
  holes: { count: number; bytes: number };
  /** In the configuration's order. */
  volumes: VolumeReport[];
  buffer: BufferReport;
  /** Logical units that were written and that no configured volume names. */
  others: OtherLu[];
  notices: string[];
  /** True when an operator stopped the run: what came later in the capture is in no mirror. */
  interrupted: boolean;
  elapsedMs: number;
}

export interface SourceReport {
  files: string[];
  frames: number;
  /** Of input, as stored (compressed where it is). */
  bytes: number;
  /** Files that ended inside a record or broke later: used up to there. */
  faults: SourceFault[];
}

export interface VolumeReport extends VolumeUnitReport {
  /** Path of the first volume; null when none is configured. */
  first: string | null;
}

export interface BufferReport extends RoomReport {
  /** How often the source waited for room. */
  waits: number;
}

export interface OtherLu {
  lu: LuId;
  changes: number;
  bytesWritten: number;
}

/** How far a run has come. */
export interface Progress {
  phase: 'replay' | 'resolve';
  /** Bytes done and in all, of the input or of what is read back; a `total` of 0 is unknown. */
  position: number;
  total: number;
  commands: number;
  changes: number;
}

export interface ReplayHooks {
  /** Called often; whoever shows it thins it out. */
  progress?: (progress: Progress) => void;
  notice?: (text: string) => void;
  /** Ends the run early, with the report so far. */
  signal?: AbortSignal;
  /** Opened mirrors of an LU beside those that the configuration names; closed with the others. */
  further?: (lu: string) => readonly { to: string; volume: Volume }[];
}
