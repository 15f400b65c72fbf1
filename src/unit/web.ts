import { WebServer } from '../../hw/webServer.ts';
import { splitPortal } from '../base/address.ts';
import { Fault } from '../base/fault.ts';
import type { LatencySnapshot } from '../stat/latency.ts';
import type { WebConfig } from './configTypes.ts';
import type { UnitEvent } from './events.ts';
import { METRICS_TYPE, metricsText } from './metrics.ts';
import type { UnitStatus } from './status.ts';

/** What is looked at of the unit. */
export interface WebParts {
  status: () => UnitStatus;
  latencies: () => readonly LatencySnapshot[];
  events: () => readonly UnitEvent[];
  failed: (error: unknown) => void;
}

const JSON_TYPE = 'application/json; charset=utf-8';

/** Serves what collects metrics, and people's browsers. Rejects with a `Fault` where the address cannot be had. */
export async function serveWeb(config: WebConfig, parts: WebParts): Promise<WebServer> {
  const listen = splitPortal(config.listen);
  if (listen === undefined) throw new Fault('local', `web.listen is no portal: ${config.listen}`, 'write IP:PORT');
  return WebServer.open({ listen, names: config.names, page: (path) => page(path, parts), failed: parts.failed });
}

async function page(path: string, { status, latencies, events }: WebParts) {
  switch (path) {
    case '/metrics':
      return { type: METRICS_TYPE, body: await metricsText(status(), latencies()) };
    case '/status.json':
      return { type: JSON_TYPE, body: JSON.stringify(status()) };
    case '/events.json':
      return { type: JSON_TYPE, body: JSON.stringify(events()) };
    default:
      return undefined;
  }
}
