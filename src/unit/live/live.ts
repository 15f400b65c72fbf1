import { randomUUID } from 'node:crypto';
import { openStateFolder, type StateFolder } from '../../../hw/stateFolder.ts';
import { packageVersion } from '../../../hw/version.ts';
import { Fault } from '../../base/fault.ts';
import type { Volume } from '../../base/volume.ts';
import { Room } from '../../buffer/room.ts';
import { Bus, type BusParts } from '../bus/bus.ts';
import type { VerifyOrder, VerifyReport } from '../compare/verifyTypes.ts';
import type { LiveConfig } from '../config/configTypes.ts';
import type { RollBackOrder, RollBackReport } from '../history/rollBack.ts';
import { monotonicNs as now } from '../lu/luTiming.ts';
import { type Identity, initiatorNameOf } from '../lu/media.ts';
import { OpenMedia } from '../lu/twins.ts';
import type { Pace } from '../mirror/pace.ts';
import type { GroupReport, GroupRewindReport } from '../received/groupReceived.ts';
import type { Receive, ReceiveParts } from '../received/receive.ts';
import type { HistoryReport, ReceivedVolume, RewindOrder, RewindReport } from '../received/receivedVolume.ts';
import type { OpenOrder } from '../serve/openMoment.ts';
import { HELD, receivedKey, ServePromotions, servedMirrors } from '../serve/servePromotions.ts';
import type { UnitServe } from '../serve/serveUnit.ts';
import { BackgroundJobs } from '../steer/backgroundJobs.ts';
import { Jobs } from '../steer/jobs.ts';
import { MirrorChanges } from '../steer/mirrorChanges.ts';
import { Pauses } from '../steer/pauses.ts';
import { Steer } from '../steer/steer.ts';
import { certificateStatus } from '../watch/certificates.ts';
import { CertificateWatch } from '../watch/certificateWatch.ts';
import { EventLog } from '../watch/events.ts';
import type { ExplainReport } from '../watch/explain.ts';
import type {
  BufferStatus,
  MarkReport,
  MarkScope,
  MirrorStatus,
  PromotionReport,
  RunningUnit,
  StartHooks,
  UnitStatus,
} from '../watch/status.ts';
import type { UnitWeb } from '../watch/web.ts';
import { before, deadline } from './before.ts';
import { FirstNames } from './firstNames.ts';
import { forgetFormerRecords } from './liveRecord.ts';
import { Notices } from './notices.ts';
import { behindAtStop, lateFault, tellDraining } from './stopWords.ts';

/** How often the caretakers look around. */
const TICK_MS = 100;
/** A stop that takes longer says what for. */
const DRAIN_TOLD_MS = 2000;

/**
 * Starts a unit: opens its state folder and every medium, then listens for links and attaches to its bus.
 *
 * A medium that cannot be reached now is waited for while the unit runs; one that refuses (credentials, a lock, its size)
 * is a mistake that somebody has to mend, and rejects with its `Fault`, after everything was closed again.
 */
export async function startUnit(config: LiveConfig, hooks: StartHooks): Promise<RunningUnit> {
  const state = await openStateFolder(config.state);
  const unit = new LiveUnit(config, hooks, state);
  try {
    await unit.start();
  } catch (error) {
    await unit.stop({ withinMs: 1000 }).catch(() => {});
    throw error;
  }
  return unit;
}

class LiveUnit implements RunningUnit {
  readonly failed: Promise<Fault>;
  readonly drained: Promise<void>;
  readonly running: Jobs = new Jobs();
  readonly mirrors: MirrorChanges;
  readonly #hooks: StartHooks;
  readonly #pace: Pace;
  #pauses: Pauses | undefined;
  #steer: Steer | undefined;
  #drain: () => void = () => {};
  readonly #config: LiveConfig;
  readonly #ticked: () => void;
  readonly #state: StateFolder;
  readonly #room: Room;
  readonly #bus: Bus | undefined;
  readonly #receiving: ReceiveParts | undefined;
  #receive: Receive | undefined;
  #serve: UnitServe | undefined;
  #promotions: ServePromotions | undefined;
  background?: BackgroundJobs;
  readonly #identity: Identity;
  readonly #names: FirstNames;
  readonly #since = new Date();
  readonly #notices: Notices;
  readonly #certificates: CertificateWatch;
  readonly #events: EventLog;
  #web: UnitWeb | undefined;
  /** Moments that are served for a while. */
  readonly #opened = new Set<Promise<void>>();
  readonly #ending = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #stopping: Promise<void> | undefined;

  constructor(config: LiveConfig, hooks: StartHooks, state: StateFolder) {
    const { log: outer, signal, ticked = () => {} } = hooks;
    this.#hooks = hooks;
    this.#pace = { bytesPerSecond: config.resync.bytesPerSecond };
    this.drained = new Promise((resolve) => {
      this.#drain = resolve;
    });
    const log = new EventLog(outer);
    this.#config = config;
    this.#ticked = ticked;
    this.#state = state;
    this.#events = log;
    this.#notices = new Notices(log);
    let fail: (fault: Fault) => void = () => {};
    this.failed = new Promise((resolve) => {
      fail = resolve;
    });
    const { folder, unit } = state;
    const { source, receive, tls, received: volumes, initiator = initiatorNameOf(unit) } = config;
    const notice = (text: string): void => this.#notices.add(text);
    this.#certificates = new CertificateWatch({ tls, wall: Date.now, notice });
    this.#names = new FirstNames(folder, notice);
    const shared = {
      folder,
      media: new OpenMedia(),
      names: this.#names,
      log,
      notice,
      now,
      ...(signal === undefined ? {} : { signal }),
    };
    const identity = { unit, initiatorName: initiator, epoch: randomUUID() };
    this.#identity = identity;
    const wrap = (to: string, volume: Volume): Volume => this.#promotions?.wrap(to, volume) ?? volume;
    this.mirrors = new MirrorChanges({
      folder,
      mirrors: hooks.mirrors,
      volumes: () => [...(this.#bus?.changing ?? []), ...(this.#receive?.changing ?? [])],
      received: volumes.map(({ name }) => name),
      pauses: () => this.#pauses,
      jobs: this.running,
      log,
      notice,
    });
    const room = new Room(config.buffer);
    this.#room = room;
    this.#bus = source && new Bus({ ...config, source }, { ...shared, room, identity, fail, wrap, ...this.#held() });
    const linked = config.groups.filter(({ side }) => side === 'link');
    this.#receiving = receive &&
      tls && {
        ...{ ...shared, room, identity, keeping: config, listen: receive.listen, volumes, groups: linked, tls },
        steering: this.#held(),
        held: (volume) => (this.#promotions?.has(receivedKey(volume)) ? HELD : undefined),
      };
  }

  get ready(): string {
    const { volumes, received, control } = this.#config;
    const all = volumes.length + received.length;
    return [...this.#texts(), all === 1 ? '1 volume' : `${all} volumes`, `control ${control}`].join(', ');
  }

  async start(): Promise<void> {
    for (const warning of this.#config.warnings) this.#notices.add(warning);
    this.#certificates.tick();
    const { serve } = this.#config;
    const { folder } = this.#state;
    this.#pauses = await Pauses.open(folder);
    await this.mirrors.start();
    await forgetFormerRecords(folder, this.#config);
    this.#promotions = await ServePromotions.open(this.#state.folder, serve && servedMirrors(serve));
    if (this.#receiving !== undefined) {
      this.#receive = new (await import('../received/receive.ts')).Receive(this.#receiving);
      await this.#receive.start();
    }
    await this.#bus?.start();
    await this.#startServe();
    await this.#startWeb();
    await this.#startBackground();
    this.#timer = setInterval(() => {
      this.#bus?.tick();
      this.#receive?.tick();
      this.#serve?.tick();
      this.#web?.tick();
      this.#certificates.tick();
      this.#ticked();
    }, TICK_MS);
  }

  #held(): Pick<BusParts, 'held' | 'pace'> {
    return { held: (lu, to) => this.#pauses?.fault(lu, to), pace: this.#pace };
  }

  async #startBackground(): Promise<void> {
    if (this.#bus === undefined) return;
    this.background = await BackgroundJobs.open({
      folder: this.#state.folder,
      jobs: this.running,
      verify: (volume, order) => this.verify(volume, order),
      log: this.#events,
      notice: (text) => this.#notices.add(text),
      signal: this.#ending.signal,
    });
    this.background.resume();
  }

  async #startServe(): Promise<void> {
    const { serve } = this.#config;
    if (serve === undefined || this.#promotions === undefined) return;
    const { UnitServe } = await import('../serve/serveUnit.ts');
    this.#serve = new UnitServe({
      config: serve,
      folder: this.#state.folder,
      identity: this.#identity,
      promotions: this.#promotions,
      names: this.#names,
      mirror: (to) => this.#bus?.mirror(to),
      received: (volume) => this.#received(volume),
      hold: async (volume, why) =>
        why === undefined ? this.#receive?.release(volume) : this.#receive?.hold(volume, why),
      notice: (text) => this.#notices.add(text),
      now,
    });
    await this.#serve.start();
  }

  async #startWeb(): Promise<void> {
    const { web } = this.#config;
    if (web === undefined) return;
    const { openLiveWeb } = await import('./liveWeb.ts');
    const [bus, receive, events, signal] = [this.#bus, this.#receive, this.#events, this.#ending.signal];
    this.#web = await openLiveWeb(web, { unit: this, bus, receive, events, signal, now });
  }

  status(): UnitStatus {
    const bus = this.#bus?.status();
    return {
      unit: this.#state.unit,
      version: packageVersion(),
      since: this.#since.toISOString(),
      source: bus?.source ?? { kind: 'links', text: this.#receive?.text ?? this.#serve?.text ?? '' },
      ...(this.#receive === undefined ? {} : { receive: { text: this.#receive.text } }),
      ...(this.#serve === undefined ? {} : { serve: this.#serve.status() ?? null }),
      buffer: bus?.buffer ?? this.#buffer(),
      ...certificateStatus(this.#config.tls),
      volumes: [...(bus?.volumes ?? []), ...(this.#receive?.status() ?? [])],
      ...(this.mirrors.status.length > 0 ? { changedMirrors: this.mirrors.status } : {}),
      notices: this.#notices.kept,
    };
  }

  get steer(): Steer {
    const pauses = this.#pauses;
    if (pauses === undefined) throw new Fault('local', 'the unit has not started yet');
    const { level } = this.#hooks;
    this.#steer ??= new Steer({
      volumes: () => [...(this.#bus?.volumes ?? []), ...(this.#receive?.passedOn ?? [])],
      pauses,
      jobs: this.running,
      pace: this.#pace,
      ...(level ? { level } : {}),
      stop: async (withinMs) => {
        const stopped = this.stop({ withinMs });
        this.#drain();
        await stopped;
      },
      log: this.#events,
    });
    return this.#steer;
  }

  async mark(name: string, scope?: MarkScope): Promise<MarkReport> {
    if (this.#bus !== undefined) return this.#bus.mark(name, scope);
    throw new Fault('peer', 'this unit is on no bus', 'set the bookmark at the unit that is: it travels down the link');
  }

  async verify(volume: string | undefined, order: VerifyOrder): Promise<VerifyReport> {
    if (this.#bus !== undefined) return this.#bus.verify(volume, order);
    throw new Fault('peer', 'this unit is on no bus', 'ask the unit that sends the volume: it compares its mirrors');
  }

  explain(volume: string | undefined, lbn: number): ExplainReport {
    const { received, volumes } = this.#config;
    const far = volumes.length === 0 || received.some(({ name }) => name === volume);
    if (this.#bus === undefined || far) return this.#links().explain(volume, lbn);
    return this.#bus.explain(volume, lbn);
  }

  history(volume: string | undefined): HistoryReport {
    return this.#received(volume).report();
  }

  rewind(volume: string | undefined, order: RewindOrder): Promise<RewindReport> {
    return this.#received(volume).rewind(order);
  }

  promote(volume: string, force: boolean): Promise<PromotionReport> {
    return this.#serving().promote(volume, force);
  }

  demote(volume: string): Promise<PromotionReport> {
    return this.#serving().demote(volume);
  }

  async open(volume: string | undefined, order: OpenOrder): Promise<void> {
    const received = this.#received(volume);
    const { openMoment } = await import('../serve/openMoment.ts');
    const signal = AbortSignal.any([order.signal, this.#ending.signal]);
    const open = openMoment(received, { ...order, signal }, (text) => this.#notices.add(text));
    this.#opened.add(open);
    await open.finally(() => this.#opened.delete(open));
  }

  #serving(): UnitServe {
    if (this.#serve !== undefined) return this.#serve;
    const mend = 'write "serve" in its configuration, with the mirror as a logical unit';
    throw new Fault('peer', 'this unit serves nothing', mend);
  }

  groupHistory(name: string): GroupReport {
    return this.#links().group(name).report();
  }

  groupRewind(name: string, order: RewindOrder): Promise<GroupRewindReport> {
    return this.#links().group(name).rewind(order);
  }

  async rollBack(volume: string | undefined, order: RollBackOrder): Promise<RollBackReport> {
    return this.#links().rollBack(volume, order);
  }

  /** Rejects with a `Fault`, after everything was closed, when the time ran out and a mirror was left behind. */
  stop(options: { withinMs: number }): Promise<void> {
    this.#stopping ??= this.#stop(options.withinMs);
    return this.#stopping;
  }

  async #stop(withinMs: number): Promise<void> {
    let late: MirrorStatus[] = [];
    // Looked at when the time runs out: what is closed then is broken. One that cannot be reached is late for nobody.
    const timer = setTimeout(() => {
      late = behindAtStop(this.#mirrors());
    }, withinMs);
    const slow = setTimeout(() => tellDraining(this.#mirrors(), this.#events), DRAIN_TOLD_MS);
    const signal = deadline(withinMs);
    // Hosts log out while their media are there. What the bus still gives goes before what comes over links: a mirror of it
    // may be a volume that comes over a link to this very unit.
    this.#ending.abort();
    await this.background?.close();
    await before(this.mirrors.stop(), signal);
    await Promise.all([this.#serve?.close(withinMs), ...[...this.#opened].map((open) => open.catch(() => {}))]);
    await this.#bus?.stop(withinMs);
    await this.#receive?.stop(signal);
    await this.mirrors.gone();
    clearTimeout(timer);
    clearTimeout(slow);
    clearInterval(this.#timer);
    await this.#web?.close();
    await this.#names.close();
    await this.#state.close();
    this.#notices.flush();
    if (late.length > 0) throw lateFault(late, withinMs);
  }

  #received(volume: string | undefined): ReceivedVolume {
    return this.#links().volume(volume);
  }

  #links(): Receive {
    if (this.#receive !== undefined) return this.#receive;
    const mend = 'ask the unit at the other end of the link, where the past is kept';
    throw new Fault('peer', 'no volume comes over a link to this unit', mend);
  }

  /** Without a bus only what is passed on lies in it. */
  #buffer(): BufferStatus {
    const { bytes, state, falls } = this.#room.report();
    const passes = this.#config.received.some(({ further }) => further.length > 0);
    if (!passes) return { bytes: 0, freeBytes: 0, state: 'data', falls: 0 };
    return { bytes, freeBytes: this.#room.freeBytes, state, falls };
  }

  /** Those that this unit sends to; what comes over a link its sender keeps. */
  #mirrors(): MirrorStatus[] {
    const received = this.#receive?.status().flatMap(({ mirrors }) => mirrors.slice(1)) ?? [];
    return [...(this.#bus?.status().volumes.flatMap(({ mirrors }) => mirrors) ?? []), ...received];
  }

  #texts(): string[] {
    return [this.#bus?.text, this.#receive?.text, this.#serve?.text].filter((text) => text !== undefined);
  }
}
