import { openPage, type PageFile } from '../../../hw/pageFile.ts';
import { type WebPage, WebServer } from '../../../hw/webServer.ts';
import { splitPortal } from '../../base/address.ts';
import type { LuId } from '../../base/change.ts';
import { Fault } from '../../base/fault.ts';
import type { LatencySnapshot } from '../../stat/latency.ts';
import type { WebConfig } from '../config/configTypes.ts';
import type { JobStatus } from '../steer/jobs.ts';
import type { UnitEvent } from './events.ts';
import type { MapReport } from './map.ts';
import { metricsText } from './metrics.ts';
import { LatencyText } from './metricsLatency.ts';
import { METRICS_TYPE } from './metricsPage.ts';
import type { UnitStatus, VolumeStatus } from './status.ts';
import { Trend } from './trend.ts';
import type { ShortHistory } from './webHistory.ts';

/** What is looked at of the unit, and what may be asked of it. */
export interface WebParts {
  status: () => UnitStatus;
  latencies: () => readonly LatencySnapshot[];
  events: () => readonly UnitEvent[];
  /** Long jobs of the unit, and of these volumes. */
  jobs: (volumes: readonly VolumeStatus[]) => readonly JobStatus[];
  /** Bytes that hosts have written there since the unit began; undefined where that is not counted. */
  written: (lu: LuId) => number | undefined;
  map: (lu: LuId) => MapReport | undefined;
  /** Undefined where none is kept. */
  history: (lu: LuId) => ShortHistory | undefined;
  /** Only for those who know the token. */
  order: (request: Record<string, unknown>) => Promise<unknown>;
  /** Monotonic time in nanoseconds. */
  now: () => number;
  failed: (error: unknown) => void;
  /** Somebody there tried wrong tokens. */
  guessed?: (address: string) => void;
}

/** How the unit stood at a time, and that as it was written for those who asked. */
interface Look {
  readonly at: number;
  readonly status: UnitStatus;
  page?: WebPage | undefined;
  metrics?: Promise<string>;
}

/** What `/status.json` says: that of `status --json`, with the unit's long jobs. */
export interface PageStatus extends UnitStatus {
  jobs: readonly JobStatus[];
}

const JSON_TYPE = 'application/json; charset=utf-8';
const HTML_TYPE = 'text/html; charset=utf-8';
/** Those who look within so long look at the same, and what it was written as: each look costs the data path something. */
const LOOK_MS = 1000;
/** Pages of one volume that are kept so long; there are more names than that only where somebody makes them up. */
const KEPT_MAX = 64;

/** What collects metrics, and people's browsers, are given (requirements H2, H4): a running unit as others see it. */
export class UnitWeb {
  readonly #parts: WebParts;
  readonly #page: PageFile;
  readonly #trend: Trend;
  #server: WebServer | undefined;
  /** Of what there is, by path and query. */
  readonly #kept = new Map<string, { at: number; page: WebPage }>();
  readonly #latencies = new LatencyText();
  #look: Look | undefined;

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
      ...(token === undefined ? {} : { orders: { token, act: (order) => web.#order(order) } }),
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
    if (!this.#trend.due(this.#now)) return;
    this.#look = undefined;
    this.#trend.look(this.#now, this.#looked().status.volumes, this.#parts.written);
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }

  get #now(): number {
    return this.#parts.now() / 1e6;
  }

  #looked(): Look {
    const now = this.#now;
    if (this.#look === undefined || now - this.#look.at >= LOOK_MS) {
      this.#look = { at: now, status: this.#parts.status() };
    }
    return this.#look;
  }

  async #serve(path: string, query: URLSearchParams): Promise<WebPage | undefined> {
    const volume = query.get('volume') ?? '';
    switch (path) {
      case '/':
        return { type: HTML_TYPE, body: this.#page.html, policy: this.#page.policy };
      case '/metrics': {
        const look = this.#looked();
        look.metrics ??= metricsText(look.status, this.#parts.latencies(), this.#latencies);
        return { type: METRICS_TYPE, body: await look.metrics };
      }
      case '/status.json': {
        const look = this.#looked();
        look.page ??= json({ ...look.status, jobs: this.#parts.jobs(look.status.volumes) });
        return look.page;
      }
      case '/events.json':
        return json(this.#parts.events());
      case '/trend.json':
        return this.#trendPage(query.get('volume'), query.get('span') === 'day' ? 'day' : 'minutes');
      case '/map.json':
        return this.#keep(`${path} ${volume}`, () => this.#parts.map(volume));
      case '/history.json':
        return this.#keep(`${path} ${volume}`, () => this.#parts.history(volume));
      default:
        return undefined;
    }
  }

  /** What was ordered is to be seen at the next look. */
  async #order(order: Record<string, unknown>): Promise<unknown> {
    try {
      return await this.#parts.order(order);
    } finally {
      this.#look = undefined;
    }
  }

  /** Once a second is enough, whoever asks: a volume that has much marked takes a while to be looked through. */
  #keep(key: string, make: () => unknown): WebPage | undefined {
    const now = this.#now;
    const last = this.#kept.get(key);
    if (last !== undefined && now - last.at < LOOK_MS) return last.page;
    this.#kept.delete(key);
    const page = json(make());
    if (page === undefined) return undefined;
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size < KEPT_MAX) break;
      this.#kept.delete(oldest);
    }
    this.#kept.set(key, { at: now, page });
    return page;
  }

  /** Null: of all volumes in short. */
  #trendPage(volume: string | null, span: 'minutes' | 'day'): WebPage | undefined {
    if (volume === null) return this.#keep('/trend.json', () => this.#trend.overview(this.#now, Date.now()));
    return this.#keep(`/trend.json ${span} ${volume}`, () => this.#trend.report(volume, span, this.#now, Date.now()));
  }
}

/** Undefined: there is no such page. */
function json(value: unknown): WebPage | undefined {
  return value === undefined ? undefined : { type: JSON_TYPE, body: JSON.stringify(value) };
}
