import type { Doubt, LuId } from '../base/change.ts';
import type { SourceFault } from '../base/frames.ts';

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

export interface VolumeReport {
  /** As the configuration names it. */
  lu: LuId;
  /** Bytes; null when it was never learned: then `unresolved` counts blocks of 512 bytes. */
  blockSize: number | null;
  /** Capacity in blocks; null when it was never learned. */
  blocks: number | null;
  /** `[lbn, blocks]` in order: blocks in which some mirror may differ from the volume. */
  unresolved: [lbn: number, blocks: number][];
  /** Blocks of `unresolved` by the reason for the doubt; a block may count for several. */
  reasons: Partial<Record<Doubt, number>>;
  /** Changes seen, the bytes they wrote, and how many of them were kept without data. */
  changes: number;
  bytesWritten: number;
  lbnOnly: number;
  /** As configured; null when there is none. */
  first: string | null;
  mirrors: MirrorReport[];
}

export type MirrorState = 'equal' | 'behind' | 'copying' | 'repairing' | 'paused' | 'broken';

export interface MirrorReport {
  /** The URL as the configuration has it. */
  to: string;
  state: MirrorState;
  /** Bytes written in all, and those of them that were read back from the first volume. */
  written: number;
  resolved: number;
  /** What stopped it, and the mend. */
  error?: string;
}

export interface BufferReport {
  bytes: number;
  /** Time with data kept, and with LBNs only, in milliseconds. */
  dataMs: number;
  lbnOnlyMs: number;
  /** How often room fell short. */
  falls: number;
  peakBytes: number;
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
}
