import { openCaptures } from '../../../hw/captureFile.ts';
import { openTrace, traceKindOf } from '../../../hw/traceFile.ts';
import { Fault } from '../../base/fault.ts';
import type { FrameSource, SourceFault } from '../../base/frames.ts';
import type { SampleSink, SignalNames, TraceSource } from '../../base/samples.ts';
import { isLive, LIVE_PROBE } from './liveSource.ts';

/** What `source.replay` names: captures of frames, or traces of a parallel bus. */
export type ReplaySource = { kind: 'frames'; frames: FrameSource } | { kind: 'traces'; traces: TraceStream };

/** Opens captures or traces, whichever they are, or a live probe. Rejects with a `Fault` when they are some of each. */
export async function openReplay(paths: readonly string[], signals?: SignalNames): Promise<ReplaySource> {
  const live = await liveProbe(paths);
  if (live !== undefined) return { kind: 'traces', traces: new TraceStream([live]) };
  const kinds = await Promise.all(paths.map((path) => traceKindOf(path)));
  const trace = kinds.findIndex((kind) => kind !== undefined);
  if (trace < 0 && signals === undefined) return { kind: 'frames', frames: await openCaptures([...paths]) };
  const capture = kinds.indexOf(undefined);
  if (capture >= 0 && trace >= 0) {
    throw new Fault(
      'local',
      `${paths[trace]} is a trace of a parallel bus, and ${paths[capture]} is not`,
      'read captures in one run and traces in another',
    );
  }
  const sources: TraceSource[] = [];
  try {
    for (const path of paths) sources.push(await openTrace(path, signals === undefined ? {} : { signals }));
  } catch (error) {
    for (const source of sources) await source.close();
    throw error;
  }
  return { kind: 'traces', traces: new TraceStream(sources) };
}

/** Its package is loaded only where it is wanted. */
async function liveProbe(paths: readonly string[]): Promise<TraceSource | undefined> {
  const named = isLive(paths) ? paths.find((path) => path.startsWith(LIVE_PROBE)) : undefined;
  if (named === undefined) return undefined;
  if (paths.length > 1) {
    throw new Fault('local', `${named} is live, and stands beside other sources`, 'read a live probe by itself');
  }
  const { ProbeTrace } = await import('../bus/probeTrace.ts');
  return new ProbeTrace(named.slice(LIVE_PROBE.length));
}

/** Several traces, one after the other. */
export class TraceStream {
  private readonly sources: readonly TraceSource[];
  private at = 0;

  constructor(sources: readonly TraceSource[]) {
    this.sources = sources;
  }

  /** Pushes the next portion; false once nothing is left. */
  async pump(sink: SampleSink): Promise<boolean> {
    while (this.at < this.sources.length) {
      if (await this.sources[this.at].pump(sink)) return true;
      this.at++;
    }
    return false;
  }

  get position(): number {
    return this.sources.reduce((sum, { position }) => sum + position, 0);
  }

  get total(): number {
    return this.sources.some(({ total }) => total === 0) ? 0 : this.sources.reduce((sum, { total }) => sum + total, 0);
  }

  get faults(): readonly SourceFault[] {
    return this.sources.flatMap(({ faults }) => faults);
  }

  async close(): Promise<void> {
    for (const source of this.sources) await source.close();
  }
}
