import type { Log } from '../../../hw/log.ts';
import type { LuId } from '../../base/change.ts';
import { Fault } from '../../base/fault.ts';
import type { SnoopSink } from '../../base/sink.ts';
import type { Volume } from '../../base/volume.ts';
import type { Room } from '../../buffer/room.ts';
import { WriteGate } from '../../gate/writeGate.ts';
import { ParallelSnoop } from '../../snoop/parallel/parallel.ts';
import { Snoop } from '../../snoop/snoop.ts';
import { type LatencySnapshot, LatencyTally } from '../../stat/latency.ts';
import { tabledOf } from '../blockTable/blockTableNear.ts';
import { readWatch } from '../compare/checkedReadsBus.ts';
import { ReadDesk } from '../compare/checkedReadsDesk.ts';
import type { VerifyOrder, VerifyReport } from '../compare/verifyTypes.ts';
import type {
  LiveConfig,
  LiveMirrorConfig,
  LiveVolumeConfig,
  ProbeSource,
  TapSource,
  TeeSource,
} from '../config/configTypes.ts';
import { GroupOrder, noGroup } from '../link/groupOrder.ts';
import { deadline } from '../live/before.ts';
import type { FirstNames } from '../live/firstNames.ts';
import { type LiveParts, LiveVolume } from '../live/liveVolume.ts';
import type { Identity } from '../lu/media.ts';
import type { OpenMedia } from '../lu/twins.ts';
import type { Pace } from '../mirror/pace.ts';
import type { UnitMirror } from '../serve/servePromotions.ts';
import type { ChangingVolume } from '../steer/mirrorChanges.ts';
import { type ExplainReport, explainBlock } from '../watch/explain.ts';
import { JournalRing } from '../watch/journalRing.ts';
import type { MapReport } from '../watch/map.ts';
import { Heat } from '../watch/mapHeat.ts';
import { isoTime } from '../watch/momentWords.ts';
import { logState, type MarkReport, type MarkScope, type UnitStatus } from '../watch/status.ts';
import type { Attachment } from './attachment.ts';
import { attachTap } from './attachTap.ts';
import { attachTee } from './attachTee.ts';
import { BusFaults } from './busFaults.ts';
import { BusMedia } from './busMedia.ts';
import { BusOthers } from './busOthers.ts';
import { Markers } from './markers.ts';

export type BusConfig = LiveConfig & { source: TapSource | TeeSource | ProbeSource };

/** What the unit gives to its side of the bus. */
export interface BusParts {
  /** The unit's state folder. */
  folder: string;
  /** Where changes lie until every mirror has them. */
  room: Room;
  identity: Identity;
  media: OpenMedia;
  /** Where it is kept what hosts know the first volumes by. */
  names: FirstNames;
  log: Log;
  notice: (text: string) => void;
  /** Monotonic time in nanoseconds. */
  now: () => number;
  /** The bus cannot be listened to any more. */
  fail: (fault: Fault) => void;
  /** Given up while it is still starting. */
  signal?: AbortSignal;
  /** See `LiveParts`. */
  pace?: Pace;
  held?: (lu: LuId, to: string) => Fault | undefined;
  /** Stands before the medium of a mirror. */
  wrap?: (to: string, volume: Volume) => Volume;
}

/** Of the time that a stop may take, what letting go of the bus gets. */
const DETACH_SHARE = 0.25;
/** A tap or a probe may have missed the command of a write that was under way as it began: by then it has ended, or shows itself. */
const COPY_AFTER_MS = 1000;

/** A unit's side of a bus: what it snoops there, and the volumes whose mirrors it keeps. */
export class Bus {
  readonly #config: BusConfig;
  readonly #parts: BusParts;
  readonly #room: Room;
  readonly #snoop: Snoop | ParallelSnoop;
  readonly #volumes = new Map<LuId, LiveVolume>();
  readonly #media: BusMedia;
  readonly #order: GroupOrder;
  readonly #markers: ReadonlyMap<LuId, Markers>;
  readonly #desk = new ReadDesk();
  /** Holds back commands whose marks would not survive a power loss, for `status: recorded`. */
  readonly #writes: WriteGate | undefined;
  readonly #latencies: LatencyTally | undefined;
  /** Where hosts write; only where somebody may look. */
  readonly #heats: ReadonlyMap<LuId, Heat> | undefined;
  #holes = 0;
  #holeBytes = 0;
  readonly #others = new BusOthers();
  readonly #journal = new JournalRing();
  #attachment: Attachment | undefined;
  readonly #faults: BusFaults;

  constructor(config: BusConfig, parts: BusParts) {
    const { source } = config;
    this.#config = config;
    this.#parts = parts;
    this.#room = parts.room;
    this.#faults = new BusFaults(parts);
    this.#media = new BusMedia(config, parts);
    this.#latencies = config.web && new LatencyTally();
    this.#heats = config.web && new Map(config.volumes.map(({ lu }) => [lu, new Heat()]));
    this.#markers = markersOf(config, parts.notice);
    this.#order = new GroupOrder(
      config.groups.filter(({ side }) => side === 'bus'),
      Date.now(),
    );
    this.#writes = source.kind === 'tee' && source.status === 'recorded' ? new WriteGate() : undefined;
    const shared = { sink: this.#sink(), room: this.#room, volumes: config.volumes, settleMs: config.settleMs };
    if (source.kind === 'probe') {
      this.#snoop = new ParallelSnoop(shared);
      return;
    }
    this.#snoop = new Snoop({
      ...shared,
      // A tee is given every byte in order: nothing comes late.
      reorder: source.kind === 'tee' ? { ms: 0, bytes: 0 } : config.reorder,
      joins: source.kind === 'tap',
      ...readWatch(config.volumes, this.#volumes),
      own: [parts.identity.initiatorName],
    });
  }

  /** For people; empty before it is attached. */
  get text(): string {
    return this.#attachment?.text ?? '';
  }

  /** Opens every medium, then attaches. Rejects with a `Fault` for what somebody has to mend; `stop` closes what was opened. */
  async start(): Promise<void> {
    const live = this.#liveParts();
    for (const { config, first, mirrors } of await this.#media.open()) {
      this.#parts.signal?.throwIfAborted();
      const volume = await LiveVolume.open(config, live, first, mirrors);
      this.#volumes.set(config.lu, volume);
      this.#snoop.learn(volume.facts);
    }
    this.#attachment = await this.#attach();
    void this.#attachment.failed.then((fault) => this.#parts.fail(fault));
  }

  get volumes(): readonly LiveVolume[] {
    return [...this.#volumes.values()];
  }

  /** Those to which mirrors may be added. */
  get changing(): ChangingVolume[] {
    return this.volumes.map((live) => ({
      live,
      open: (config, mirror) => this.#media.openOne(config, mirror, this.#tables(live, config, mirror)),
      forget: (volume) => this.#media.forget(volume),
      least: 1,
      ...(this.#order.has(live.lu) ? { order: () => this.#order.last } : {}),
    }));
  }

  /** The mirror of that URL, once its record is open. */
  mirror(to: string): UnitMirror | undefined {
    for (const { lu, unit, keepers } of this.#volumes.values()) {
      const at = unit.arms.findIndex((arm) => arm.to === to);
      if (at < 0) continue;
      const { name } = this.#config.volumes.find((one) => one.lu === lu) ?? {};
      return { lu, ...(name ? { name } : {}), to, arm: unit.arms[at], keeper: keepers[at], limit: unit.limit };
    }
    return undefined;
  }

  /** See `RunningUnit`. */
  async mark(name: string, { volume, group }: MarkScope = {}): Promise<MarkReport> {
    const grouped = group === undefined ? undefined : this.#order.volumesOf(group);
    if (group !== undefined && grouped === undefined) throw noGroup(group, this.#order.names);
    const all = this.#config.volumes.filter(({ lu, name: word }) =>
      grouped ? grouped.includes(lu) : volume === undefined || volume === lu || volume === word,
    );
    const keeping = all.filter(({ lu }) => this.#volumes.get(lu)?.unit.arms.some(({ ordered }) => ordered));
    if (keeping.length === 0) {
      const what = all.length === 0 ? `no volume ${JSON.stringify(volume)}` : 'no mirror that would keep a bookmark';
      throw new Fault('peer', `there is ${what}`, 'a mirror at another unit ("journey://...") keeps bookmarks');
    }
    await this.#attachment?.seen();
    const at = BigInt(Date.now()) * 1_000_000n;
    this.#mark(
      name,
      keeping.map(({ lu }) => lu),
    );
    return { name, at: isoTime(at), volumes: keeping.map(({ lu }) => lu) };
  }

  /** See `RunningUnit`. */
  verify(volume: string | undefined, order: VerifyOrder): Promise<VerifyReport> {
    return this.#named(volume).verify(order);
  }

  /** See `RunningUnit`. */
  explain(volume: string | undefined, lbn: number): ExplainReport {
    const live = this.#named(volume);
    return explainBlock(live, lbn, this.#journal, this.#snoop.outstanding(live.lu));
  }

  /** The volume of this LU or name, or the only one. Throws a `Fault` where there is no such one. */
  #named(volume: string | undefined): LiveVolume {
    const all = this.#config.volumes;
    const named = all.filter(({ lu, name }) => volume === undefined || volume === lu || volume === name);
    const live = named.length === 1 ? this.#volumes.get(named[0].lu) : undefined;
    if (live !== undefined) return live;
    const known = all.map(({ lu, name }) => name ?? lu).join(', ');
    const what = named.length === 0 ? `there is no volume ${JSON.stringify(volume)}` : 'there are several volumes';
    throw new Fault('peer', what, `name one of: ${known}`);
  }

  status(): Pick<UnitStatus, 'source' | 'buffer' | 'volumes'> {
    const { bytes, state, falls } = this.#room.report();
    const attached = this.#attachment?.status() ?? { kind: this.#config.source.kind, text: '' };
    const source = this.#faults.source(attached, this.#attachment ?? {});
    return {
      source: { ...source, holes: this.#holes, holeBytes: this.#holeBytes, ...this.#others.seen(this.#snoop) },
      buffer: this.#faults.buffer({ bytes, freeBytes: this.#room.freeBytes, state, falls }),
      volumes: this.#media.withLinks([...this.#volumes.values()].map((volume) => volume.status())),
    };
  }

  /** How long commands took, by host and LU; nothing where nobody wants to know. */
  latencies(): LatencySnapshot[] {
    return this.#latencies?.snapshot() ?? [];
  }

  /** Bytes that hosts have written to a volume; undefined where nobody counts. */
  written(lu: LuId): number | undefined {
    return this.#heats?.get(lu)?.bytes;
  }

  /** A volume from its first block to its last; undefined where there is no such volume, or its size is not known. */
  map(lu: LuId): MapReport | undefined {
    return this.#volumes.get(lu)?.map(this.#heats?.get(lu));
  }

  tick(): void {
    this.#attachment?.tick();
    this.#faults.tick(this.#attachment?.fault !== undefined);
    this.#room.tick(this.#parts.now());
    for (const volume of this.#volumes.values()) volume.tick();
    if (this.#heats) for (const heat of this.#heats.values()) heat.look(this.#parts.now() / 1e6);
    const due = this.#order.due(this.#parts.now());
    if (due) for (const lu of due.volumes) this.#volumes.get(lu)?.reach(due.number);
  }

  /** Lets go of the bus, writes what is buffered as far as the time allows, closes everything. */
  async stop(withinMs: number): Promise<void> {
    const signal = deadline(withinMs);
    await this.#attachment?.stop(withinMs * DETACH_SHARE);
    await Promise.all([...this.#volumes.values()].map((volume) => volume.close(signal)));
    // Those that no volume took over; closing twice does nothing.
    await this.#media.close();
  }

  /** The first mirror in a file keeps the block table, where one is wanted. */
  #tables({ unit }: LiveVolume, { blockTable }: LiveVolumeConfig, { kind }: LiveMirrorConfig): boolean {
    return blockTable === true && kind === 'file' && !unit.arms.some((arm) => tabledOf(arm) !== undefined);
  }

  #sink(): SnoopSink {
    const volumes = this.#volumes;
    const writes = this.#writes;
    const latencies = this.#latencies;
    const heats = this.#heats;
    return {
      ...(latencies && { command: (view) => latencies.record(view) }),
      intent: (lu, offset, length) => {
        const wait = volumes.get(lu)?.intent(offset, length);
        if (wait !== undefined) writes?.intent(lu, wait);
      },
      change: (change) => {
        const volume = volumes.get(change.lu);
        const heat = heats?.get(change.lu);
        if (heat && change.pieces !== 'wholeLu') for (const one of change.pieces) heat.add(one.offset, one.length);
        // What no command told may have been so since before: it has no place of its own.
        if (this.#order.has(change.lu) && !change.late) change.order = this.#order.next();
        // Its bytes are the volume's once it is pushed.
        const name = volume && this.#markers.get(change.lu)?.nameFor(change, volume.unit.blockSize);
        if (volume) {
          this.#journal.add(change);
          volume.push(change);
        } else {
          this.#others.wrote(change.lu);
          if (change.lease) this.#room.give(change.lease);
        }
        if (name !== undefined) this.#markBehind(change.lu, name);
      },
      barrier: (barrier) => volumes.get(barrier.lu)?.barrier(barrier),
      facts: (facts) => volumes.get(facts.lu)?.learn(facts),
      hole: ({ bytes }) => {
        this.#holes++;
        this.#holeBytes += bytes;
      },
      notice: (text) => this.#parts.notice(text),
    };
  }

  /** A host has set a bookmark there; where the volume is in a group, for all of it. */
  #markBehind(lu: LuId, name: string): void {
    this.#parts.notice(`${lu}: a host has set the bookmark ${name}`);
    this.#mark(name, this.#order.groupOf(lu) ?? [lu]);
  }

  /** One place in the order of all of them: nothing of the bus comes in between. */
  #mark(name: string, lus: readonly LuId[]): void {
    const order = this.#order.next();
    for (const lu of lus) this.#volumes.get(lu)?.mark(name, order);
  }

  #liveParts(): LiveParts {
    const { source, record, resync, settleMs } = this.#config;
    const { folder, log, notice, now, held, pace } = this.#parts;
    return {
      ...(held ? { held } : {}),
      ...(pace ? { pace } : {}),
      room: this.#room,
      folder,
      record,
      ...resync,
      looking: source.kind === 'tee',
      synced: this.#writes !== undefined,
      copyAfterMs: source.kind === 'tee' ? 0 : COPY_AFTER_MS,
      settleMs,
      now,
      wall: Date.now,
      notice,
      told: (lu, mirror, change) => logState(log, { lu, mirror, ...change }),
      reads: this.#desk,
      outstanding: (lu) => this.#snoop.outstanding(lu),
      order: (lu) => (this.#order.has(lu) ? this.#order.start : undefined),
      copyOut: (to, volume, losses) => this.#media.copyOut(to, volume, losses),
    };
  }

  async #attach(): Promise<Attachment> {
    const { source } = this.#config;
    const { notice, now } = this.#parts;
    const lost = (text: string): void => this.#lost(text);
    if (this.#snoop instanceof ParallelSnoop) {
      const { attachProbe } = await import('./attachProbe.ts');
      const parts = { snoop: this.#snoop, room: this.#room, now, notice, lost, hold: () => this.#holdCopies() };
      return attachProbe(source as ProbeSource, parts);
    }
    const parts = { snoop: this.#snoop, room: this.#room, now, notice };
    if (source.kind === 'tap') return attachTap(source, { ...parts, lost });
    return attachTee(source as TeeSource, { ...parts, ...(this.#writes ? { writes: this.#writes } : {}) });
  }

  /** Something passed the tap by: nothing smaller than everything can be proved. */
  #lost(text: string): void {
    this.#faults.missed(text);
    this.#snoop.lose();
    this.#holdCopies();
  }

  #holdCopies(): void {
    for (const volume of this.#volumes.values()) volume.holdCopies(COPY_AFTER_MS);
  }
}

function markersOf({ volumes }: BusConfig, notice: (text: string) => void): Map<LuId, Markers> {
  const all = new Map<LuId, Markers>();
  for (const { lu, markers } of volumes) {
    if (markers) all.set(lu, new Markers(markers, (text) => notice(`${lu}: ${text}`)));
  }
  return all;
}
