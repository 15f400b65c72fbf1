import { LATENCY_BUCKETS, type LatencySnapshot } from '../../stat/latency.ts';
import type { Turns } from '../history/turns.ts';

const DURATION = 'tapmirror_command_duration_seconds';
const BOUNDS = [...LATENCY_BUCKETS.map(String), '+Inf'];

/** Metrics of what ended on the bus, by host, target, LU and nature. */
const FAMILIES: readonly [name: string, kind: string, help: string][] = [
  ['tapmirror_commands_total', 'counter', 'SCSI commands that ended.'],
  ['tapmirror_command_bytes_total', 'counter', 'Data that they moved.'],
  ['tapmirror_command_errors_total', 'counter', 'Of them those that did not end in GOOD.'],
  [DURATION, 'histogram', 'From a command to its status, as the bus showed it.'],
];

/** A row in Prometheus' text, a part for each of `FAMILIES`, as it was after so many commands. */
interface Said {
  commands: number;
  parts: readonly string[];
}

/**
 * Latencies in Prometheus' text. Counted and written here: there are some 20 lines for each way from a host to an LU, and by the
 * library recording one would cost a tee more than reporting is worth, and writing them all a tenth of a second. A row on which
 * nothing went on is not written anew.
 */
export class LatencyText {
  readonly #said = new WeakMap<LatencySnapshot, Said>();

  async text(rows: readonly LatencySnapshot[], turns: Turns): Promise<string> {
    if (rows.length === 0) return '';
    const families = FAMILIES.map(([name, kind, help]) => [`\n# HELP ${name} ${help}\n# TYPE ${name} ${kind}\n`]);
    for (const row of rows) {
      this.#of(row).forEach((part, i) => {
        families[i].push(part);
      });
      await turns.next();
    }
    return families.map((parts) => parts.join('')).join('');
  }

  #of(row: LatencySnapshot): readonly string[] {
    const said = this.#said.get(row);
    if (said?.commands === row.commands) return said.parts;
    const parts = partsOf(row);
    this.#said.set(row, { commands: row.commands, parts });
    return parts;
  }
}

function partsOf({ host, target, lu, nature, commands, bytes, errors, seconds, buckets }: LatencySnapshot): string[] {
  const words = [host, target, lu, nature].map(escaped);
  const labels = `host="${words[0]}",target="${words[1]}",lu="${words[2]}",nature="${words[3]}"`;
  const counts = [commands, bytes, errors].map((value, i) => `${FAMILIES[i][0]}{${labels}} ${value}\n`);
  let count = 0;
  let steps = '';
  BOUNDS.forEach((bound, i) => {
    count += buckets[i];
    steps += `${DURATION}_bucket{${labels},le="${bound}"} ${count}\n`;
  });
  return [...counts, `${steps}${DURATION}_sum{${labels}} ${seconds}\n${DURATION}_count{${labels}} ${count}\n`];
}

/** A label's value: backslash, quote and the end of a line (Prometheus' text format 0.0.4). */
function escaped(text: string): string {
  return text.replace(/[\\"\n]/g, (one) => (one === '\n' ? '\\n' : `\\${one}`));
}
