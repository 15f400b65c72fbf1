import type { SnoopSink } from '../base/sink.ts';
import { StatCollector } from '../stat/collector.ts';
import { type CaptureSummary, drawStat, type StatReport } from './draw-stat.ts';
import { CommandFilter, type NameFilter } from './rows-filter.ts';
import { type InspectEnd, readingOf, type Seat, tellEnd } from './rows-inspect.ts';

export interface StatOptions extends NameFilter {
  json?: boolean;
}

/** Sums up the sources; resolves and rejects as `runDecode` does. */
export async function runStat(sources: readonly string[], options: StatOptions, seat: Seat): Promise<void> {
  const { out, terminal, read, tell } = readingOf(sources, seat);
  const collector = new StatCollector();
  const filter = new CommandFilter(options);
  const sink: SnoopSink = {
    command(view) {
      if (filter.wants(view)) collector.command(view);
    },
    hole: (view) => collector.hole(view),
    facts: (facts) => collector.facts(facts),
  };
  const end = await read(sink);
  if (end !== undefined) {
    const report: StatReport = { capture: captureSummary(sources, end), ...collector.snapshot() };
    out.write(options.json === true ? `${JSON.stringify(report)}\n` : drawStat(report, terminal));
  }
  await out.finish();
  if (end === undefined) return;
  tellEnd(end, tell);
  const nothing = filter.emptyWords();
  if (nothing !== undefined) tell(nothing);
}

function captureSummary(sources: readonly string[], end: InspectEnd): CaptureSummary {
  return {
    sources,
    ...(end.samples === true ? { samples: true as const } : {}),
    frames: end.frames,
    bytes: end.bytes,
    seconds: Number(end.lastAt - end.firstAt) / 1e9,
    streams: end.streams,
    holes: end.holes,
    holeBytes: end.holeBytes,
    faults: end.faults,
    notices: end.notices,
  };
}
