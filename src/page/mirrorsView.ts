import type { MirrorStatus } from '../unit/watch/status.ts';
import { Badge } from './badge.ts';
import { el, Keyed, type Part, setText, show } from './dom.ts';
import type { Orders } from './orders.ts';
import { stackCell, stackName, stackRow, stackTable } from './stack.ts';
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
    const { root, body } = stackTable([...COLUMNS, ...(orders ? ['Orders'] : [])], 'Mirrors');
    this.root = root;
    this.#rows = new Keyed(body, () => new Row(orders));
  }

  update(values: readonly MirrorValue[]): void {
    this.#rows.update(values, ({ mirror }) => mirror.to);
  }
}

class Row implements Part<MirrorValue> {
  readonly root: HTMLElement;
  readonly #name = stackName();
  readonly #badge = new Badge();
  readonly #why = el('div', { class: 'why' });
  readonly #mend = el('div', { class: 'mend' });
  readonly #cells = COLUMNS.slice(2).map((label) => stackCell(label));
  readonly #pause = el('button', { type: 'button' });
  readonly #resync = el('button', { type: 'button' }, 'Resync');
  #value: MirrorValue | undefined;

  constructor(orders: Orders | undefined) {
    const state = stackCell('State', this.#badge.root, this.#why, this.#mend);
    this.root = stackRow(this.#name, state, ...this.#cells);
    if (orders === undefined) return;
    this.root.append(stackCell('', el('div', { class: 'orders' }, this.#pause, this.#resync)));
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
