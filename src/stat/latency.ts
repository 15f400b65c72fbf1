import type { CommandView } from '../base/command.ts';
import { OTHERS } from './directory.ts';
import { NATURES, natureIndex } from './natures.ts';

/** Upper bounds in seconds, from 50 us to 10 s; a last bucket takes what is slower. */
export const LATENCY_BUCKETS: readonly number[] = [
  0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];
const BOUNDS_NS = Float64Array.from(LATENCY_BUCKETS, (seconds) => seconds * 1e9);

/** Hosts at LUs that are told apart; what comes later is counted together. */
const PATHS_MAX = 256;

/** How long commands of one nature took on one way from a host to an LU. */
export interface LatencySnapshot {
  host: string;
  target: string;
  lu: string;
  nature: string;
  /** Commands whose status was seen, in each of `LATENCY_BUCKETS` and above; not cumulated. */
  buckets: readonly number[];
  /** How long they took together. */
  seconds: number;
  commands: number;
  bytes: number;
  /** Commands that ended in another status than GOOD, or without one. */
  errors: number;
}

class Path {
  readonly host: string;
  readonly target: string;
  readonly lu: string;
  readonly buckets: Float64Array[] = NATURES.map(() => new Float64Array(BOUNDS_NS.length + 1));
  readonly commands = new Float64Array(NATURES.length);
  readonly nanos = new Float64Array(NATURES.length);
  readonly bytes = new Float64Array(NATURES.length);
  readonly errors = new Float64Array(NATURES.length);

  constructor(host: string, target: string, lu: string) {
    this.host = host;
    this.target = target;
    this.lu = lu;
  }
}

/** Latency histograms by host, target and LU (requirement H2), in bounded memory; recording a command allocates nothing. */
export class LatencyTally {
  readonly #hosts = new Map<string, Map<string, Path>>();
  readonly #others = new Path(OTHERS, OTHERS, OTHERS);
  #paths = 0;

  record(view: CommandView): void {
    const path = this.#path(view);
    const nature = natureIndex(view.nature);
    path.commands[nature]++;
    path.bytes[nature] += view.dataIn + view.dataOut;
    if (view.status !== 0) path.errors[nature]++;
    if (view.latency < 0) return;
    path.nanos[nature] += view.latency;
    let bucket = 0;
    while (bucket < BOUNDS_NS.length && view.latency > BOUNDS_NS[bucket]) bucket++;
    path.buckets[nature][bucket]++;
  }

  snapshot(): LatencySnapshot[] {
    const all = [...this.#hosts.values()].flatMap((lus) => [...lus.values()]);
    return [...all, this.#others].flatMap((path) =>
      NATURES.map((nature, i) => ({
        host: path.host,
        target: path.target,
        lu: path.lu,
        nature,
        buckets: [...path.buckets[i]],
        seconds: path.nanos[i] / 1e9,
        commands: path.commands[i],
        bytes: path.bytes[i],
        errors: path.errors[i],
      })).filter(({ commands }) => commands > 0),
    );
  }

  #path({ host, target, lu }: CommandView): Path {
    let lus = this.#hosts.get(host);
    const known = lus?.get(lu);
    if (known !== undefined) return known;
    if (this.#paths >= PATHS_MAX) return this.#others;
    this.#paths++;
    if (lus === undefined) {
      lus = new Map();
      this.#hosts.set(host, lus);
    }
    const made = new Path(host, target, lu);
    lus.set(lu, made);
    return made;
  }
}
