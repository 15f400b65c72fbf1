import type { Blame } from '../src/base/fault.ts';
import type { TapFilter, TapLevel } from './tap.ts';

/** What a capture needs to know; also what crosses to the capturing thread. */
export interface CaptureOptions {
  /** Path of the binding's compiled part. */
  binding: string;
  interfaces: readonly string[];
  filter: TapFilter;
  bufferBytes: number;
  snaplen: number;
  promiscuous: boolean;
  ringBytes: number;
}

/** Counts of one interface since the tap was opened. */
export interface LaneCounts {
  frames: number;
  bytes: number;
  cut: number;
  kernel: number;
  interface: number;
  own: number;
  /** Times that it stopped or began to be heard. */
  blind: number;
}

export type LaneState = 'up' | 'down' | 'gone';

/** From the capturing thread. Messages of one port come in the order in which they were sent, so counts and frames agree. */
export type FromCapture =
  | { kind: 'opened'; links: number[] }
  | { kind: 'refused'; blame: Blame; message: string; mend: string | undefined }
  /** Frames of one interface; the buffer (see `tapSlot`) is the receiver's until it sends it back. */
  | { kind: 'frames'; lane: number; buffer: ArrayBuffer; count: number }
  /** `horizons`: milliseconds since 1970 before which nothing more will come, by interface. */
  | { kind: 'tick'; horizons: number[]; level: TapLevel; counts: LaneCounts[] }
  | { kind: 'lane'; lane: number; state: LaneState; link: number; notice: string }
  | { kind: 'ended' };

/** To the capturing thread. */
export type ToCapture = { kind: 'slot'; lane: number; buffer: ArrayBuffer } | { kind: 'stop' };

/** Asks the thread for one more capture, over a port of its own. */
export interface CaptureRequest {
  options: CaptureOptions;
  port: import('node:worker_threads').MessagePort;
}
