import { openCaptures } from '../../hw/captureFile.ts';
import type { SourceFault } from '../base/frames.ts';
import type { SnoopSink } from '../base/sink.ts';
import { Snoop } from '../snoop/snoop.ts';

/** What a reader of captures may ask for besides the findings. */
export interface InspectHooks {
  progress?: (progress: { position: number; total: number; frames: number }) => void;
  signal?: AbortSignal;
  /** Called before the first finding with the time of the first frame, nanoseconds since 1970. */
  begin?: (firstAt: bigint) => void;
  /** Asked between batches: reading goes on when the promise resolves. */
  ready?: () => Promise<void> | undefined;
}

export interface InspectEnd {
  frames: number;
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
 * Reads captures and hands what the bus did to `sink`, without keeping any payload: `decode` and `stat`.
 * Rejects with a `Fault` when a file is missing or has no readable header.
 */
export async function inspect(paths: string[], sink: SnoopSink, hooks: InspectHooks = {}): Promise<InspectEnd> {
  const source = await openCaptures(paths);
  const end: InspectEnd = {
    frames: 0,
    bytes: 0,
    firstAt: 0n,
    lastAt: 0n,
    streams: 0,
    holes: 0,
    holeBytes: 0,
    faults: source.faults,
    notices: [],
  };
  const snoop = new Snoop({
    sink: {
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
    },
  });
  source.beforeReuse = (bytes) => snoop.beforeReuse(bytes);
  try {
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
  } finally {
    await source.close();
  }
  end.frames = snoop.frames;
  end.bytes = source.position;
  end.streams = snoop.connections.streams;
  return end;
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
