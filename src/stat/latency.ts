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

/** How long commands of one nature took on one way from a host to an LU, as it is now: it goes on as commands end. */
export interface LatencySnapshot {
  readonly host: string;
  readonly target: string;
  readonly lu: string;
  readonly nature: string;
  /** Commands whose status was seen, in each of `LATENCY_BUCKETS` and above; not cumulated. */
  readonly buckets: Readonly<Float64Array>;
  /** How long they took together. */
  readonly seconds: number;
  readonly commands: number;
  readonly bytes: number;
  /** Commands that ended in another status than GOOD, or without one. */
  readonly errors: number;
}

/** What it counts lies in one array, so that counting allocates nothing. */
class Row implements LatencySnapshot {
  readonly host: string;
  readonly target: string;
  readonly lu: string;
  readonly nature: string;
  readonly buckets = new Float64Array(BOUNDS_NS.length + 1);
  readonly #counts = new Float64Array(4);

  constructor(host: string, target: string, lu: string, nature: string) {
    this.host = host;
    this.target = target;
    this.lu = lu;
    this.nature = nature;
  }

  get commands(): number {
    return this.#counts[0];
  }

  get bytes(): number {
    return this.#counts[1];
  }

  get errors(): number {
    return this.#counts[2];
  }

  get seconds(): number {
    return this.#counts[3] / 1e9;
  }

  record({ dataIn, dataOut, status, latency }: CommandView): void {
    const counts = this.#counts;
    counts[0]++;
    counts[1] += dataIn + dataOut;
    if (status !== 0) counts[2]++;
    if (latency < 0) return;
    counts[3] += latency;
    let bucket = 0;
    while (bucket < BOUNDS_NS.length && latency > BOUNDS_NS[bucket]) bucket++;
    this.buckets[bucket]++;
  }
}

/** A way from a host to an LU: a row for each nature. */
type Path = readonly Row[];

function pathOf(host: string, target: string, lu: string): Path {
  return NATURES.map((nature) => new Row(host, target, lu, nature));
}

/** Latency histograms by host, target and LU (requirement H2), in bounded memory; recording a command allocates nothing. */
export class LatencyTally {
  readonly #hosts = new Map<string, Map<string, Path>>();
  readonly #others = pathOf(OTHERS, OTHERS, OTHERS);
  #paths = 0;

  record(view: CommandView): void {
    this.#path(view)[natureIndex(view.nature)].record(view);
  }

  /** Those that counted anything; the same objects each time. */
  snapshot(): LatencySnapshot[] {
    const all: LatencySnapshot[] = [];
    const take = (path: Path): void => {
      for (const row of path) if (row.commands > 0) all.push(row);
    };
    for (const lus of this.#hosts.values()) for (const path of lus.values()) take(path);
    take(this.#others);
    return all;
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
    const made = pathOf(host, target, lu);
    lus.set(lu, made);
    return made;
  }
}
