import type { MapReport } from '../unit/watch/map.ts';
import { el, Keyed, type Part, setAttribute, setText, svg } from './dom.ts';
import { boxesPath, levelRuns, type Run, regions } from './geometry.ts';
import { bytesWords, countWords, shortName } from './words.ts';

const [WIDTH, HEIGHT, LEVELS] = [1024, 20, 4];
const REGIONS_MAX = 8;

interface Lane {
  kind: 'hot' | 'dirty' | 'unresolved';
  title: string;
  whole: string;
  bins: readonly number[];
  words: string;
}

/** A volume from its first block to its last: what is hot, what is dirty, what is unresolved. */
export class MapView {
  readonly root: HTMLElement;
  readonly #lanes: Keyed<Lane>;
  readonly #said = el('p', { class: 'muted' });
  readonly #scale = el('span');
  readonly #table = el('tbody');
  readonly #behind: HTMLDetailsElement;
  #report: MapReport | undefined;

  constructor() {
    const lanes = el('div');
    this.#lanes = new Keyed(lanes, () => new LaneView());
    const scale = el(
      'div',
      { class: 'lane' },
      el('span', { class: 'scale', 'aria-hidden': 'true' }, el('span', {}, 'LBN 0'), this.#scale),
    );
    const columns = ['What', 'From LBN', 'To LBN', 'Bytes'].map((one) => el('th', { scope: 'col' }, one));
    const table = el('table', {}, el('thead', {}, el('tr', {}, ...columns)), this.#table);
    this.#behind = el('details', {}, el('summary', {}, 'The largest regions as a table'), table);
    this.#behind.addEventListener('toggle', () => this.#tell());
    this.root = el('div', {}, this.#said, lanes, scale, this.#behind);
  }

  update(report: MapReport): void {
    this.#report = report;
    const { bytes, blockSize, binBytes } = report;
    setText(
      this.#said,
      `${bytesWords(bytes)} in ${countWords(bytes / blockSize)} blocks of ${blockSize} bytes; one step is ${bytesWords(binBytes)}`,
    );
    setText(this.#scale, `LBN ${countWords(bytes / blockSize - 1)}`);
    this.#lanes.update(lanesOf(report), ({ kind, whole }) => `${kind} ${whole}`);
    this.#tell();
  }

  #tell(): void {
    const report = this.#report;
    if (!this.#behind.open || report === undefined) return;
    const { binBytes, blockSize, bytes } = report;
    const lbn = (bin: number): string => countWords(Math.min(bin * binBytes, bytes) / blockSize);
    const rows = lanesOf(report).flatMap(({ title, bins }) =>
      regions(bins, REGIONS_MAX).map(({ first, end, sum }) =>
        el('tr', {}, ...[title, lbn(first), lbn(end - 1 / binBytes), bytesWords(sum)].map((one) => el('td', {}, one))),
      ),
    );
    this.#table.replaceChildren(
      ...(rows.length > 0 ? rows : [el('tr', {}, el('td', { colspan: '4' }, 'There are none.'))]),
    );
  }
}

function lanesOf({ hot, mirrors, binBytes }: MapReport): Lane[] {
  const written = hot.reduce((sum, one) => sum + one, 0);
  const words = written === 0 ? 'nothing was written of late' : `${bytesWords(written)} written of late`;
  const lanes: Lane[] = [{ kind: 'hot', title: 'Hot', whole: '', bins: hot, words }];
  for (const { to, dirty, unresolved } of mirrors) {
    for (const [kind, bins, none] of [
      ['dirty', dirty, 'nothing is marked'],
      ['unresolved', unresolved, 'nothing is unresolved'],
    ] as const) {
      const sum = bins.reduce((all, one) => all + one, 0);
      const said = kind === 'dirty' ? `${bytesWords(sum)} marked` : `${bytesWords(sum)} to be read back`;
      const title = `${kind === 'dirty' ? 'Dirty' : 'Unresolved'}, ${shortName(to)}`;
      // A bin that is there in part only is drawn as fully there: nothing that is marked is hidden.
      const drawn = bins.map((one) => (one > 0 ? Math.max(one, binBytes) : 0));
      lanes.push({ kind, title, whole: to, bins: drawn, words: sum === 0 ? none : said });
    }
  }
  return lanes;
}

class LaneView implements Part<Lane> {
  readonly root: HTMLElement;
  readonly #title = el('b');
  readonly #words = el('span', { class: 'muted' });
  readonly #svg = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img' });
  readonly #paths = Array.from({ length: LEVELS }, (_, i) => svg('path', { class: `level${i + 1}` }));

  constructor() {
    this.#svg.append(...this.#paths);
    this.root = el(
      'div',
      { class: 'lane' },
      el('span', {}, this.#title, ' ', this.#words),
      this.#svg as unknown as Node,
    );
  }

  update({ kind, title, whole, bins, words }: Lane): void {
    setAttribute(this.root, 'title', whole === '' ? undefined : whole);
    setText(this.#title, title);
    setText(this.#words, words);
    setAttribute(this.#svg, 'class', kind);
    setAttribute(this.#svg, 'aria-label', `${title}: ${words}`);
    const runs = levelRuns(bins, kind === 'hot' ? LEVELS : 1, Math.max(1, ...bins));
    this.#paths.forEach((path, i) => {
      const mine = runs.filter(({ level }: Run) => level === i + 1);
      setAttribute(path, 'd', boxesPath(mine, bins.length, WIDTH, HEIGHT));
    });
  }
}
