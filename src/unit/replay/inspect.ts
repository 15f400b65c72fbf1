import type { FrameSource, SourceFault } from '../../base/frames.ts';
import type { SnoopSink } from '../../base/sink.ts';
import { ParallelSnoop, type PhaseView } from '../../snoop/parallel/parallel.ts';
import { Snoop } from '../../snoop/snoop.ts';
import { openReplay, type TraceStream } from './replaySource.ts';

export type { PhaseView };

/** What a reader of captures may ask for besides the findings. */
export interface InspectHooks {
  progress?: (progress: { position: number; total: number; frames: number }) => void;
  signal?: AbortSignal;
  /** Called before the first finding with the time of the first frame, nanoseconds since 1970. */
  begin?: (firstAt: bigint) => void;
  /** Asked between batches: reading goes on when the promise resolves. */
  ready?: () => Promise<void> | undefined;
  /** Every phase of a parallel bus, in order. */
  phase?: (view: PhaseView) => void;
}

export interface InspectEnd {
  /** Frames, or samples of a parallel bus. */
  frames: number;
  samples?: true;
  bytes: number;
  firstAt: bigint;
  lastAt: bigint;
  streams: number;
  holes: number;
  holeBytes: number;
  faults: readonly SourceFault[];
  notices: string[];
}

/**
 * Reads captures, or traces of a parallel bus, and hands what the bus did to `sink`, without keeping any payload: `decode` and `stat`.
 * Rejects with a `Fault` when a file is missing or has no readable header.
 */
export async function inspect(paths: string[], sink: SnoopSink, hooks: InspectHooks = {}): Promise<InspectEnd> {
  const opened = await openReplay(paths);
  const source = opened.kind === 'frames' ? opened.frames : opened.traces;
  const end: InspectEnd = {
    frames: 0,
    bytes: 0,
    firstAt: 0n,
    lastAt: 0n,
    streams: 0,
    holes: 0,
    holeBytes: 0,
    faults: [],
    notices: [],
  };
  const counted: SnoopSink = {
    ...bound(sink),
    hole: (view) => {
      end.holes++;
      end.holeBytes += view.bytes;
      sink.hole?.(view);
    },
    notice: (text) => {
      end.notices.push(text);
      sink.notice?.(text);
    },
  };
  try {
    if (opened.kind === 'frames') await inspectFrames(opened.frames, counted, hooks, end);
    else await inspectTraces(opened.traces, counted, hooks, end);
  } finally {
    await source.close();
  }
  end.faults = source.faults;
  end.bytes = source.position;
  return end;
}

async function inspectFrames(
  source: FrameSource,
  sink: SnoopSink,
  hooks: InspectHooks,
  end: InspectEnd,
): Promise<void> {
  const snoop = new Snoop({ sink });
  source.beforeReuse = (bytes) => snoop.beforeReuse(bytes);
  while (hooks.signal?.aborted !== true) {
    const run = await source.next();
    if (run === undefined) break;
    const { batch, from, to } = run;
    if (snoop.frames === 0 && from < to) {
      end.firstAt = frameTime(batch.seconds[from], batch.nanos[from]);
      hooks.begin?.(end.firstAt);
    }
    snoop.consume(batch, from, to);
    if (from < to) end.lastAt = frameTime(batch.seconds[to - 1], batch.nanos[to - 1]);
    hooks.progress?.({ position: source.position, total: source.total, frames: snoop.frames });
    await hooks.ready?.();
  }
  snoop.finish();
  end.frames = snoop.frames;
  end.streams = snoop.connections.streams;
}

async function inspectTraces(
  source: TraceStream,
  sink: SnoopSink,
  hooks: InspectHooks,
  end: InspectEnd,
): Promise<void> {
  const snoop = new ParallelSnoop({ sink, ...(hooks.phase === undefined ? {} : { phase: hooks.phase }) });
  // Times of a trace count from its own beginning.
  hooks.begin?.(0n);
  while (hooks.signal?.aborted !== true) {
    if (!(await source.pump(snoop))) break;
    hooks.progress?.({ position: source.position, total: source.total, frames: snoop.samples });
    await hooks.ready?.();
  }
  snoop.finish();
  end.samples = true;
  end.frames = snoop.samples;
  end.streams = snoop.samples > 0 ? 1 : 0;
  end.firstAt = BigInt(Math.trunc(snoop.firstTime));
  end.lastAt = BigInt(Math.trunc(snoop.lastTime));
}

function frameTime(seconds: number, nanos: number): bigint {
  return BigInt(Math.trunc(seconds)) * 1_000_000_000n + BigInt(nanos);
}

/** The sink's own methods, as functions that can be called apart from it. */
function bound(sink: SnoopSink): SnoopSink {
  return {
    ...(sink.command === undefined ? {} : { command: (view) => sink.command?.(view) }),
    ...(sink.facts === undefined ? {} : { facts: (facts) => sink.facts?.(facts) }),
  };
}
