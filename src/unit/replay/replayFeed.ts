import type { LeaseRoom } from '../../base/change.ts';
import type { FrameSource } from '../../base/frames.ts';
import type { SnoopSink } from '../../base/sink.ts';
import type { LuClaim } from '../../snoop/lu/directory.ts';
import { ParallelSnoop } from '../../snoop/parallel/parallel.ts';
import { Snoop } from '../../snoop/snoop.ts';
import type { ReplaySource, TraceStream } from './replaySource.ts';

/** What reads a source to its end into a sink. */
export interface ReplayFeed {
  /** Takes the next portion, and waits where the room is full; false at the end of the source. */
  next(): Promise<boolean>;
  /** Nothing more comes. */
  finish(): void;
  /** Frames, or samples of a bus. */
  readonly frames: number;
  /** TCP connections that carried iSCSI; 1 for a parallel bus. */
  readonly streams: number;
  /** How far it is read, and what was wrong with it. */
  readonly source: Pick<FrameSource, 'position' | 'total' | 'faults'>;
}

export interface FeedOptions {
  sink: SnoopSink;
  room: LeaseRoom;
  volumes: readonly LuClaim[];
  reorder: { ms: number; bytes: number };
  settleMs: number;
  /** Called after each portion. */
  tick: () => void;
  /** Resolves once the room has room again. */
  roomAgain: () => Promise<void>;
}

export function feedOf(source: ReplaySource, options: FeedOptions): ReplayFeed {
  return source.kind === 'frames' ? new FrameFeed(source.frames, options) : new TraceFeed(source.traces, options);
}

class FrameFeed implements ReplayFeed {
  readonly source: FrameSource;
  private readonly options: FeedOptions;
  private readonly snoop: Snoop;

  constructor(source: FrameSource, options: FeedOptions) {
    this.source = source;
    this.options = options;
    const { sink, room, volumes, reorder, settleMs } = options;
    this.snoop = new Snoop({ sink, room, volumes, reorder, settleMs });
    source.beforeReuse = (bytes) => this.snoop.beforeReuse(bytes);
  }

  async next(): Promise<boolean> {
    const run = await this.source.next();
    if (run === undefined) return false;
    let at = run.from;
    while (at < run.to) {
      at = this.snoop.consume(run.batch, at, run.to);
      this.options.tick();
      if (at < run.to) await this.options.roomAgain();
    }
    return true;
  }

  finish(): void {
    this.snoop.finish();
  }

  get frames(): number {
    return this.snoop.frames;
  }

  get streams(): number {
    return this.snoop.iscsiStreams;
  }
}

class TraceFeed implements ReplayFeed {
  readonly streams = 1;
  readonly source: TraceStream;
  private readonly options: FeedOptions;
  private readonly snoop: ParallelSnoop;

  constructor(source: TraceStream, options: FeedOptions) {
    this.source = source;
    this.options = options;
    const { sink, room, volumes, settleMs } = options;
    this.snoop = new ParallelSnoop({ sink, room, volumes, settleMs });
  }

  async next(): Promise<boolean> {
    const { room, tick, roomAgain } = this.options;
    // A portion of a trace is small beside any room: what it carries finds its place or becomes LBN-only.
    if (room.full) await roomAgain();
    const more = await this.source.pump(this.snoop);
    tick();
    return more;
  }

  finish(): void {
    this.snoop.finish();
  }

  get frames(): number {
    return this.snoop.samples;
  }
}
