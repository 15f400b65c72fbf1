import { el, setAttribute, setText, show, svg } from './dom.ts';
import { areaPath, highest, linePath, newest, type Values } from './geometry.ts';
import { timeWords } from './words.ts';

const [WIDTH, HEIGHT] = [600, 100];
/** Rows of the table behind the drawing. */
const ROWS = 12;

export interface Series {
  values: Values;
  endMs: number;
  stepSeconds: number;
}

/** One value over time: drawn, said in words, and as a table. Arrow keys move along it. */
export class ChartView {
  readonly root: HTMLElement;
  readonly #words: (value: number) => string;
  readonly #topOf: (most: number) => number;
  readonly #title: string;
  readonly #said = el('p', { class: 'said' });
  readonly #top = el('span', { class: 'top', 'aria-hidden': 'true' });
  readonly #area = svg('path', { class: 'area' });
  readonly #line = svg('path', { class: 'line' });
  readonly #cross = svg('path', { class: 'cross' });
  readonly #plot: HTMLElement;
  readonly #from = el('span');
  readonly #table = el('tbody');
  readonly #behind: HTMLDetailsElement;
  #series: Series = { values: [], endMs: 0, stepSeconds: 1 };
  /** The value that is pointed at. */
  #at: number | undefined;

  /** `topOf`: where the drawing ends for a highest value. */
  constructor(title: string, words: (value: number) => string, topOf: (most: number) => number) {
    this.#topOf = topOf;
    this.#title = title;
    this.#words = words;
    const box = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' };
    this.#plot = el(
      'div',
      { class: 'plot', tabindex: '0', role: 'img' },
      svg('svg', box, this.#area, this.#line, this.#cross) as unknown as Node,
      this.#top,
    );
    const head = el(
      'thead',
      {},
      el('tr', {}, el('th', { scope: 'col' }, 'Until'), el('th', { scope: 'col' }, 'Highest')),
    );
    this.#behind = el('details', {}, el('summary', {}, 'As a table'), el('table', {}, head, this.#table));
    const scale = el('div', { class: 'scale', 'aria-hidden': 'true' }, this.#from, el('span', {}, 'now'));
    this.root = el('div', { class: 'chart' }, el('h4', {}, title), this.#said, this.#plot, scale, this.#behind);
    this.#listen();
  }

  update(series: Series): void {
    this.#series = series;
    const { values, stepSeconds } = series;
    const most = highest(values);
    const top = this.#topOf(most?.value ?? 0);
    setText(this.#top, this.#words(top));
    setAttribute(this.#line, 'd', linePath(values, WIDTH, HEIGHT, top));
    setAttribute(this.#area, 'd', areaPath(values, WIDTH, HEIGHT, top));
    setText(this.#from, stepSeconds === 1 ? '10 min ago' : '24 h ago');
    this.#say();
    if (this.#behind.open) this.#tell();
  }

  #listen(): void {
    this.#plot.addEventListener('pointermove', (event) => {
      const { left, width } = this.#plot.getBoundingClientRect();
      this.#point(((event.clientX - left) / width) * (this.#series.values.length - 1));
    });
    this.#plot.addEventListener('pointerleave', () => this.#point(undefined));
    this.#plot.addEventListener('blur', () => this.#point(undefined));
    this.#plot.addEventListener('keydown', (event) => {
      const last = this.#series.values.length - 1;
      const step = Math.max(1, Math.round(last / 60));
      const from = this.#at ?? last;
      const to = { ArrowLeft: from - step, ArrowRight: from + step, Home: 0, End: last, Escape: undefined };
      if (!(event.key in to)) return;
      event.preventDefault();
      this.#point(to[event.key as keyof typeof to]);
    });
    this.#behind.addEventListener('toggle', () => this.#tell());
  }

  #point(at: number | undefined): void {
    const last = this.#series.values.length - 1;
    this.#at = at === undefined || last < 0 ? undefined : Math.min(last, Math.max(0, Math.round(at)));
    this.#say();
  }

  #say(): void {
    const { values } = this.#series;
    const now = newest(values);
    const most = highest(values);
    const whole = [
      now === undefined ? 'nothing is known yet' : `now ${this.#words(now)}`,
      most === undefined ? '' : `highest ${this.#words(most.value)} at ${this.#time(most.at)}`,
    ];
    const words = whole.filter(Boolean).join(', ');
    setAttribute(this.#plot, 'aria-label', `${this.#title}: ${words}`);
    if (this.#at === undefined) {
      setText(this.#said, words);
      setAttribute(this.#cross, 'd', '');
      return;
    }
    const value = values[this.#at];
    const at = `${this.#time(this.#at)}: ${value === null ? 'not known' : this.#words(value)}`;
    setText(this.#said, at);
    setAttribute(this.#plot, 'aria-label', `${this.#title}: ${at}`);
    const x = (this.#at / Math.max(1, values.length - 1)) * WIDTH;
    setAttribute(this.#cross, 'd', `M${x},0v${HEIGHT}`);
  }

  #tell(): void {
    const { values } = this.#series;
    if (!this.#behind.open) return;
    const step = Math.ceil(values.length / ROWS);
    const rows: HTMLElement[] = [];
    for (let end = values.length; end > 0; end -= step) {
      const most = highest(values.slice(Math.max(0, end - step), end));
      const words = most === undefined ? 'not known' : this.#words(most.value);
      rows.push(el('tr', {}, el('td', {}, this.#time(end - 1)), el('td', {}, words)));
    }
    this.#table.replaceChildren(...rows);
  }

  #time(at: number): string {
    const { values, endMs, stepSeconds } = this.#series;
    return timeWords(endMs - (values.length - 1 - at) * stepSeconds * 1000, endMs);
  }

  set shown(is: boolean) {
    show(this.root, is);
  }
}
