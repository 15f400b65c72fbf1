/** What can be shown where the output goes. */
export interface Terminal {
  /** Columns; 100 where the output is not a terminal. */
  width: number;
  tty: boolean;
  colour: boolean;
  /** Block elements and dots; otherwise plain ASCII. */
  unicode: boolean;
}

export interface TerminalStream {
  isTTY?: boolean;
  columns?: number;
}

export function terminalOf(stream: TerminalStream, env: Record<string, string | undefined>): Terminal {
  const tty = stream.isTTY === true;
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || '';
  return {
    width: tty ? Math.max(40, stream.columns ?? 80) : 100,
    tty,
    colour: tty && !env.NO_COLOR && env.TERM !== 'dumb',
    unicode: /utf-?8/i.test(locale),
  };
}

const COLOURS = { bold: '1', dim: '2', red: '31', yellow: '33', blue: '34', cyan: '36' } as const;
export type Colour = keyof typeof COLOURS;

export function paint(text: string, colour: Colour, terminal: Terminal): string {
  return terminal.colour ? `\u001b[${COLOURS[colour]}m${text}\u001b[0m` : text;
}

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** A bar for `share` (0 to 1) of `width` columns; anything above nothing shows at least the thinnest mark. */
export function bar(share: number, width: number, terminal: Terminal): string {
  if (!(share > 0)) return '';
  const full = Math.min(1, share) * width;
  if (!terminal.unicode) return '#'.repeat(Math.max(1, Math.round(full)));
  const eighths = Math.max(1, Math.round(full * 8));
  return '█'.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8];
}

const SPARKS = '▁▂▃▄▅▆▇█';
const PLAIN_SPARKS = '.:-=+*%#';

/** One character a value, by height against `peak` (the highest value if not given); nothing is a blank. */
export function sparkline(values: readonly number[], terminal: Terminal, peak = highest(values)): string {
  const glyphs = terminal.unicode ? SPARKS : PLAIN_SPARKS;
  let line = '';
  for (const value of values) {
    const level = peak > 0 ? Math.min(8, Math.ceil((value / peak) * 8)) : 0;
    line += level > 0 ? glyphs[level - 1] : ' ';
  }
  return line;
}

/** At most `width` values: each the mean of as many neighbours as that takes. */
export function squeeze(values: readonly number[], width: number): number[] {
  const by = Math.ceil(values.length / Math.max(1, width));
  if (by <= 1) return [...values];
  const cells: number[] = [];
  for (let i = 0; i < values.length; i += by) {
    const part = values.slice(i, i + by);
    cells.push(part.reduce((sum, value) => sum + value, 0) / part.length);
  }
  return cells;
}

/** The first `whole` places in at most `width` cells: each the sum of its share of the values, nothing beyond them. */
export function spread(values: readonly number[], whole: number, width: number): number[] {
  const cells = new Array<number>(Math.min(width, whole)).fill(0);
  values.forEach((value, i) => {
    cells[Math.floor((i / whole) * cells.length)] += value;
  });
  return cells;
}

export function highest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), 0);
}

/** Cuts to `width` columns, at the end or (where the tail tells more, as in names) at the start. */
export function cut(text: string, width: number, keep: 'head' | 'tail', terminal: Terminal): string {
  if (text.length <= width) return text;
  const mark = terminal.unicode ? '…' : '~';
  if (width <= 1) return mark.slice(0, width);
  return keep === 'head' ? text.slice(0, width - 1) + mark : mark + text.slice(text.length - width + 1);
}

/** Lines of cells in columns as wide as their widest cell, two blanks between; the first column to the left. */
export function columns(lines: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const line of lines) {
    line.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.length);
    });
  }
  return lines.map((line) =>
    line
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
      .join('  ')
      .trimEnd(),
  );
}
