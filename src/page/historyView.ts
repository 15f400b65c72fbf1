import type { ShortHistory } from '../unit/watch/webHistory.ts';
import { el, setAttribute, setText, svg } from './dom.ts';
import { bytesWords, countWords, many, secondsWords, timeWords } from './words.ts';

const [WIDTH, HEIGHT] = [1000, 30];

/** The moments that a volume can be brought back to, with its bookmarks. */
export class HistoryView {
  readonly root: HTMLElement;
  readonly #said = el('p');
  readonly #damage = el('p', { class: 'why' });
  readonly #svg = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img' });
  readonly #from = el('span');
  readonly #to = el('span');
  readonly #table = el('tbody');
  readonly #left = el('p', { class: 'muted' });
  #drawn = '';

  constructor() {
    const lane = el(
      'div',
      { class: 'moments lane' },
      el('b', {}, 'Moments'),
      this.#svg as unknown as Node,
      el('span', { class: 'scale' }, this.#from, this.#to),
    );
    const columns = ['Bookmark', 'Time', 'Sequence', 'Consistent'].map((one) => el('th', { scope: 'col' }, one));
    const table = el('table', {}, el('thead', {}, el('tr', {}, ...columns)), this.#table);
    this.root = el(
      'div',
      {},
      this.#said,
      this.#damage,
      lane,
      el('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Bookmarks' }, table),
      this.#left,
    );
  }

  update(report: ShortHistory, nowMs: number): void {
    const { oldest, newest, bytes, entries, bookmarks, spans, damage, windowMs, leftOut } = report;
    const [from, to] = [timeOf(oldest.at), timeOf(newest.at)];
    const kept = from === undefined || to === undefined ? 'nothing yet' : secondsWords((to - from) / 1000);
    setText(
      this.#said,
      `${kept} of ${secondsWords(windowMs / 1000)} are kept: ${countWords(entries)} entries, ${bytesWords(bytes)}, ${many(bookmarks.length + leftOut.bookmarks, 'bookmark')}`,
    );
    setText(this.#damage, damage ?? '');
    setAttribute(this.#svg, 'aria-label', `Moments from ${oldest.at ?? 'none'} to ${newest.at ?? 'none'}`);
    setText(this.#from, from === undefined ? '' : timeWords(from, nowMs));
    setText(this.#to, to === undefined ? '' : timeWords(to, nowMs));
    const key = JSON.stringify([spans, bookmarks]);
    if (key === this.#drawn) return;
    this.#drawn = key;
    this.#draw(report, from ?? 0, to ?? 0);
    setText(
      this.#left,
      leftOut.bookmarks > 0 ? `${many(leftOut.bookmarks, 'older bookmark')}: see tapmirror history` : '',
    );
    const rows = bookmarks.toReversed().map(({ name, at, sequence, consistent }) => {
      const when = timeOf(at);
      const cells = [when === undefined ? '' : timeWords(when, nowMs), countWords(sequence), consistent ? 'yes' : 'no'];
      return el('tr', {}, el('th', { scope: 'row' }, name), ...cells.map((one) => el('td', {}, one)));
    });
    this.#table.replaceChildren(
      ...(rows.length > 0 ? rows : [el('tr', {}, el('td', { colspan: '4' }, 'There are none.'))]),
    );
  }

  #draw({ spans, bookmarks }: ShortHistory, from: number, to: number): void {
    const place = (ms: number): number => Math.min(WIDTH, Math.max(0, ((ms - from) / Math.max(1, to - from)) * WIDTH));
    const boxes = (consistent: boolean): string =>
      spans
        .filter((one) => one.consistent === consistent)
        .map((one) => {
          const x = Math.min(WIDTH - 1, place(timeOf(one.from.at) ?? from));
          return `M${x},8h${Math.max(1, place(timeOf(one.to.at) ?? to) - x)}v${HEIGHT - 8}H${x}Z`;
        })
        .join('');
    const marks = bookmarks.map(({ at }) => `M${place(timeOf(at) ?? from)},0v${HEIGHT}`).join('');
    this.#svg.replaceChildren(
      svg('path', { class: 'consistent', d: boxes(true) }),
      svg('path', { class: 'between', d: boxes(false) }),
      svg('path', { class: 'mark', d: marks }),
    );
  }
}

function timeOf(at: string | null): number | undefined {
  // A browser reads no more than milliseconds.
  return at === null ? undefined : Date.parse(at.replace(/(\.\d{3})\d*Z$/, '$1Z'));
}
