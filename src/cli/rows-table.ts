import { cut, paint, type Terminal } from './draw.ts';
import { durationWords, plain, secondsWords, sizeWords } from './draw-words.ts';
import { lbnWords, type Row, type RowWriter } from './rows.ts';
import { ittWords, outcomeWords } from './rows-formats.ts';

/** Rows that decide the widths of the columns; later ones may stand out of line. */
const SAMPLE = 200;

interface Column {
  title: string;
  right?: boolean;
  cell: (row: Row, originNs: bigint, terminal: Terminal) => string;
  /** Narrowest useful width of a column that may be cut, and which end then stays. */
  least?: number;
  keep?: 'head' | 'tail';
  /** Left out when the terminal is too narrow, lowest first. */
  leave?: number;
}

const COLUMNS: readonly Column[] = [
  { title: 'TIME', right: true, cell: (row, originNs) => secondsWords(row.at - originNs).slice(0, -3) },
  { title: 'FRAME', right: true, cell: (row) => String(row.frame), leave: 6 },
  { title: 'STREAM', right: true, cell: (row) => String(row.stream), leave: 3 },
  { title: 'HOST', cell: (row) => plain(row.host), least: 12, keep: 'tail', leave: 5 },
  { title: 'TARGET', cell: (row) => plain(row.target), least: 12, keep: 'tail', leave: 1 },
  { title: 'LU', cell: (row) => plain(row.lu), least: 12, keep: 'tail', leave: 9 },
  { title: 'ITT', cell: (row) => ittWords(row.itt), leave: 2 },
  { title: 'OPERATION', cell: (row) => row.operation },
  { title: 'NATURE', cell: (row) => row.nature, leave: 4 },
  { title: 'LBN', right: true, cell: (row) => lbnWords(row) ?? '-' },
  { title: 'BLOCKS', right: true, cell: (row) => (row.blocks >= 0 ? String(row.blocks) : '-') },
  { title: 'EDTL', right: true, cell: (row) => sizeWords(row.edtl), leave: 8 },
  { title: 'DATA', right: true, cell: (row) => sizeWords(row.dataIn + row.dataOut), leave: 0 },
  { title: 'DIR', cell: (row) => row.direction, leave: 7 },
  {
    title: 'LATENCY',
    right: true,
    cell: (row, _, terminal) => (row.latency >= 0 ? durationWords(row.latency, terminal.unicode) : '-'),
    leave: 10,
  },
  { title: 'STATUS', cell: outcomeWords, least: 8, keep: 'head' },
];

interface Place {
  column: Column;
  width: number;
}

/**
 * A table for people: the first rows decide the widths. On a terminal it is fitted to the width (names cut at the front,
 * then columns left out); elsewhere nothing is cut. `origin` is asked for when the first rows are shown: time 0.
 */
export function tableWriter(emit: (text: string) => void, terminal: Terminal, origin: () => bigint): RowWriter {
  const sample: Row[] = [];
  let places: Place[] | undefined;
  let originNs = 0n;

  const begin = (): Place[] => {
    originNs = origin();
    const laid = layOut(sample, originNs, terminal);
    const titles = laid.map(({ column, width }) => ({ text: column.title, column, width }));
    emit(`${paint(lineOf(titles, terminal), 'bold', terminal)}\n`);
    for (const row of sample) show(row, laid);
    sample.length = 0;
    return laid;
  };
  const show = (row: Row, laid: readonly Place[]): void => {
    const cells = laid.map((place) => ({ text: place.column.cell(row, originNs, terminal), ...place }));
    const line = lineOf(cells, terminal);
    const success = row.status === 0;
    emit(`${success ? line : paint(line, row.status < 0 ? 'yellow' : 'red', terminal)}\n`);
  };

  return {
    row(row) {
      if (places !== undefined) show(row, places);
      else if (sample.push(row) >= SAMPLE) places = begin();
    },
    end() {
      places ??= begin();
    },
  };
}

function layOut(rows: readonly Row[], originNs: bigint, terminal: Terminal): Place[] {
  let places = COLUMNS.map((column) => {
    const widest = rows.reduce((most, row) => Math.max(most, column.cell(row, originNs, terminal).length), 0);
    return { column, width: Math.max(column.title.length, widest) };
  });
  if (!terminal.tty) return places;
  for (;;) {
    let excess = places.reduce((sum, place) => sum + place.width + 2, -2) - terminal.width;
    if (excess <= 0) return places;
    const slack = places.reduce((sum, { column, width }) => sum + Math.max(0, width - (column.least ?? width)), 0);
    if (slack >= excess) {
      // The widest gives first, so that the columns which can be cut end about equally wide.
      for (; excess > 0; excess--) {
        const widest = places.reduce((a, b) => (give(b) > give(a) ? b : a));
        widest.width--;
      }
      return places;
    }
    const leave = places.reduce((least, { column }) => Math.min(least, column.leave ?? 99), 99);
    if (leave === 99) return places;
    places = places.filter(({ column }) => column.leave !== leave);
  }
}

/** How much a column can give: 0 for those that are never cut. */
function give({ column, width }: Place): number {
  return column.least !== undefined && width > column.least ? width : 0;
}

function lineOf(cells: readonly (Place & { text: string })[], terminal: Terminal): string {
  const line = cells
    .map(({ text, column, width }) => {
      const fitted = terminal.tty && column.keep !== undefined ? cut(text, width, column.keep, terminal) : text;
      return column.right === true ? fitted.padStart(width) : fitted.padEnd(width);
    })
    .join('  ')
    .trimEnd();
  return terminal.tty ? cut(line, terminal.width, 'head', terminal) : line;
}
