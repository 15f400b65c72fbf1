import { limitRepeats } from '../../hw/log.ts';
import { openStateFolder, type StateFolder } from '../../hw/stateFolder.ts';
import { packageVersion } from '../../hw/version.ts';
import type { LuId } from '../base/change.ts';
import { Fault } from '../base/fault.ts';
import type { SnoopSink } from '../base/sink.ts';
import type { Volume } from '../base/volume.ts';
import { Room } from '../buffer/room.ts';
import { WriteGate } from '../gate/writeGate.ts';
import { Snoop } from '../snoop/snoop.ts';
import type { Attachment } from './attachment.ts';
import { attachTap } from './attachTap.ts';
import { attachTee } from './attachTee.ts';
import type { LiveConfig, LiveVolumeConfig, MediumConfig } from './configTypes.ts';
import { type LiveParts, LiveVolume, type Medium } from './liveVolume.ts';
import { type Identity, initiatorNameOf, medium } from './media.ts';
import { logState, type RunningUnit, type StartHooks, type UnitStatus } from './status.ts';
import { refuseTwins } from './twins.ts';

/** How often the caretakers look around. */
const TICK_MS = 100;
/** Notices that `status` shows. */
const NOTICES_KEPT = 20;
/** Of the time that a stop may take, what the bus gets. */
const DETACH_SHARE = 0.25;

/**
 * Starts a unit on a real bus: opens its state folder and every medium, then attaches to the bus.
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
    await unit.stop({ withinMs: 1000 });
    throw error;
  }
  return unit;
}

class LiveUnit implements RunningUnit {
  readonly failed: Promise<Fault>;
  readonly #config: LiveConfig;
  readonly #hooks: StartHooks;
  readonly #state: StateFolder;
  readonly #identity: Identity;
  readonly #room: Room;
  readonly #snoop: Snoop;
  readonly #volumes = new Map<LuId, LiveVolume>();
  readonly #since = new Date();
  readonly #notices: string[] = [];
  readonly #noticeLog: ReturnType<typeof limitRepeats>;
  readonly #open: Medium[] = [];
  /** Holds back commands whose marks would not survive a power loss, for `status: recorded`. */
  readonly #writes: WriteGate | undefined;
  #attachment: Attachment | undefined;
  #timer: NodeJS.Timeout | undefined;
  #fail: (fault: Fault) => void = () => {};
  #stopping: Promise<void> | undefined;

  constructor(config: LiveConfig, hooks: StartHooks, state: StateFolder) {
    this.#config = config;
    this.#hooks = hooks;
    this.#state = state;
    this.#noticeLog = limitRepeats(hooks.log);
    const { unit } = state;
    this.#identity = { unit, initiatorName: config.initiator ?? initiatorNameOf(unit) };
    this.#room = new Room(config.buffer);
    const { source } = config;
    this.#writes = source.kind === 'tee' && source.status === 'recorded' ? new WriteGate() : undefined;
    this.#snoop = new Snoop({
      sink: this.#sink(),
      room: this.#room,
      volumes: config.volumes,
      // A tee is given every byte in order: nothing comes late.
      reorder: config.source.kind === 'tee' ? { ms: 0, bytes: 0 } : config.reorder,
      settleMs: config.settleMs,
      joins: config.source.kind === 'tap',
      own: [this.#identity.initiatorName],
    });
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
  }

  get ready(): string {
    const { volumes, control } = this.#config;
    const count = volumes.length === 1 ? '1 volume' : `${volumes.length} volumes`;
    return `${this.#attachment?.text ?? ''}, ${count}, control ${control}`;
  }

  async start(): Promise<void> {
    for (const warning of this.#config.warnings) this.#notice(warning);
    const parts = this.#parts();
    const planned = this.#config.volumes.map((volume) => this.#media(volume));
    await Promise.all(this.#open.map((one) => this.#tryToOpen(one)));
    refuseTwins(planned.flatMap(({ mirrors }) => mirrors.map(({ to, volume }) => ({ name: to, volume }))));
    for (const { config, first, mirrors } of planned) {
      this.#hooks.signal?.throwIfAborted();
      const volume = await LiveVolume.open(config, parts, first, mirrors);
      this.#volumes.set(config.lu, volume);
      this.#snoop.learn(volume.facts);
    }
    this.#attachment = await this.#attach();
    void this.#attachment.failed.then((fault) => this.#fail(fault));
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  status(): UnitStatus {
    const { bytes, state, falls } = this.#room.report();
    return {
      unit: this.#state.unit,
      version: packageVersion(),
      since: this.#since.toISOString(),
      source: this.#attachment?.status() ?? { kind: this.#config.source.kind, text: '' },
      buffer: { bytes, freeBytes: this.#room.freeBytes, state, falls },
      volumes: [...this.#volumes.values()].map((volume) => volume.status()),
      notices: [...this.#notices],
    };
  }

  stop(options: { withinMs: number }): Promise<void> {
    this.#stopping ??= this.#stop(options.withinMs);
    return this.#stopping;
  }

  async #stop(withinMs: number): Promise<void> {
    const signal = AbortSignal.timeout(withinMs);
    await this.#attachment?.stop(withinMs * DETACH_SHARE);
    clearInterval(this.#timer);
    await Promise.all([...this.#volumes.values()].map((volume) => volume.close(signal)));
    // Those that no volume took over; closing twice does nothing.
    await Promise.allSettled(this.#open.map(({ volume }) => volume.close()));
    await this.#state.close();
    this.#noticeLog.flush();
  }

  #sink(): SnoopSink {
    const volumes = this.#volumes;
    const writes = this.#writes;
    return {
      intent: (lu, offset, length) => {
        const wait = volumes.get(lu)?.intent(offset, length);
        if (wait !== undefined) writes?.intent(lu, wait);
      },
      change: (change) => {
        const volume = volumes.get(change.lu);
        if (volume) volume.push(change);
        else if (change.lease) this.#room.give(change.lease);
      },
      barrier: (barrier) => volumes.get(barrier.lu)?.barrier(barrier),
      facts: (facts) => volumes.get(facts.lu)?.learn(facts),
      notice: (text) => this.#notice(text),
    };
  }

  #parts(): LiveParts {
    const { source, record, resync } = this.#config;
    const { log } = this.#hooks;
    return {
      room: this.#room,
      folder: this.#state.folder,
      record,
      ...resync,
      looking: source.kind === 'tee',
      synced: this.#writes !== undefined,
      copyAfterMs: source.kind === 'tap' ? COPY_AFTER_MS : 0,
      settleMs: this.#config.settleMs,
      now,
      wall: Date.now,
      notice: (text) => this.#notice(text),
      told: (lu, mirror, change) => logState(log, { lu, mirror, ...change }),
      outstanding: (lu) => this.#snoop.outstanding(lu),
    };
  }

  #media(config: LiveVolumeConfig): { config: LiveVolumeConfig; first: Medium | undefined; mirrors: Medium[] } {
    const { first, mirrors, blockSize } = config;
    const notice = (text: string): void => this.#notice(text);
    const size = blockSize === undefined ? {} : { blockSize };
    const make = (one: MediumConfig, writable: boolean): Medium => {
      const check = (volume: Volume): void => {
        const others = this.#open.filter((other) => other.volume.opened);
        refuseTwins([...others.map((other) => ({ name: other.to, volume: other.volume })), { name: one.to, volume }]);
      };
      const made = { to: one.to, volume: medium(one, this.#identity, { writable, notice, check, ...size }) };
      this.#open.push(made);
      return made;
    };
    return { config, first: first && make(first, false), mirrors: mirrors.map((one) => make(one, true)) };
  }

  /** A medium that does not answer is waited for; one that refuses is a mistake. */
  async #tryToOpen({ to, volume }: Medium): Promise<void> {
    try {
      await volume.open();
    } catch (error) {
      if (!(error instanceof Fault) || !error.unreachable) throw error;
      this.#notice(`${to}: ${error.message}; it is tried again`);
    }
  }

  async #attach(): Promise<Attachment> {
    const { source } = this.#config;
    const parts = { snoop: this.#snoop, room: this.#room, now, notice: (text: string) => this.#notice(text) };
    if (source.kind === 'tap') return attachTap(source, { ...parts, lost: (text) => this.#lost(text) });
    return attachTee(source, { ...parts, ...(this.#writes ? { writes: this.#writes } : {}) });
  }

  /** Something passed the tap by: nothing smaller than everything can be proved. */
  #lost(text: string): void {
    this.#notice(text);
    this.#snoop.lose();
    for (const volume of this.#volumes.values()) volume.holdCopies(COPY_AFTER_MS);
  }

  #tick(): void {
    this.#attachment?.tick();
    this.#room.tick(now());
    for (const volume of this.#volumes.values()) volume.tick();
  }

  #notice(text: string): void {
    this.#notices.push(text);
    if (this.#notices.length > NOTICES_KEPT) this.#notices.shift();
    this.#noticeLog.warn('notice', { text });
  }
}

/** A tap may have missed the command of a write that was under way as it began: by then it has ended, or shows itself. */
const COPY_AFTER_MS = 1000;

/** Monotonic time in nanoseconds. */
function now(): number {
  return performance.now() * 1e6;
}
