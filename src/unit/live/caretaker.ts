import type { Extents } from '../../base/extents.ts';
import { Fault } from '../../base/fault.ts';
import type { UnderWay } from '../../mirror/orderedHorizon.ts';
import type { MirrorState } from '../../mirror/requests.ts';
import type { KeptRecord } from '../../record/kept.ts';
import type { Arm } from '../mirror/arm.ts';
import type { Pace } from '../mirror/pace.ts';
import { Brief } from '../watch/brief.ts';
import { Reviver } from './reviver.ts';

export interface CaretakerOptions {
  arm: Arm;
  record: KeptRecord;
  /** Bytes of the volume; 0 while unknown. */
  limit: () => number;
  underWay: () => UnderWay;
  /** The mirror's medium answers again: its record learns whether it is still the one that it was kept for. */
  meet: () => void;
  /** True while the first volume can be read. */
  firstUp: () => boolean;
  /** Monotonic time in nanoseconds, and the wall clock's in milliseconds. */
  now: () => number;
  wall: () => number;
  /** What copies may read; absent: no limit. */
  pace?: Pace;
  /** Copies do not start before this time (of `now`). */
  copyFrom: number;
  /** Somebody paused the mirror before this process began: the reason that `hold` would be given. */
  held?: Fault;
  /** The mirror's state as people are told it has changed. */
  told: (change: { from: MirrorState; to: MirrorState; why: string }) => void;
}

/** A mirror that is so little behind is not worth a line in the log. */
const LAG_TOLD_MS = 2000;
/** Reasons of one state that are told. */
const WORDS_MAX = 8;
/** Reading back that gained nothing is tried again after this, then ever more seldom. */
const AGAIN_MS = 1000;
const AGAIN_LONGEST_MS = 60_000;
/** Marks that are no longer needed are taken out at least so often. */
const TIDY_MS = 1000;

/**
 * Looks after one mirror of a running unit: reaches its medium again when it failed, has a record kept again that failed, has
 * read back what its record names, takes marks out of the stored record once the mirror holds the blocks durably, and tells its state.
 *
 * Called on every tick of the unit's clock; nothing here is on the way of a write.
 */
export class Caretaker {
  readonly #options: CaretakerOptions;
  readonly #reviver: Reviver;
  readonly #keeping: Reviver;
  readonly #brief = new Brief();
  #state: MirrorState = 'behind';
  #since: number;
  #copying = false;
  #copyAt: number;
  #againAt = Number.NEGATIVE_INFINITY;
  #againMs = AGAIN_MS;
  #held: Fault | undefined;
  /** It was resumed, and its medium has not been asked yet. */
  #released = false;
  #creditAt: number;
  #tidiedAt = 0;
  #tidying: Promise<void> | undefined;
  #stopped = false;
  /** How often the mirror may have lost what it was given since its last flush. */
  losses = 0;

  constructor(options: CaretakerOptions) {
    const { arm, record, now, wall, copyFrom, held } = options;
    this.#options = options;
    this.#held = held;
    this.#since = wall();
    this.#copyAt = copyFrom;
    this.#creditAt = now();
    this.#reviver = new Reviver({
      volume: arm.volume,
      now,
      up: () => this.#mended(),
      failed: (fault) => {
        this.#lastFault = fault;
      },
    });
    const revive = (): Promise<void> => record.keepAgain();
    this.#keeping = new Reviver({ volume: { revive }, now, up: () => {}, failed: () => {} });
  }

  #lastFault: Fault | undefined;
  /** Reasons that the log has of the state. */
  readonly #words = new Set<string>();

  /** Why the mirror is not being written, or why its record is not kept. */
  get fault(): Fault | undefined {
    const { arm, record } = this.#options;
    if (this.#held) return this.#held;
    if (arm.mirror.fault) return this.#lastFault ?? (this.#released ? undefined : arm.mirror.fault);
    if (this.#away) return this.#away;
    if (!record.fault) return undefined;
    const { message, mend } = record.fault;
    return new Fault('local', `the record of ${arm.to} is not kept any more: ${message}`, mend);
  }

  /** The state that `status` shows: always true of now. */
  get state(): MirrorState {
    const { mirror } = this.#options.arm;
    const { state } = mirror;
    if (this.#held) return 'paused';
    if (state === 'broken' && this.#released && !this.#lastFault) return 'behind';
    if (this.#away) return 'broken';
    if (state !== 'equal') return state;
    return this.#options.underWay().tasks > 0 ? 'behind' : 'equal';
  }

  /** Its session was lost, and nothing has come of opening another yet: what is to be written waits at the medium. */
  get #away(): Fault | undefined {
    const { ordered, volume } = this.#options.arm;
    return ordered ? undefined : volume.away;
  }

  /** Since when the state is what the log last said, in milliseconds since 1970. */
  get since(): number {
    return this.#since;
  }

  /** Bytes that the mirror is not known to have right, or does not have yet. */
  behindBytes(): number {
    const limit = this.#options.limit() || Number.MAX_SAFE_INTEGER;
    const all = this.#options.arm.record.below(limit);
    this.#options.arm.mirror.forEachWaiting((start, end) => {
      if (start < limit) all.add(start, Math.min(end, limit));
    });
    const { tasks, bytes } = this.#options.underWay();
    if (tasks > 0 && bytes === undefined) return limit;
    bytes?.forEachIn(0, limit, (start, end) => all.add(start, end));
    return all.total;
  }

  /** Something may have changed, or time has passed. */
  tick(): void {
    if (this.#stopped) return;
    this.#tell();
    const { arm, record, now } = this.#options;
    const { mirror } = arm;
    if (arm.ordered) this.#look();
    else this.#lookAway();
    if (record.mayKeepAgain) this.#keeping.start();
    if (mirror.fault) {
      // A paused mirror waits for its medium to grow: that is asked for again as well.
      if (!this.#held) this.#reviver.start();
      return;
    }
    this.#grantCredit();
    this.#resolve();
    const { stored } = record;
    if (stored.excess === 0) return;
    const early = stored.excess > stored.marked / 3;
    if (early || now() - this.#tidiedAt > TIDY_MS * 1e6) void this.tidy(false);
  }

  /** A mirror that keeps the order has time of its own, and its far end may be lost while nothing is under way. */
  #look(): void {
    const { arm } = this.#options;
    const { mirror, volume, pump } = arm;
    if (volume.down && !mirror.fault) {
      const fault = new Fault('peer', 'the far end takes nothing any more', 'it is asked again until it does');
      mirror.step({ kind: 'broken', fault });
    } else mirror.step({ kind: 'more' });
    pump.run();
  }

  /** A medium that cannot be reached any more breaks its mirror also while nothing is written to it. */
  #lookAway(): void {
    const { mirror, volume, pump } = this.#options.arm;
    if (mirror.fault || !volume.down || volume.away === undefined) return;
    mirror.step({ kind: 'broken', fault: volume.away });
    pump.run();
  }

  /**
   * Flushes the mirror, then takes out the marks that are not needed any more: those beyond the hot set, or all.
   * A flush that fails breaks the mirror, and what is marked is in doubt.
   */
  tidy(all: boolean): Promise<void> {
    this.#tidying ??= this.#tidy(all).finally(() => {
      this.#tidying = undefined;
    });
    return this.#tidying;
  }

  /** No copy is started within this time. */
  holdCopies(ms: number): void {
    const { arm, now } = this.#options;
    this.#copyAt = Math.max(this.#copyAt, now() + ms * 1e6);
    if (!arm.mirror.resolving) return;
    arm.mirror.step({ kind: 'stop' });
    arm.pump.run();
  }

  /** Nothing is written to the mirror until it is released: what it misses is in its record. */
  hold(fault: Fault): void {
    const { arm } = this.#options;
    this.#held = fault;
    arm.mirror.step({ kind: 'broken', fault });
    arm.pump.run();
    this.#tell();
  }

  /** The mirror goes on, as one whose medium answers again. */
  release(): void {
    this.#held = undefined;
    this.#released = true;
    this.#lastFault = undefined;
    this.tick();
  }

  /** Has the mirror compared with the first volume: what is marked in its record, or all of it. */
  recheck(whole: boolean): void {
    const { arm, record, limit } = this.#options;
    if (whole) record.addWhole('unseen');
    else record.distrust(limit() || Number.MAX_SAFE_INTEGER);
    this.#againMs = AGAIN_MS;
    this.#againAt = Number.NEGATIVE_INFINITY;
    // A run that is under way has not heard of it: it begins anew.
    if (arm.mirror.resolving) arm.mirror.step({ kind: 'stop' });
    arm.pump.run();
    this.tick();
  }

  /** Nothing more is started. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#reviver.stop();
    this.#keeping.stop();
    await this.#tidying;
  }

  async #tidy(all: boolean): Promise<void> {
    const { arm, record, now } = this.#options;
    this.#tidiedAt = now();
    const needed = this.#needed();
    if (!needed || arm.mirror.fault) return;
    const ticket = record.stored.candidates(needed, all);
    if (ticket.chunks === 0) return;
    try {
      // Where the order is kept nothing is waited for: what is not on its way any more is durable.
      if (!arm.ordered) await arm.volume.flush();
    } catch (fault) {
      arm.mirror.step({ kind: 'broken', fault: fault as Fault });
      arm.pump.run();
      return;
    }
    const still = this.#needed();
    // A mirror that broke meanwhile may have lost what it was given before the flush began as well.
    if (!still || arm.mirror.fault) return;
    try {
      record.stored.clear(ticket, still);
    } catch {
      // A mark too many only costs a comparison.
    }
  }

  /** Bytes that are not known to be equal, or on their way; undefined where that may be any. */
  #needed(): Extents | undefined {
    const { arm, underWay } = this.#options;
    const { bytes } = underWay();
    if (!bytes) return undefined;
    const needed = arm.record.below(Number.MAX_SAFE_INTEGER);
    bytes.forEachIn(0, Number.MAX_SAFE_INTEGER, (start, end) => needed.add(start, end));
    arm.mirror.forEachWaiting((start, end) => needed.add(start, end));
    return needed;
  }

  /** Has the first volume read for what the record names. */
  #resolve(): void {
    const { arm, limit, firstUp, now } = this.#options;
    const { mirror } = arm;
    if (mirror.resolving) {
      if (firstUp()) return;
      mirror.step({ kind: 'stop' });
      arm.pump.run();
      return;
    }
    const end = limit();
    const open = end > 0 && mirror.record.intersects(0, end);
    if (this.#copying) {
      // A run has ended: what it could not read is tried again later.
      this.#copying = false;
      const failed = open && mirror.unreadable;
      this.#againMs = failed ? Math.min(this.#againMs * 2, AGAIN_LONGEST_MS) : AGAIN_MS;
      if (failed) this.#againAt = now() + this.#againMs * 1e6;
    }
    if (!open || !firstUp() || now() < Math.max(this.#copyAt, this.#againAt)) return;
    this.#copying = true;
    mirror.step({ kind: 'resolve', limit: end });
    arm.pump.run();
  }

  #grantCredit(): void {
    const { arm, pace, now } = this.#options;
    if (pace === undefined) return;
    const at = now();
    const { bytesPerSecond } = pace;
    const earned = ((at - this.#creditAt) / 1e9) * (bytesPerSecond ?? 0);
    const bytes = bytesPerSecond === undefined ? Number.MAX_SAFE_INTEGER : earned;
    this.#creditAt = at;
    arm.mirror.step({ kind: 'credit', bytes });
    arm.pump.run();
  }

  /** The medium answers again. What it was given since its last flush may be lost, and every such chunk is marked. */
  #mended(): void {
    const { arm, record, limit } = this.#options;
    if (this.#held) return;
    this.#lastFault = undefined;
    this.#released = false;
    this.losses++;
    this.#options.meet();
    if (!arm.ordered) record.distrust(limit() || Number.MAX_SAFE_INTEGER);
    arm.mirror.step({ kind: 'mended', bytes: arm.volume.blocks * arm.volume.blockSize });
    arm.pump.run();
    this.#tell();
  }

  /** One line for each change of state; catching up within moments is none. */
  #tell(): void {
    const { state } = this;
    const late = state === 'behind' && this.#lagMs() >= LAG_TOLD_MS;
    if (this.#brief.holds(this.#state, state, late, this.#options.now() / 1e6)) return;
    if (state === this.#state) {
      this.#tellWords(state);
      return;
    }
    const from = this.#state;
    const why = this.#why(state);
    this.#state = state;
    this.#since = this.#options.wall();
    this.#words.clear();
    this.#words.add(why);
    this.#options.told({ from, to: state, why });
  }

  /** Trying it again may give another reason, which `status` has from then on: each is one line, once. */
  #tellWords(state: MirrorState): void {
    if (state !== 'broken' && state !== 'paused') return;
    const why = this.#why(state);
    if (this.#words.has(why) || this.#words.size >= WORDS_MAX) return;
    this.#words.add(why);
    this.#options.told({ from: state, to: state, why });
  }

  /** Age of the oldest change that waits, or for ever where the record holds what nobody can read. */
  #lagMs(): number {
    const { arm, limit, wall, firstUp } = this.#options;
    const open = arm.mirror.record.intersects(0, limit() || Number.MAX_SAFE_INTEGER);
    if (open && (!firstUp() || arm.mirror.unreadable)) return Number.POSITIVE_INFINITY;
    const waiting = arm.backlog.peek();
    const at = arm.mirror.waitingAt ?? (waiting?.change ?? waiting?.barrier)?.at;
    return at === undefined ? 0 : wall() - Number(at / 1_000_000n);
  }

  #why(state: MirrorState): string {
    const { fault } = this;
    switch (state) {
      case 'equal':
        return 'nothing is known to be outstanding';
      case 'copying':
        return 'the whole volume is being compared with the first';
      case 'repairing':
        return 'what the record names is being compared with the first volume';
      case 'behind':
        return this.#options.firstUp() ? 'changes wait to be written or read back' : 'the first volume cannot be read';
      default:
        return fault?.message ?? 'unknown';
    }
  }
}
