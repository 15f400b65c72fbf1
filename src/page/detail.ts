import type { MapReport } from '../unit/watch/map.ts';
import type { UnitStatus, VolumeStatus } from '../unit/watch/status.ts';
import type { TrendReport } from '../unit/watch/trend.ts';
import type { ShortHistory } from '../unit/watch/webHistory.ts';
import { Badge } from './badge.ts';
import { ChartView } from './chartView.ts';
import { ChecksView } from './checksView.ts';
import { el, setText, show } from './dom.ts';
import { binaryTop, niceTop } from './geometry.ts';
import { HistoryView } from './historyView.ts';
import { MapView } from './mapView.ts';
import { MirrorsView } from './mirrorsView.ts';
import type { Orders } from './orders.ts';
import { volumeVerdict } from './verdict.ts';
import { WayView } from './wayView.ts';
import { bytesWords, countWords, rateWords, secondsWords, shortName } from './words.ts';

/** Everything of one volume. */
export class Detail {
  readonly lu: string;
  span: 'minutes' | 'day' = 'minutes';
  readonly #root: HTMLElement;
  readonly #title = el('h2', { id: 'detail-title' });
  readonly #badge = new Badge();
  readonly #why = el('p', { class: 'why' });
  readonly #facts: readonly [word: string, value: HTMLElement][];
  readonly #way = new WayView();
  readonly #mirrors: MirrorsView;
  readonly #charts = {
    bytes: new ChartView('Written by hosts', rateWords, binaryTop),
    writes: new ChartView('Writes a second', (value) => `${countWords(value)}/s`, niceTop),
  };
  readonly #byMirror = new Map<string, { recovery: ChartView; behind: ChartView }>();
  readonly #chartBox = el('div', { class: 'charts' });
  readonly #checks = new ChecksView();
  readonly #map = new MapView();
  readonly #noMap = el('p', { class: 'muted' }, 'The size of this volume is not known yet.');
  readonly #history = new HistoryView();
  readonly #past: HTMLElement;
  readonly #noPast = el('p', { class: 'muted' });
  readonly #mapBox: HTMLElement;

  /** `again`: another span of time is wanted. */
  constructor(root: HTMLElement, lu: string, orders: Orders | undefined, again: () => void) {
    this.#root = root;
    this.lu = lu;
    this.#mirrors = new MirrorsView(orders);
    this.#facts = ['LU', 'Size', 'Block', 'Changes', 'Cache flushes'].map((word) => [
      word,
      el('dd', word === 'LU' ? { class: 'mono' } : {}),
    ]);
    const facts = el(
      'dl',
      { class: 'facts' },
      ...this.#facts.map(([word, value]) => el('div', {}, el('dt', {}, word), value)),
    );
    this.#past = el('div', {}, this.#history.root);
    this.#mapBox = el('div', {}, el('h3', {}, 'Blocks'), this.#noMap, this.#map.root);
    this.#chartBox.append(this.#charts.bytes.root, this.#charts.writes.root);
    show(this.#map.root, false);
    show(this.#past, false);
    root.replaceChildren(
      el('a', { class: 'back', href: '#/' }, '← All volumes'),
      this.#title,
      this.#badge.root,
      this.#why,
      facts,
      el('h3', {}, 'Way'),
      this.#way.root,
      el('h3', {}, 'Mirrors'),
      this.#mirrors.root,
      this.#checks.root,
      ...(orders ? [el('h3', {}, 'Orders'), markForm(lu, orders), orders.root] : []),
      el('h3', {}, 'Over time'),
      this.#spans(again),
      this.#chartBox,
      this.#mapBox,
      el('h3', {}, 'Kept past'),
      this.#noPast,
      this.#past,
    );
    show(root, true);
  }

  update(status: UnitStatus, volume: VolumeStatus, at: number): void {
    const { lu, name, blockSize, blocks, changes, barriers, mirrors, received } = volume;
    const verdict = volumeVerdict(volume);
    setText(this.#title, name ?? lu);
    this.#badge.update(verdict);
    setText(this.#why, [verdict.why, verdict.mend].filter(Boolean).join('; '));
    const size = blockSize === null || blocks === null ? 'not known yet' : bytesWords(blockSize * blocks);
    const block = blockSize === null ? 'not known yet' : `${blockSize} bytes`;
    [lu, size, block, countWords(changes), countWords(barriers)].forEach((one, i) => {
      setText(this.#facts[i][1], one);
    });
    this.#way.update(volume, status.source, at);
    this.#mirrors.update(mirrors.map((mirror) => ({ lu, mirror, nowMs: Date.now() })));
    this.#checks.update(volume, Date.now());
    show(this.#mapBox, received === undefined);
    this.#tellPast(volume);
  }

  trend({ mirrors, writes, bytes, endMs, stepSeconds }: TrendReport): void {
    const series = (values: (number | null)[]) => ({ values, endMs, stepSeconds });
    this.#charts.bytes.update(series(bytes));
    this.#charts.writes.update(series(writes));
    for (const { to, recoverySeconds, behindBytes } of mirrors) {
      let charts = this.#byMirror.get(to);
      if (charts === undefined) {
        const name = shortName(to);
        charts = {
          recovery: new ChartView(`Recovery point, ${name}`, secondsWords, niceTop),
          behind: new ChartView(`Behind, ${name}`, bytesWords, binaryTop),
        };
        this.#byMirror.set(to, charts);
        this.#chartBox.append(charts.recovery.root, charts.behind.root);
      }
      charts.recovery.shown = recoverySeconds.some((one) => one !== null);
      charts.recovery.update(series(recoverySeconds));
      charts.behind.update(series(behindBytes));
    }
    for (const [to, { recovery, behind }] of this.#byMirror) {
      if (mirrors.some((one) => one.to === to)) continue;
      recovery.root.remove();
      behind.root.remove();
      this.#byMirror.delete(to);
    }
  }

  map(report: MapReport): void {
    show(this.#noMap, false);
    show(this.#map.root, true);
    this.#map.update(report);
  }

  history(report: ShortHistory): void {
    show(this.#past, true);
    this.#history.update(report, Date.now());
  }

  close(): void {
    show(this.#root, false);
    this.#root.replaceChildren();
  }

  #tellPast({ received, mirrors }: VolumeStatus): void {
    const far = mirrors.filter(({ link }) => link !== undefined).map(({ link, to }) => link?.peer || shortName(to));
    const none = received ? (received.history === null ? 'This unit keeps none of this volume.' : '') : undefined;
    const there =
      far.length > 0
        ? `It is kept at ${far.join(', ')}: see that unit's page.`
        : 'None: a mirror at another unit would keep it.';
    setText(this.#noPast, none ?? there);
  }

  #spans(again: () => void): HTMLElement {
    const buttons = (['minutes', 'day'] as const).map((span) => {
      const words = span === 'day' ? '24 hours' : '10 minutes';
      const button = el('button', { type: 'button', 'aria-pressed': String(span === this.span) }, words);
      button.addEventListener('click', () => {
        this.span = span;
        for (const one of buttons) one.setAttribute('aria-pressed', String(one === button));
        again();
      });
      return button;
    });
    return el('div', { class: 'orders', role: 'group', 'aria-label': 'Span of time' }, ...buttons);
  }
}

function markForm(lu: string, orders: Orders): HTMLElement {
  const name = el('input', { type: 'text', required: '', maxlength: '64', autocomplete: 'off' });
  const set = el('button', { type: 'submit' }, 'Set the bookmark');
  const form = el('form', { class: 'orders' }, el('label', {}, 'Bookmark here and now ', name), set);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void orders.give({ do: 'mark', volume: lu, name: name.value.trim() }).then((done) => {
      if (done) name.value = '';
    });
  });
  return form;
}
