import type { MirrorStatus } from '../unit/status.ts';
import { Badge } from './badge.ts';
import { el, Keyed, type Part, setText, show } from './dom.ts';
import type { Orders } from './orders.ts';
import { lagWords, mirrorVerdict } from './verdict.ts';
import { bytesWords, secondsWords } from './words.ts';

export interface MirrorValue {
  lu: string;
  mirror: MirrorStatus;
  nowMs: number;
}

const COLUMNS = ['Mirror', 'State', 'For', 'Recovery point', 'Behind', 'Unresolved', 'Marked in the record', 'Written'];

/** The same as the drawing, in figures, with what may be asked of each mirror. */
export class MirrorsView {
  readonly root: HTMLElement;
  readonly #rows: Keyed<MirrorValue>;

  constructor(orders: Orders | undefined) {
    const head = [...COLUMNS, ...(orders ? ['Orders'] : [])].map((one) => el('th', { scope: 'col' }, one));
    const body = el('tbody');
    this.root = el('table', { class: 'stack' }, el('thead', {}, el('tr', {}, ...head)), body);
    this.#rows = new Keyed(body, () => new Row(orders));
  }

  update(values: readonly MirrorValue[]): void {
    this.#rows.update(values, ({ mirror }) => mirror.to);
  }
}

class Row implements Part<MirrorValue> {
  readonly root: HTMLElement;
  readonly #name = el('th', { scope: 'row' });
  readonly #badge = new Badge();
  readonly #why = el('div', { class: 'why' });
  readonly #mend = el('div', { class: 'mend' });
  readonly #cells = COLUMNS.slice(2).map((label) => el('td', { 'data-label': label }));
  readonly #pause = el('button', { type: 'button' });
  readonly #resync = el('button', { type: 'button' }, 'Resync');
  #value: MirrorValue | undefined;

  constructor(orders: Orders | undefined) {
    const state = el('td', { 'data-label': 'State' }, this.#badge.root, this.#why, this.#mend);
    this.root = el('tr', {}, this.#name, state, ...this.#cells);
    if (orders === undefined) return;
    this.root.append(el('td', { 'data-label': '' }, el('div', { class: 'orders' }, this.#pause, this.#resync)));
    const give = (order: string): void => {
      const { lu, mirror } = this.#value ?? {};
      if (lu !== undefined && mirror) void orders.give({ do: order, volume: lu, mirror: mirror.to });
    };
    this.#pause.addEventListener('click', () => give(this.#value?.mirror.state === 'paused' ? 'resume' : 'pause'));
    this.#resync.addEventListener('click', () => give('resync'));
  }

  update(value: MirrorValue): void {
    this.#value = value;
    const { mirror, nowMs } = value;
    const { to, behindBytes, unresolvedBytes, writtenBytes, record, since } = mirror;
    const verdict = mirrorVerdict(mirror);
    setText(this.#name, to);
    this.#badge.update(verdict);
    setText(this.#why, verdict.why ?? '');
    setText(this.#mend, verdict.mend ?? '');
    const figures = [
      secondsWords(Math.max(0, Math.round((nowMs - Date.parse(since)) / 1000))),
      lagWords(mirror),
      bytesWords(behindBytes),
      bytesWords(unresolvedBytes),
      bytesWords(record.marked * record.chunkBytes),
      bytesWords(writtenBytes),
    ];
    figures.forEach((one, i) => {
      setText(this.#cells[i], one);
    });
    setText(this.#pause, mirror.state === 'paused' ? 'Resume' : 'Pause');
    show(this.#resync, mirror.state !== 'paused');
  }
}
