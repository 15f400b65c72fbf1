import { columns } from './draw.ts';
import { plain } from './draw-words.ts';
import { type PhaseView, readingOf, type Seat, tellEnd } from './rows-inspect.ts';

/** Rows drawn together, so that their columns line up. */
const ROWS = 256;

/** Shows every phase of a parallel bus: when, who, how much, and the messages and CDBs in words. */
export async function runPhases(
  sources: readonly string[],
  format: 'table' | 'tsv' | 'json',
  seat: Seat,
): Promise<void> {
  const reading = readingOf(sources, seat);
  const { out } = reading;
  let rows: string[][] = format === 'table' ? [['TIME', 'LASTED', 'PHASE', 'HOST', 'TARGET', 'UNITS', 'WHAT']] : [];
  if (format === 'tsv') out.write('time_ns\tend_ns\tphase\tinitiator\ttarget\tunits\twhat\n');
  const draw = (): void => {
    if (rows.length > 0) out.write(`${columns(rows).join('\n')}\n`);
    rows = [];
  };
  let seen = 0;
  const end = await reading.read({}, undefined, (view) => {
    seen++;
    if (format === 'json') out.write(`${JSON.stringify(jsonOf(view))}\n`);
    else if (format === 'tsv') out.write(`${cells(view, false).join('\t')}\n`);
    else if (rows.push(cells(view, true)) >= ROWS) draw();
  });
  draw();
  await out.finish();
  if (end === undefined) return;
  tellEnd(end, reading.tell);
  if (seen === 0) reading.tell('no phase was found: --phases is for traces of a parallel bus');
}

function cells(view: PhaseView, human: boolean): string[] {
  const known = (id: number): string => (id < 0 ? '' : String(id));
  const [from, to] = human
    ? [(view.from / 1e9).toFixed(9), view.to > view.from ? `${((view.to - view.from) / 1000).toFixed(3)} us` : '']
    : [String(view.from), String(view.to)];
  return [from, to, view.name, known(view.initiator), known(view.target), known(view.units), plain(view.words)];
}

function jsonOf(view: PhaseView): Record<string, unknown> {
  const known = (value: number): number | null => (value < 0 ? null : value);
  return {
    timeNs: view.from,
    endNs: view.to,
    phase: view.name,
    initiator: known(view.initiator),
    target: known(view.target),
    units: known(view.units),
    what: view.words,
  };
}
