import type { LuId } from '../base/change.ts';
import type { CommandView } from '../base/command.ts';
import type { HoleView, LuFacts, SnoopSink } from '../base/sink.ts';
import { type Allowance, Directory } from './directory.ts';
import { CONTROL, type NatureIndex, natureIndex, READ } from './natures.ts';
import { Regions } from './regions.ts';
import { Sequence } from './sequence.ts';
import { type HolesSnapshot, type LuSnapshot, type StatSnapshot, tallySnapshot } from './snapshot.ts';
import { mediumBytes, Tally } from './tally.ts';

/** How many of each are told apart; what comes later is counted together. */
export interface StatLimits {
  hosts: number;
  targets: number;
  lus: number;
  /** Pairs of a host and an LU. */
  hostLus: number;
}

const LIMITS: StatLimits = { hosts: 64, targets: 64, lus: 128, hostLus: 128 };

class LuTally {
  readonly tally = new Tally();
  readonly regions = new Regions();
  readonly reads = new Sequence();
  readonly writes = new Sequence();
  readonly hosts: Directory<string, Tally>;

  constructor(pairs: Allowance) {
    this.hosts = new Directory(pairs, newTally);
  }

  record(view: CommandView, nature: NatureIndex): void {
    if (nature === CONTROL || view.lbn < 0 || view.blocks <= 0) return;
    this.regions.record(nature, view.lbn, view.blocks);
    (nature === READ ? this.reads : this.writes).record(view.frame, view.lbn, view.blocks);
  }
}

/**
 * What the bus alone tells, in bounded memory for a capture of any length: fed with every command and hole, asked for a
 * `snapshot` at any moment. Recording allocates only at first sight of a host, target, LU, operation or error.
 */
export class StatCollector implements SnoopSink {
  readonly #total = new Tally();
  readonly #hosts: Directory<string, Tally>;
  readonly #targets: Directory<string, Tally>;
  readonly #lus: Directory<LuId, LuTally>;
  readonly #facts = new Map<LuId, LuFacts>();
  readonly #factsMax: number;
  readonly #holes = { toTarget: { count: 0, bytes: 0 }, toHost: { count: 0, bytes: 0 } };
  #firstNs = Number.POSITIVE_INFINITY;
  #lastNs = 0;

  constructor(limits: Partial<StatLimits> = {}) {
    const { hosts, targets, lus, hostLus } = { ...LIMITS, ...limits };
    const pairs = { left: hostLus };
    this.#hosts = new Directory({ left: hosts }, newTally);
    this.#targets = new Directory({ left: targets }, newTally);
    this.#lus = new Directory({ left: lus }, () => new LuTally(pairs));
    this.#factsMax = lus;
  }

  command(view: CommandView): void {
    const nature = natureIndex(view.nature);
    const bytes = mediumBytes(view, nature);
    // As a number the time is good to 256 ns, which is enough for rates and spares a big integer per command.
    const startNs = Number(view.at);
    const endNs = view.latency > 0 ? startNs + view.latency : startNs;
    if (startNs < this.#firstNs) this.#firstNs = startNs;
    if (endNs > this.#lastNs) this.#lastNs = endNs;
    this.#total.record(view, nature, bytes, endNs);
    this.#hosts.get(view.host).record(view, nature, bytes, endNs);
    this.#targets.get(view.target).record(view, nature, bytes, endNs);
    const lu = this.#lus.get(view.lu);
    lu.tally.record(view, nature, bytes, endNs);
    lu.record(view, nature);
    lu.hosts.get(view.host).record(view, nature, bytes, endNs);
  }

  hole(view: HoleView): void {
    const holes = view.toTarget ? this.#holes.toTarget : this.#holes.toHost;
    holes.count++;
    holes.bytes += view.bytes;
  }

  facts(facts: LuFacts): void {
    if (!this.#facts.has(facts.lu) && this.#facts.size >= this.#factsMax) return;
    this.#facts.set(facts.lu, { ...facts, designators: [...facts.designators] });
  }

  snapshot(): StatSnapshot {
    const any = this.#total.commands > 0;
    const seconds = any ? (this.#lastNs - this.#firstNs) / 1e9 : 0;
    const lus = this.#lus.list();
    const holes = (from: HolesSnapshot): HolesSnapshot => ({ ...from });
    return {
      firstUnixSeconds: any ? this.#firstNs / 1e9 : null,
      seconds,
      total: tallySnapshot(this.#total, seconds),
      hosts: this.#hosts.list().map(([host, tally]) => ({ host, ...tallySnapshot(tally, seconds) })),
      targets: this.#targets.list().map(([target, tally]) => ({ target, ...tallySnapshot(tally, seconds) })),
      lus: lus.map(([lu, tally]) => this.#luSnapshot(lu, tally, seconds)),
      hostLus: lus.flatMap(([lu, { hosts }]) =>
        hosts.list().map(([host, tally]) => ({ host, lu, ...tallySnapshot(tally, seconds) })),
      ),
      holes: { toTarget: holes(this.#holes.toTarget), toHost: holes(this.#holes.toHost) },
    };
  }

  #luSnapshot(lu: LuId, of: LuTally, seconds: number): LuSnapshot {
    const facts = this.#facts.get(lu);
    return {
      lu,
      blockSizeBytes: facts?.blockSize ?? 0,
      capacityBlocks: facts?.blocks ?? 0,
      designators: facts?.designators ?? [],
      sequentialReads: of.reads.share ?? null,
      sequentialWrites: of.writes.share ?? null,
      ...tallySnapshot(of.tally, seconds),
      regions: of.regions.snapshot(),
    };
  }
}

function newTally(): Tally {
  return new Tally();
}
