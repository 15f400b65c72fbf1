import { Counter, Gauge, Registry } from 'prom-client';
import type { Turns } from '../history/turns.ts';

export type Labels = Record<string, string>;

/** What Prometheus is told the text is. */
export const METRICS_TYPE: string = new Registry().contentType;

/** Metrics by name, each made when its first value comes. */
export class MetricsPage {
  readonly #registry = new Registry();
  readonly #gauges = new Map<string, Gauge>();
  readonly #counters = new Map<string, Counter>();

  /** A counter where the name says so, else a gauge. */
  put(name: string, help: string, labels: Labels, value: number): void {
    if (name.endsWith('_total')) this.count(name, help, labels, value);
    else this.set(name, help, labels, value);
  }

  set(name: string, help: string, labels: Labels, value: number): void {
    let gauge = this.#gauges.get(name);
    if (gauge === undefined) {
      gauge = new Gauge({ name, help, labelNames: Object.keys(labels), registers: [this.#registry] });
      this.#gauges.set(name, gauge);
    }
    gauge.set(labels, value);
  }

  count(name: string, help: string, labels: Labels, value: number): void {
    let counter = this.#counters.get(name);
    if (counter === undefined) {
      counter = new Counter({ name, help, labelNames: Object.keys(labels), registers: [this.#registry] });
      this.#counters.set(name, counter);
    }
    counter.inc(labels, value);
  }

  /** Metric by metric: all at once would keep the data path waiting where there are many volumes. */
  async text(turns: Turns): Promise<string> {
    const parts: string[] = [];
    for (const name of [...this.#gauges.keys(), ...this.#counters.keys()]) {
      parts.push(await this.#registry.getSingleMetricAsString(name));
      await turns.next();
    }
    return `${parts.join('\n\n')}\n`;
  }
}
