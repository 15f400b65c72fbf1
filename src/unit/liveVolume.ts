import type { Barrier, Change, LuId } from '../base/change.ts';
import { Extents } from '../base/extents.ts';
import { Fault } from '../base/fault.ts';
import type { LuFacts } from '../base/sink.ts';
import type { Volume } from '../base/volume.ts';
import type { Room } from '../buffer/room.ts';
import { KeptRecord } from '../record/kept.ts';
import type { Outstanding } from '../snoop/lu/outstanding.ts';
import { faultWords } from './arm.ts';
import { Caretaker, type UnderWay } from './caretaker.ts';
import type { LiveVolumeConfig } from './configTypes.ts';
import type { LateVolume } from './lateVolume.ts';
import { Reviver } from './reviver.ts';
import type { MirrorStatus, VolumeStatus } from './status.ts';
import { openStoredRecord } from './storedRecord.ts';
import { refuseTwins } from './twins.ts';
import { VolumeUnit } from './volumeUnit.ts';

/** What the volumes of one unit share. */
export interface LiveParts {
  room: Room;
  /** The unit's state folder. */
  folder: string;
  record: { chunkBytes: number; hotBytes: number };
  bytesPerSecond?: number;
  /** False: what hosts wrote while the unit was away passed it by (a tap). */
  looking: boolean;
  /** A command that writes waits until its marks survive a power loss. */
  synced: boolean;
  /** Copies wait so long after the start: a command that was under way then has ended, or shows itself. */
  copyAfterMs: number;
  /** How long a write whose connection ended with the last process may still land (requirement B6). */
  settleMs: number;
  /** Monotonic time in nanoseconds, and the wall clock's in milliseconds. */
  now: () => number;
  wall: () => number;
  notice: (text: string) => void;
  /** A mirror's state, or the first volume's, has changed. */
  told: (lu: LuId, to: string, change: { from: string; to: string; why: string }) => void;
  /** What writes on their way at the LU may still change. */
  outstanding: (lu: LuId) => Outstanding | undefined;
}

/** A medium of the configuration, opened or not yet. */
export interface Medium {
  to: string;
  volume: LateVolume;
}

/** Bytes of the hot set that the marks are brought back to; the rest is room to work in between two flushes. */
const HOT_SHARE = 0.5;

/**
 * Small changes wait so long for others before they are written together. A mirror is that much later than it need be, and
 * the bus has the processor for itself meanwhile: measured at a tee, a tenth more operations a second at 4 KiB.
 */
const GATHER_MS = 5;

/** One volume of a running unit: its mirrors, their records, and those who look after them. */
export class LiveVolume {
  readonly lu: LuId;
  readonly unit: VolumeUnit;
  readonly #config: LiveVolumeConfig;
  readonly #parts: LiveParts;
  readonly #first: Medium | undefined;
  readonly #reviver: Reviver | undefined;
  readonly #keepers: readonly { caretaker: Caretaker; record: KeptRecord }[];
  /** Media that were not there when the records were opened. */
  readonly #late: Set<LateVolume>;
  #firstFault: Fault | undefined;
  #firstTold = true;
  /** What the last process left marked, and until when (of `now`) writes that were under way then may land there. */
  #landing: { bytes: Extents; until: number } | undefined;

  private constructor(
    config: LiveVolumeConfig,
    parts: LiveParts,
    first: Medium | undefined,
    mirrors: readonly (Medium & { record: KeptRecord })[],
  ) {
    this.lu = config.lu;
    this.#config = config;
    this.#parts = parts;
    this.#first = first;
    const { room, now, wall, notice, bytesPerSecond } = parts;
    this.unit = new VolumeUnit({
      lu: config.lu,
      room,
      mirrors: mirrors.map(({ to, volume, record }) => ({
        to,
        volume,
        record,
        ...(volume.opened ? {} : { fault: volume.fault }),
      })),
      ...(first ? { first: { name: first.to, volume: first.volume } } : {}),
      now,
      notice,
      flushBarriers: true,
      compare: true,
      gatherMs: GATHER_MS,
      metered: bytesPerSecond !== undefined,
    });
    const media = [...(first ? [first] : []), ...mirrors].map(({ volume }) => volume);
    this.#late = new Set(media.filter(({ opened }) => !opened));
    this.#reviver = first && new Reviver({ volume: first.volume, now, up: () => {}, failed: (f) => this.#failed(f) });
    this.#keepers = mirrors.map(({ to, record }, i) => ({
      record,
      caretaker: new Caretaker({
        arm: this.unit.arms[i],
        record,
        limit: () => this.unit.limit,
        underWay: () => this.#underWay(),
        firstUp: () => first !== undefined && !first.volume.down,
        now,
        wall,
        ...(bytesPerSecond === undefined ? {} : { bytesPerSecond }),
        copyFrom: now() + parts.copyAfterMs * 1e6,
        told: (change) => parts.told(config.lu, to, change),
      }),
    }));
  }

  /**
   * Opens the records of mirrors whose media are open or will be. Rejects with a `Fault` when two media are one, or when
   * a mirror is smaller than the first volume.
   */
  static async open(
    config: LiveVolumeConfig,
    parts: LiveParts,
    first: Medium | undefined,
    mirrors: readonly Medium[],
  ): Promise<LiveVolume> {
    const opened: (Medium & { record: KeptRecord })[] = [];
    try {
      const firstVolume = first?.volume.opened;
      refuseTwins([...(first ? [named(first)] : []), ...mirrors.map(named)]);
      for (const medium of mirrors) {
        if (firstVolume && medium.volume.opened) refuseSmall(medium, firstVolume);
        opened.push({ ...medium, record: await openRecord(config, parts, first, medium) });
      }
    } catch (error) {
      for (const { record } of opened) await record.stored.close(false);
      throw error;
    }
    const volume = new LiveVolume(config, parts, first, opened);
    volume.#begin();
    return volume;
  }

  /** What the first volume's own target says of it, for the snoop. */
  get facts(): LuFacts {
    const { lu, blockSize = 0, blocks = 0 } = this.#config;
    const opened = this.#first?.volume.opened;
    return {
      lu,
      blockSize: blockSize || (opened?.blockSize ?? 0),
      blocks: blocks || (opened?.blocks ?? 0),
      designators: [],
    };
  }

  /**
   * A host is about to write there. Undefined: it may; else the promise resolves when it may, as its marks survive a power
   * loss, or are not kept any more. Never rejects.
   */
  intent(offset: number, length: number): Promise<void> | undefined {
    for (const { record } of this.#keepers) record.mark(offset, length);
    return this.#parts.synced ? this.#settled(offset, length) : undefined;
  }

  #settled(offset: number, length: number): Promise<void> | undefined {
    let all: Promise<unknown> | undefined;
    for (const { record } of this.#keepers) {
      const wait = record.settled(offset, length);
      if (wait !== undefined) all = all === undefined ? wait : Promise.all([all, wait]);
    }
    return all as Promise<void> | undefined;
  }

  push(change: Change): void {
    this.unit.push(change);
  }

  barrier(barrier: Barrier): void {
    this.unit.barrier(barrier);
  }

  learn(facts: LuFacts): void {
    this.unit.facts(facts);
    const bytes = this.unit.blocks * this.unit.blockSize;
    if (bytes > 0) for (const { record } of this.#keepers) record.resize(bytes);
  }

  /** Writes may be under way that were not seen: nothing is copied for so long. */
  holdCopies(ms: number): void {
    for (const { caretaker } of this.#keepers) caretaker.holdCopies(ms);
  }

  tick(): void {
    this.#meetLate();
    this.#settle();
    this.#lookAtFirst();
    for (const { caretaker, record } of this.#keepers) {
      caretaker.tick();
      // Doubts that no command announced, as a cache that was lost, have made marks too.
      if (this.#parts.synced) void record.settled(0, Number.MAX_SAFE_INTEGER);
    }
  }

  status(): VolumeStatus {
    const { unit } = this;
    const { name } = this.#config;
    return {
      lu: this.lu,
      ...(name === undefined ? {} : { name }),
      blockSize: unit.blockSize || null,
      blocks: unit.blocks || null,
      first: this.#firstStatus(),
      changes: unit.changes,
      barriers: unit.barriers,
      openWrites: this.#underWay().tasks,
      mirrors: this.#keepers.map((keeper, i) => this.#mirrorStatus(keeper, i)),
    };
  }

  /** Writes what is buffered until `signal` ends that, makes the mirrors durable, and closes everything. */
  async close(signal: AbortSignal): Promise<void> {
    this.#reviver?.stop();
    await Promise.all(this.#keepers.map(({ caretaker }) => caretaker.stop()));
    for (const { mirror, pump } of this.unit.arms) {
      mirror.step({ kind: 'stop' });
      pump.stopCopies();
    }
    const idle = await before(this.unit.whenIdle(), signal);
    for (const { caretaker, record } of this.#keepers) {
      if (idle) await before(caretaker.tidy(true), signal);
      await record.stored.close(idle && !record.broken);
    }
    if (idle) await this.unit.close();
    await this.#first?.volume.close();
  }

  #begin(): void {
    this.#first?.volume.onSizeChange(() => this.learn(this.facts));
    const left = new Extents();
    for (const { record } of this.#keepers) {
      if (record.stored.reset !== undefined) record.addWhole('unseen');
      else {
        record.distrust(Number.MAX_SAFE_INTEGER);
        for (const [start, length] of record.below(Number.MAX_SAFE_INTEGER).toRanges()) left.add(start, start + length);
      }
    }
    const { now, settleMs } = this.#parts;
    if (!left.isEmpty) this.#landing = { bytes: left, until: now() + settleMs * 1e6 };
    this.learn(this.facts);
  }

  /** What was left marked is read back a second time once nothing of the last process can land there any more. */
  #settle(): void {
    if (!this.#landing || this.#parts.now() < this.#landing.until) return;
    const ranges = this.#landing.bytes.toRanges();
    this.#landing = undefined;
    for (const { record } of this.#keepers) {
      if (record.stored.reset !== undefined) continue;
      for (const [start, length] of ranges) record.add(start, length, 'aborted');
    }
  }

  #underWay(): UnderWay {
    const { tasks = 0, blocks } = this.#parts.outstanding(this.lu) ?? {};
    const bytes = new Extents();
    const landing = this.#landing?.bytes;
    landing?.forEachIn(0, Number.MAX_SAFE_INTEGER, (start, end) => bytes.add(start, end));
    const all = tasks + (landing ? 1 : 0);
    const size = this.unit.blockSize;
    if (tasks === 0) return { tasks: all, bytes };
    if (!blocks || size === 0) return { tasks: all, bytes: undefined };
    const last = Math.floor(Number.MAX_SAFE_INTEGER / size);
    blocks.forEachIn(0, last, (start, end) => bytes.add(start * size, end * size));
    return { tasks: all, bytes };
  }

  /** A medium that came late may be another than the one that a record was kept for. */
  #meetLate(): void {
    for (const volume of this.#late) {
      if (!volume.opened) continue;
      this.#late.delete(volume);
      const { id } = volume.identity();
      const ofFirst = volume === this.#first?.volume;
      for (const [i, { record }] of this.#keepers.entries()) {
        if (ofFirst) record.meet({ firstId: id });
        else if (this.unit.arms[i].volume === volume) record.meet({ mirrorId: id });
      }
    }
  }

  #lookAtFirst(): void {
    const { volume, to } = this.#first ?? {};
    if (!volume || to === undefined) return;
    const up = !volume.down;
    if (!up) this.#reviver?.start();
    if (up === this.#firstTold) return;
    this.#firstTold = up;
    const [from, now] = up ? ['down', 'up'] : ['up', 'down'];
    const why = up ? 'it answers again' : (this.#firstFault?.message ?? 'its session was lost');
    if (up) this.#firstFault = undefined;
    this.#parts.told(this.lu, to, { from, to: now, why });
  }

  #failed(fault: Fault): void {
    this.#firstFault = fault;
  }

  #firstStatus(): VolumeStatus['first'] {
    if (!this.#first) return { url: '', state: 'none' };
    const { to, volume } = this.#first;
    const fault = volume.down ? (this.#firstFault ?? (volume.opened ? undefined : volume.fault)) : undefined;
    return { url: to, state: volume.down ? 'down' : 'up', ...(fault ? { error: faultWords(fault) } : {}) };
  }

  #mirrorStatus({ caretaker, record }: { caretaker: Caretaker; record: KeptRecord }, index: number): MirrorStatus {
    const { mirror, pump, to } = this.unit.arms[index];
    const { fault, state } = caretaker;
    return {
      to,
      state,
      behindBytes: state === 'equal' ? 0 : caretaker.behindBytes(),
      unresolvedBytes: record.below(this.unit.limit || Number.MAX_SAFE_INTEGER).total,
      writtenBytes: mirror.writtenBytes,
      comparedBytes: pump.comparedBytes,
      copiedBytes: pump.differingBytes,
      ...(mirror.resolving ? { progress: mirror.progress } : {}),
      since: new Date(caretaker.since).toISOString(),
      ...(fault ? { error: faultWords(fault) } : {}),
      record: { chunkBytes: record.stored.chunkBytes, marked: record.stored.marked },
    };
  }
}

function named({ to, volume }: Medium): { name: string; volume: Volume } {
  return { name: to, volume };
}

function refuseSmall({ to, volume }: Medium, first: Volume): void {
  const [needed, size] = [first.blocks * first.blockSize, volume.blocks * volume.blockSize];
  if (size >= needed) return;
  const what = `mirror ${to} is too small: it holds ${size} bytes, the first volume ${needed}`;
  throw new Fault('local', what, `give the mirror a medium of at least ${needed} bytes`);
}

async function openRecord(
  { lu, blockSize = 0, blocks = 0 }: LiveVolumeConfig,
  { folder, record, looking, synced, notice }: LiveParts,
  first: Medium | undefined,
  { to, volume }: Medium,
): Promise<KeptRecord> {
  const opened = first?.volume.opened;
  const stored = await openStoredRecord({
    folder,
    lu,
    mirror: to,
    mirrorId: volume.opened ? volume.identity().id : undefined,
    firstId: opened?.identity().id,
    bytes: opened ? opened.blocks * opened.blockSize : blocks * blockSize,
    chunkBytes: record.chunkBytes,
    hotBytes: record.hotBytes * HOT_SHARE,
    looking,
    synced,
  });
  return new KeptRecord(stored, (fault) => {
    notice(`the record of ${to} is not kept any more: ${fault.message}`);
  });
}

/** True when it ended before the signal. What goes on after that is not waited for. */
async function before(work: Promise<void>, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false;
  let stop: () => void = () => {};
  const aborted = new Promise<false>((resolve) => {
    stop = () => resolve(false);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work.then(() => true), aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
