import type { UnitStatus, VolumeStatus } from '../unit/watch/status.ts';
import type { TrendOverview } from '../unit/watch/trend.ts';
import { Badge } from './badge.ts';
import { byId, el, Keyed, type Part, setAttribute, setText, show, svg } from './dom.ts';
import { binaryTop, highest, linePath } from './geometry.ts';
import { firstVerdict, lagWords, mirrorVerdict, TROUBLED, type Verdict, volumeVerdict } from './verdict.ts';
import { countWords, many, rateWords } from './words.ts';

/** What a row shows. */
interface RowValue {
  volume: VolumeStatus;
  /** Writes a second; undefined before the second look. */
  writes: number | undefined;
  current: boolean;
}

/** Lamps beyond these are told as a number. */
const LAMPS_MAX = 6;
const SPARK = { width: 100, height: 28 };

export function hashOf(lu: string): string {
  return `#/${encodeURIComponent(lu)}`;
}

/** The list of all volumes, filtered. */
export class VolumesView {
  readonly #rows: Keyed<RowValue, Row>;
  readonly #find = byId('find') as HTMLInputElement;
  readonly #troubled = byId('troubled') as HTMLInputElement;
  readonly #found = byId('found');
  #last = new Map<string, { changes: number; at: number; rate: number | undefined }>();
  #status: UnitStatus | undefined;
  #current: string | undefined;

  constructor() {
    this.#rows = new Keyed(byId('list'), () => new Row());
    for (const input of [this.#find, this.#troubled]) input.addEventListener('input', () => this.#draw());
  }

  /** `at`: milliseconds of the look. */
  update(status: UnitStatus, at: number): void {
    const last = this.#last;
    this.#last = new Map(
      status.volumes.map(({ lu, changes }) => {
        const before = last.get(lu);
        const elapsed = before ? (at - before.at) / 1000 : 0;
        const rate = before && elapsed > 0 ? Math.max(0, changes - before.changes) / elapsed : before?.rate;
        return [lu, { changes, at, rate }];
      }),
    );
    this.#status = status;
    this.#draw();
  }

  choose(lu: string | undefined): void {
    this.#current = lu;
    this.#draw();
  }

  trends({ volumes }: TrendOverview): void {
    const byLu = new Map(volumes.map((one) => [one.lu, one.bytes]));
    for (const row of this.#rows.parts) row.trend(byLu.get(row.lu) ?? []);
  }

  #draw(): void {
    const { volumes = [] } = this.#status ?? {};
    show(byId('volumes'), volumes.length > 1);
    const word = this.#find.value.trim().toLowerCase();
    const fits = (one: VolumeStatus): boolean =>
      (word === '' ||
        `${one.name ?? ''}\n${one.lu}\n${one.mirrors.map(({ to }) => to).join('\n')}`.toLowerCase().includes(word)) &&
      (!this.#troubled.checked || TROUBLED.has(volumeVerdict(one).tone));
    const shown = volumes.filter(fits);
    setText(
      this.#found,
      shown.length === volumes.length
        ? many(volumes.length, 'volume')
        : `${shown.length} of ${many(volumes.length, 'volume')}`,
    );
    this.#rows.update(
      shown.map((volume) => ({
        volume,
        writes: this.#last.get(volume.lu)?.rate,
        current: volume.lu === this.#current,
      })),
      ({ volume }) => volume.lu,
    );
  }
}

class Row implements Part<RowValue> {
  readonly root: HTMLElement;
  lu = '';
  readonly #link = el('a');
  readonly #name = el('span', { class: 'name' });
  readonly #lu = el('span', { class: 'lu mono' });
  readonly #state = new Badge();
  readonly #lamps = el('span', { class: 'lamps', 'aria-hidden': 'true' });
  readonly #lampList: Badge[] = [];
  readonly #more = el('span', { class: 'muted' });
  readonly #figures = el('span', { class: 'figures' });
  readonly #rate = el('span');
  readonly #path = svg('path');

  constructor() {
    const box = {
      viewBox: `0 -1 ${SPARK.width} ${SPARK.height + 2}`,
      preserveAspectRatio: 'none',
      class: 'spark',
      'aria-hidden': 'true',
    };
    const right = el('span', { class: 'right' }, svg('svg', box, this.#path), this.#rate);
    this.#link.append(this.#name, this.#lu, this.#state.root, this.#lamps, this.#figures, right);
    this.root = el('li', { class: 'volume' }, this.#link);
  }

  update({ volume, writes, current }: RowValue): void {
    const { lu, name, mirrors } = volume;
    this.lu = lu;
    setAttribute(this.#link, 'href', hashOf(lu));
    setAttribute(this.#link, 'aria-current', current ? 'true' : undefined);
    setText(this.#name, name ?? lu);
    setText(this.#lu, name === undefined || name === lu ? '' : lu);
    show(this.#lu, name !== undefined && name !== lu);
    this.#state.update(volumeVerdict(volume));
    this.#drawLamps(volume);
    const slowest = mirrors.reduce(
      (most, one) => ((one.lag?.seconds ?? 0) > (most?.lag?.seconds ?? 0) ? one : most),
      mirrors.at(0),
    );
    setText(this.#figures, slowest === undefined ? '' : `recovery point ${lagWords(slowest)}`);
    setText(this.#rate, writes === undefined ? '' : `${countWords(writes)} writes/s`);
  }

  trend(bytes: readonly (number | null)[]): void {
    const top = binaryTop(highest(bytes)?.value ?? 0);
    setAttribute(this.#path, 'd', linePath(bytes, SPARK.width, SPARK.height, top));
    setAttribute(this.#link, 'title', `highest in 10 minutes: ${rateWords(highest(bytes)?.value ?? 0)}`);
  }

  /** The way in short: where it begins, then each mirror. */
  #drawLamps({ first, received, mirrors }: VolumeStatus): void {
    const begin: Verdict = received
      ? { tone: received.sender ? 'ok' : 'warn', word: '' }
      : { ...firstVerdict(first), word: '' };
    const all = [begin, ...mirrors.slice(0, LAMPS_MAX).map((one) => ({ ...mirrorVerdict(one), word: '' }))];
    if (all.length !== this.#lampList.length) {
      this.#lampList.length = 0;
      this.#lampList.push(...all.map(() => new Badge()));
      const [start, ...rest] = this.#lampList.map(({ root }) => root);
      this.#lamps.replaceChildren(start, el('span', { class: 'arrow' }, '→'), ...rest, this.#more);
    }
    all.forEach((one, i) => {
      this.#lampList[i].update(one);
    });
    setText(this.#more, mirrors.length > LAMPS_MAX ? `+${mirrors.length - LAMPS_MAX}` : '');
  }
}
