import { DemandCollector } from '../stat/demand.ts';
import { drawTry } from './draw-try.ts';
import { CommandFilter, type NameFilter } from './rows-filter.ts';
import { readingOf, type Seat, tellEnd } from './rows-inspect.ts';

export interface TryOptions extends NameFilter {
  recoverySeconds: readonly number[];
  json?: boolean;
}

/** Reads the sources and says what mirroring them would need; resolves and rejects as `runStat` does. */
export async function runTry(sources: readonly string[], options: TryOptions, seat: Seat): Promise<void> {
  const { out, terminal, read, tell } = readingOf(sources, seat);
  const collector = new DemandCollector({ recoverySeconds: options.recoverySeconds });
  const filter = new CommandFilter(options);
  const end = await read({
    command(view) {
      if (filter.wants(view)) collector.command(view);
    },
    facts: (facts) => collector.facts(facts),
  });
  if (end !== undefined) {
    const { holes, holeBytes } = end;
    const report = { sources, holes: { count: holes, bytes: holeBytes }, ...collector.report() };
    out.write(options.json === true ? `${JSON.stringify(report)}\n` : drawTry(report, terminal));
  }
  await out.finish();
  if (end === undefined) return;
  tellEnd(end, tell);
  const nothing = filter.emptyWords();
  if (nothing !== undefined) tell(nothing);
}
