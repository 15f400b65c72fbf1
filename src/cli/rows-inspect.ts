import type { Writable } from 'node:stream';
import type { SnoopSink } from '../base/sink.ts';
import type { InspectEnd, InspectHooks, PhaseView } from '../unit/replay/inspect.ts';
import { isLive } from '../unit/replay/liveSource.ts';
import { type Terminal, type TerminalStream, terminalOf } from './draw.ts';
import { plain } from './draw-words.ts';
import { ProgressLine, readingWords } from './progress.ts';
import { Output } from './rows-output.ts';

export type { InspectEnd, InspectHooks, PhaseView };
export type Inspect = (paths: string[], sink: SnoopSink, hooks: InspectHooks) => Promise<InspectEnd>;

export type Stream = Writable & TerminalStream;

/** Where a command reads and shows: the process's own, or a test's. */
export interface Seat {
  stdout: Stream;
  stderr: Stream;
  env: Record<string, string | undefined>;
  inspect: Inspect;
}

/** The process's own streams, with the reading of captures loaded only now. */
export async function processSeat(): Promise<Seat> {
  const { inspect } = await import('../unit/replay/inspect.ts');
  return { stdout: process.stdout, stderr: process.stderr, env: process.env, inspect };
}

export interface Reading {
  out: Output;
  terminal: Terminal;
  /** Reads everything into the sink; undefined when the reader of the output went away meanwhile. */
  read(
    sink: SnoopSink,
    begin?: (firstAt: bigint) => void,
    phase?: (view: PhaseView) => void,
  ): Promise<InspectEnd | undefined>;
  /** One line on standard error. */
  tell(text: string): void;
}

/** Joins the sources, the output and (where it does not disturb) a progress line. */
export function readingOf(sources: readonly string[], seat: Seat): Reading {
  const abort = new AbortController();
  const out = new Output(seat.stdout, () => abort.abort());
  const showsProgress = seat.stderr.isTTY === true && seat.stdout.isTTY !== true;
  const write = (text: string): void => void seat.stderr.write(text);
  const line = showsProgress ? new ProgressLine(write, terminalOf(seat.stderr, seat.env), readingWords) : undefined;
  const tell = (text: string): void => {
    seat.stderr.write(`tapmirror: ${plain(text)}\n`);
  };
  const live = isLive(sources);
  const stop = (): void => abort.abort();
  const read: Reading['read'] = async (sink, begin, phase) => {
    if (live) process.once('SIGINT', stop).once('SIGTERM', stop);
    try {
      const end = await seat.inspect([...sources], sink, {
        signal: abort.signal,
        ready: () => out.ready(),
        ...(line === undefined ? {} : { progress: (progress) => line.show(progress, performance.now()) }),
        ...(begin === undefined ? {} : { begin }),
        ...(phase === undefined ? {} : { phase }),
      });
      return out.closed ? undefined : end;
    } catch (error) {
      if (out.closed) return undefined;
      throw error;
    } finally {
      process.off('SIGINT', stop).off('SIGTERM', stop);
      line?.clear();
    }
  };
  return { out, terminal: terminalOf(seat.stdout, seat.env), read, tell };
}

/** Says what could not be used of the sources, and what the traffic gave to notice: a line each. */
export function tellEnd(end: InspectEnd, tell: (text: string) => void): void {
  for (const { file, offset, reason } of end.faults) {
    tell(`${file}: ${reason} at byte ${offset}; everything before it was used`);
  }
  for (const notice of end.notices) tell(notice);
}
