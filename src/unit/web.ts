import { openPage, type PageFile } from '../../hw/pageFile.ts';
import { type WebPage, WebServer } from '../../hw/webServer.ts';
import { splitPortal } from '../base/address.ts';
import type { LuId } from '../base/change.ts';
import { Fault } from '../base/fault.ts';
import type { LatencySnapshot } from '../stat/latency.ts';
import type { WebConfig } from './configTypes.ts';
import type { UnitEvent } from './events.ts';
import type { MapReport } from './map.ts';
import { METRICS_TYPE, metricsText } from './metrics.ts';
import type { HistoryReport } from './receivedVolume.ts';
import type { UnitStatus } from './status.ts';
import { Trend } from './trend.ts';
import { shortHistory } from './webHistory.ts';

/** What is looked at of the unit, and what may be asked of it. */
export interface WebParts {
  status: () => UnitStatus;
  latencies: () => readonly LatencySnapshot[];
  events: () => readonly UnitEvent[];
  /** Bytes that hosts have written there since the unit began; undefined where that is not counted. */
  written: (lu: LuId) => number | undefined;
  map: (lu: LuId) => MapReport | undefined;
  /** Undefined where none is kept. */
  history: (lu: LuId) => HistoryReport | undefined;
  /** Only for those who know the token. */
  order: (request: Record<string, unknown>) => Promise<unknown>;
  /** Monotonic time in nanoseconds. */
  now: () => number;
  failed: (error: unknown) => void;
  /** Somebody there tried wrong tokens. */
  guessed?: (address: string) => void;
}

const JSON_TYPE = 'application/json; charset=utf-8';
const HTML_TYPE = 'text/html; charset=utf-8';
/** Those who look at the same time look at the same. */
const LOOK_MS = 200;
const MAP_MS = 1000;

/** What collects metrics, and people's browsers, are given (requirements H2, H4): a running unit as others see it. */
export class UnitWeb {
  readonly #parts: WebParts;
  readonly #page: PageFile;
  readonly #trend: Trend;
  #server: WebServer | undefined;
  /** Of volumes that there are. */
  readonly #maps = new Map<LuId, { at: number; page: WebPage }>();
  #status: UnitStatus | undefined;
  #lookedAt = 0;

  private constructor(parts: WebParts, page: PageFile) {
    this.#parts = parts;
    this.#page = page;
    this.#trend = new Trend(this.#now);
  }

  /** Rejects with a `Fault` where the address cannot be had. */
  static async open({ listen: where, names, token }: WebConfig, parts: WebParts): Promise<UnitWeb> {
    const listen = splitPortal(where);
    if (listen === undefined) throw new Fault('local', `web.listen is no portal: ${where}`, 'write IP:PORT');
    const web = new UnitWeb(parts, await openPage({ orders: token === undefined ? 'no' : 'yes' }));
    web.#server = await WebServer.open({
      listen,
      names,
      page: (path, query) => web.#serve(path, query),
      ...(token === undefined ? {} : { orders: { token, act: parts.order } }),
      failed: parts.failed,
      guessed: (address) => parts.guessed?.(address),
    });
    return web;
  }

  get url(): string {
    return this.#server?.url ?? '';
  }

  /** Time has passed. */
  tick(): void {
    if (this.#trend.due(this.#now)) this.#trend.look(this.#now, this.#look().volumes, this.#parts.written);
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }

  get #now(): number {
    return this.#parts.now() / 1e6;
  }

  #look(): UnitStatus {
    const now = this.#now;
    if (this.#status === undefined || now - this.#lookedAt > LOOK_MS) {
      this.#status = this.#parts.status();
      this.#lookedAt = now;
    }
    return this.#status;
  }

  async #serve(path: string, query: URLSearchParams): Promise<WebPage | undefined> {
    const { latencies, events } = this.#parts;
    switch (path) {
      case '/':
        return { type: HTML_TYPE, body: this.#page.html, policy: this.#page.policy };
      case '/metrics':
        return { type: METRICS_TYPE, body: await metricsText(this.#look(), latencies()) };
      case '/status.json':
        return json(this.#look());
      case '/events.json':
        return json(events());
      case '/trend.json':
        return json(this.#trendOf(query));
      case '/map.json':
        return this.#map(query.get('volume') ?? '');
      case '/history.json': {
        const report = this.#parts.history(query.get('volume') ?? '');
        return json(report && shortHistory(report));
      }
      default:
        return undefined;
    }
  }

  /** A volume that has much marked takes a while to be looked through: once a second is enough, whoever asks. */
  #map(lu: LuId): WebPage | undefined {
    const now = this.#now;
    const last = this.#maps.get(lu);
    if (last !== undefined && now - last.at < MAP_MS) return last.page;
    const page = json(this.#parts.map(lu));
    if (page !== undefined) this.#maps.set(lu, { at: now, page });
    return page;
  }

  #trendOf(query: URLSearchParams): unknown {
    const volume = query.get('volume');
    if (volume === null) return this.#trend.overview(this.#now, Date.now());
    const span = query.get('span') === 'day' ? 'day' : 'minutes';
    return this.#trend.report(volume, span, this.#now, Date.now());
  }
}

/** Undefined: there is no such page. */
function json(value: unknown): WebPage | undefined {
  return value === undefined ? undefined : { type: JSON_TYPE, body: JSON.stringify(value) };
}
