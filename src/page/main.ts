import type { UnitEvent } from '../unit/watch/events.ts';
import type { MapReport } from '../unit/watch/map.ts';
import type { TrendOverview, TrendReport } from '../unit/watch/trend.ts';
import type { PageStatus } from '../unit/watch/web.ts';
import type { ShortHistory } from '../unit/watch/webHistory.ts';
import { Badge } from './badge.ts';
import { Detail } from './detail.ts';
import { byId, setAttribute, setText, show } from './dom.ts';
import { EventsView } from './eventsView.ts';
import { JobsView } from './jobsView.ts';
import { Orders } from './orders.ts';
import { get, Repeated } from './poll.ts';
import { ServedView } from './servedView.ts';
import { sourceCounters, unitVerdict } from './verdict.ts';
import { VolumesView } from './volumesView.ts';
import { bytesWords, countWords, secondsWords, timeWords } from './words.ts';

const STATUS_MS = 1000;
const EVENTS_MS = 2000;
const DETAIL_MS = 2000;
const OVERVIEW_MS = 5000;
/** What is shown is old when nothing came for so long. */
const STALE_MS = 4000;

/** The page: asks the unit, and gives what comes to those who draw it. */
class Page {
  readonly #volumes = new VolumesView();
  readonly #jobs = new JobsView();
  readonly #served = new ServedView();
  readonly #events = new EventsView();
  readonly #orders = document.documentElement.dataset.orders === 'yes' ? new Orders() : undefined;
  readonly #verdict = new Badge();
  readonly #detailPoll = new Repeated(() => this.#lookCloser(), DETAIL_MS);
  #status: PageStatus | undefined;
  #detail: Detail | undefined;
  /** Of the last answer. */
  #answeredMs = Date.now();
  #failed = false;

  start(): void {
    byId('verdict').append(this.#verdict.root);
    window.addEventListener('hashchange', () => {
      this.#choose();
      if (this.#detail) byId('detail').focus({ preventScroll: true });
      window.scrollTo(0, 0);
    });
    new Repeated(() => this.#look(), STATUS_MS).now();
    new Repeated(() => this.#overview(), OVERVIEW_MS).now();
    new Repeated(
      async () => this.#events.update((await get<UnitEvent[]>('/events.json')) ?? [], Date.now()),
      EVENTS_MS,
    ).now();
    window.setInterval(() => this.#tellLive(), STATUS_MS);
  }

  async #look(): Promise<void> {
    let status: PageStatus | undefined;
    try {
      status = await get<PageStatus>('/status.json');
    } finally {
      this.#failed = status === undefined;
      this.#tellLive();
    }
    if (status === undefined) return;
    this.#answeredMs = Date.now();
    this.#status = status;
    this.#tellLive();
    this.#tellUnit(status);
    this.#volumes.update(status, performance.now());
    const { volumes, jobs, serve } = status;
    this.#jobs.update(jobs, (one) => volumes.find(({ lu, name }) => one === lu || one === name)?.lu, Date.now());
    this.#served.update(serve);
    this.#choose();
    const chosen = status.volumes.find(({ lu }) => lu === this.#detail?.lu);
    if (chosen) this.#detail?.update(status, chosen, performance.now());
  }

  async #overview(): Promise<void> {
    const overview = await get<TrendOverview>('/trend.json');
    if (overview) this.#volumes.trends(overview);
  }

  /** What only one volume is asked for. */
  async #lookCloser(): Promise<void> {
    const detail = this.#detail;
    const volume = this.#status?.volumes.find(({ lu }) => lu === detail?.lu);
    if (detail === undefined || volume === undefined) return;
    const query = `volume=${encodeURIComponent(detail.lu)}`;
    const { received } = volume;
    const [trend, map, history] = await Promise.all([
      get<TrendReport>(`/trend.json?${query}&span=${detail.span}`),
      received || volume.blocks === null ? undefined : get<MapReport>(`/map.json?${query}`),
      received?.history ? get<ShortHistory>(`/history.json?${query}`) : undefined,
    ]);
    if (detail !== this.#detail) return;
    if (trend) detail.trend(trend);
    if (map) detail.map(map);
    if (history) detail.history(history);
  }

  /** The volume that the address names, or the only one. */
  #choose(): void {
    const { volumes = [] } = this.#status ?? {};
    let named: string | undefined;
    try {
      named = decodeURIComponent(window.location.hash.slice(2));
    } catch {
      // An address that nobody here made names nothing.
    }
    const lu = volumes.length === 1 ? volumes[0].lu : volumes.find((one) => one.lu === named)?.lu;
    byId('main').classList.toggle('single', volumes.length <= 1);
    byId('main').classList.toggle('chosen', lu !== undefined);
    show(byId('none'), lu === undefined && volumes.length > 0);
    if (this.#detail?.lu === lu) return;
    this.#detail?.close();
    this.#detail =
      lu === undefined ? undefined : new Detail(byId('detail'), lu, this.#orders, () => this.#detailPoll.now());
    this.#volumes.choose(lu);
    const volume = volumes.find((one) => one.lu === lu);
    if (this.#status && volume) this.#detail?.update(this.#status, volume, performance.now());
    if (lu !== undefined) this.#detailPoll.now();
  }

  #tellUnit(status: PageStatus): void {
    const { unit, version, since, source, buffer, receive } = status;
    const verdict = unitVerdict(status);
    this.#verdict.update(verdict);
    document.title = `${verdict.word} – tapmirror`;
    setText(byId('unit'), `${unit} · ${version}`);
    const counters = sourceCounters(source).map(([word, value]) => `${countWords(value)} ${word}`);
    const up = secondsWords(Math.max(0, (Date.now() - Date.parse(since)) / 1000));
    const used = `buffer ${bytesWords(buffer.bytes - buffer.freeBytes)} of ${bytesWords(buffer.bytes)}`;
    const parts = [
      source.text,
      receive && receive.text !== source.text ? receive.text : '',
      `up ${up}`,
      ...counters,
      buffer.bytes > 0 ? used : '',
    ];
    setText(byId('source'), parts.filter(Boolean).join(' · '));
  }

  #tellLive(): void {
    const silentMs = Date.now() - this.#answeredMs;
    const stale = this.#failed || silentMs > STALE_MS;
    const when = timeWords(this.#answeredMs, Date.now());
    setText(byId('live'), stale ? `no answer since ${when}: what is shown is old` : 'live');
    setAttribute(byId('live'), 'data-tone', stale ? 'bad' : undefined);
    document.body.classList.toggle('stale', stale);
  }
}

new Page().start();
