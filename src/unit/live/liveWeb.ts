import type { Bus } from '../bus/bus.ts';
import type { WebConfig } from '../config/configTypes.ts';
import type { Receive } from '../received/receive.ts';
import { answer } from '../steer/control.ts';
import type { EventLog } from '../watch/events.ts';
import type { RunningUnit } from '../watch/status.ts';
import { UnitWeb } from '../watch/web.ts';
import { pageOrders } from '../watch/webOrders.ts';

export interface LiveWebParts {
  unit: RunningUnit;
  bus: Pick<Bus, 'latencies' | 'written' | 'map'> | undefined;
  receive: Pick<Receive, 'history'> | undefined;
  events: EventLog;
  /** The unit ends. */
  signal: AbortSignal;
  /** Monotonic time in nanoseconds. */
  now: () => number;
}

/** What a running unit serves to browsers and Prometheus. Rejects with a `Fault` when it cannot listen. */
export async function openLiveWeb(
  config: WebConfig,
  { unit, bus, receive, events, signal, now }: LiveWebParts,
): Promise<UnitWeb> {
  const web = await UnitWeb.open(config, {
    status: () => unit.status(),
    latencies: () => bus?.latencies() ?? [],
    events: () => events.events,
    jobs: (volumes) => unit.running.list(volumes),
    written: (lu) => bus?.written(lu),
    map: (lu) => bus?.map(lu),
    history: (lu) => receive?.history(lu),
    order: pageOrders((request, job) => answer(unit, request, job, events), signal),
    now,
    failed: (error) => events.error('the status page failed', { why: String(error) }),
    guessed: (from) => events.warn('wrong tokens at the status page', { from }),
  });
  events.info('status page', { url: web.url });
  return web;
}
