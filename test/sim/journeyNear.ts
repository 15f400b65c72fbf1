import { openSpill, type Spill } from '../../hw/spill.ts';
import { copyOf } from '../../src/base/bytes.ts';
import { Extents } from '../../src/base/extents.ts';
import { Fault } from '../../src/base/fault.ts';
import type { ClearTicket, StoredRecord } from '../../src/base/record.ts';
import type { Room } from '../../src/buffer/room.ts';
import type { UnderWay } from '../../src/mirror/orderedHorizon.ts';
import { KeptRecord } from '../../src/record/kept.ts';
import { Marks } from '../../src/record/marks.ts';
import { Caretaker } from '../../src/unit/live/caretaker.ts';
import { LinkCopyOut } from '../../src/unit/mirror/recall.ts';
import { VolumeUnit } from '../../src/unit/mirror/volumeUnit.ts';
import { MemoryStorage } from '../unit/record/memoryStorage.ts';
import { SimLink, type SimLinkOptions } from './journeyLink.ts';
import { MemoryVolume } from './memoryVolume.ts';
import type { OrderedBus } from './orderedBus.ts';
import { BLOCK, BLOCKS, blocks, SIZE } from './orderedPieces.ts';

export const LU = 'iqn.test/0';
const LINK = 'journey://far:1/v';
const EVERYTHING = Number.MAX_SAFE_INTEGER;
/** The least that a mark of a stored record stands for; blocks here are smaller, so records are told of larger ones. */
const MARK_BYTES = 512;
const SCALE: number = MARK_BYTES / BLOCK;
const LANDING_NS = 3e9;
const COPY_AFTER_NS = 1e9;

export interface NearWeather {
  doubts: boolean;
  plain: boolean;
  roomBytes: number;
  linkBytes: number;
  /** Temporary storage beside a local mirror; undefined: there is none. */
  spillBytes: number | undefined;
}

/** What of the unit's machine outlives its process. */
export interface NearDisk {
  /** Marks of the link's record and of the local mirror's; undefined: there is none yet. */
  link: Uint8Array | undefined;
  local: Uint8Array | undefined;
  /** The local mirror's medium. */
  image: Uint8Array;
  /** Counts the starts of the machine. */
  boot: number;
}

export interface NearOptions extends Omit<SimLinkOptions, 'run'> {
  bus: OrderedBus;
  room: Room;
  weather: NearWeather;
  disk: NearDisk;
  spillPath: string;
  /** Where the order begins that the volume shares with others. */
  order?: number;
  run: (near: Near) => void;
}

interface Local {
  volume: MemoryVolume;
  copyOut: LinkCopyOut;
  spill: Spill;
}

interface Kept {
  record: KeptRecord;
  storage: MemoryStorage;
}

/** One process of the unit at the first volume's side: a tee, its volume with a link and perhaps a local mirror. */
export class Near {
  readonly unit: VolumeUnit;
  readonly link: SimLink;
  readonly caretakers: Caretaker[];
  readonly first: MemoryVolume;
  readonly local: MemoryVolume | undefined;
  readonly room: Room;
  readonly #options: NearOptions;
  readonly #kept: Kept[];
  readonly #copyOut: LinkCopyOut | undefined;
  readonly #spill: Spill | undefined;
  /** What the last process left marked, as long as its writes may land there. */
  #landing: { bytes: Extents; until: number } | undefined;
  /** Writes that a process before left behind may land until then. */
  readonly orphansUntil: number;
  dead = false;

  private constructor(options: NearOptions, kept: Kept[], local?: Local) {
    const { bus, room, weather, now } = options;
    const { volume, copyOut, spill } = local ?? {};
    this.#options = options;
    this.#kept = kept;
    this.#copyOut = copyOut;
    this.#spill = spill;
    this.local = volume;
    this.room = room;
    this.first = new MemoryVolume(bus.medium, BLOCK);
    this.link = new SimLink({ ...options, run: () => options.run(this) });
    const away = new Fault('local', 'not met yet', undefined, { unreachable: true });
    const own = volume ? [{ to: 'memory:local', volume, record: kept[1].record }] : [];
    this.unit = new VolumeUnit({
      lu: LU,
      room,
      mirrors: [
        {
          to: LINK,
          volume: this.link,
          record: kept[0].record,
          fault: away,
          buffer: { bytes: weather.linkBytes },
          ...(copyOut ? { copyOut } : {}),
        },
        ...own,
      ],
      first: { name: 'memory:first', volume: this.first },
      now,
      wall: () => 0,
      notice: () => undefined,
      compare: true,
      copyBytes: BLOCK * (1 + options.below(6)),
      ...(options.order === undefined ? {} : { order: options.order }),
      underWay: () => this.underWay(),
    });
    this.caretakers = this.unit.arms.map(
      (arm, i) =>
        new Caretaker({
          arm,
          record: kept[i].record,
          limit: () => SIZE,
          underWay: () => this.underWay(),
          meet: () => {
            if (arm.ordered) kept[i].record.meet({ mirrorId: arm.volume.identity().id });
          },
          firstUp: () => true,
          now,
          wall: () => 0,
          copyFrom: now() + COPY_AFTER_NS,
          told: () => undefined,
        }),
    );
    const left = new Extents();
    let reset = false;
    for (const { record } of kept) {
      if (record.stored.reset === undefined) {
        record.distrust(EVERYTHING);
        for (const [start, length] of record.below(SIZE).toRanges()) left.add(start, start + length);
      } else {
        record.addWhole('unseen');
        reset = true;
      }
    }
    if (!left.isEmpty) this.#landing = { bytes: left, until: now() + LANDING_NS };
    this.orphansUntil = now() + (reset ? COPY_AFTER_NS : LANDING_NS);
    this.unit.facts({ lu: LU, blockSize: BLOCK, blocks: BLOCKS, designators: [] });
  }

  static async open(options: NearOptions): Promise<Near> {
    const { weather, disk, spillPath } = options;
    const kept = [await keptRecord(disk.link, disk.boot, undefined)];
    if (weather.spillBytes === undefined) return new Near(options, kept);
    kept.push(await keptRecord(disk.local, disk.boot, 'local'));
    const volume = new MemoryVolume(copyOf(disk.image), BLOCK);
    const spill = await openSpill(spillPath, weather.spillBytes);
    const copyOut = new LinkCopyOut({ name: LINK, volume, spill, notice: () => undefined });
    return new Near(options, kept, { volume, copyOut, spill });
  }

  underWay(): UnderWay {
    const { tasks, bytes } = this.#options.bus.underWay();
    const landing = this.#landing?.bytes;
    if (!landing || !bytes) return { tasks: tasks + (landing ? 1 : 0), bytes };
    landing.forEachIn(0, EVERYTHING, (start, end) => bytes.add(start, end));
    return { tasks: tasks + 1, bytes };
  }

  /** A host begins to write there: the marks are made before anything of it reaches the target. */
  intent(offset: number, length: number): void {
    const [start, end] = blocks(offset, length);
    for (const { record } of this.#kept) record.mark(start, end - start);
  }

  /** Time has passed. */
  tick(): void {
    if (this.#landing && this.#options.now() >= this.#landing.until) {
      const { bytes } = this.#landing;
      this.#landing = undefined;
      this.unit.doubt(bytes, 'aborted');
    }
    for (const caretaker of this.caretakers) caretaker.tick();
  }

  /** One call of a volume ends, any of them. */
  progress(): void {
    const { below } = this.#options;
    for (const volume of [this.first, ...(this.local ? [this.local] : [])]) {
      if (volume.pending.length > 0 && below(2) === 0) volume.end(below(volume.pending.length));
    }
  }

  /** The process is killed: what is left for the next one. With `power` the machine goes down with it. */
  kill(power: boolean): NearDisk {
    const { below, disk } = this.#options;
    this.dead = true;
    for (const caretaker of this.caretakers) void caretaker.stop();
    // What it had handed to the system may still reach the medium.
    while (this.local && this.local.pending.length > 0 && below(4) > 0) this.local.end(0);
    this.#spill?.close().catch(() => undefined);
    const [link, local] = this.#kept.map(({ storage }) => storage.after());
    return {
      link,
      local,
      image: this.local ? copyOf(this.local.bytes) : disk.image,
      boot: disk.boot + (power ? 1 : 0),
    };
  }

  get quiet(): boolean {
    return this.unit.arms.every(({ mirror }) => mirror.state === 'equal') && this.#landing === undefined;
  }

  async close(): Promise<void> {
    for (const caretaker of this.caretakers) void caretaker.stop();
    await this.#copyOut?.close();
  }
}

async function keptRecord(stored: Uint8Array | undefined, boot: number, mirrorId: string | undefined): Promise<Kept> {
  const storage = new MemoryStorage();
  const before = stored ?? new Uint8Array();
  for (let at = 0; at < before.length; at += 4096) storage.writePage(at / 4096, before.subarray(at, at + 4096));
  const marks = await Marks.open(storage, before, {
    lu: LU,
    mirrorId,
    firstId: 'first',
    bytes: SIZE * SCALE,
    chunkBytes: MARK_BYTES,
    hotBytes: 3 * MARK_BYTES,
    looking: true,
    synced: false,
    bootId: new Uint8Array(16).fill(1 + boot),
  });
  const failed = (fault: Fault): never => {
    throw fault;
  };
  return { storage, record: new KeptRecord(new ScaledRecord(marks), failed) };
}

/** A record that is told of each block as of one that is larger. */
class ScaledRecord implements StoredRecord {
  readonly chunkBytes = BLOCK;
  readonly #marks: Marks;

  constructor(marks: Marks) {
    this.#marks = marks;
  }

  get reset(): StoredRecord['reset'] {
    return this.#marks.reset;
  }

  get marked(): number {
    return this.#marks.marked;
  }

  get excess(): number {
    return this.#marks.excess;
  }

  mark(offset: number, length: number): void {
    this.#marks.mark(offset * SCALE, length * SCALE);
  }

  markAll(): void {
    this.#marks.markAll();
  }

  below(limit: number): Extents {
    const all = new Extents();
    for (const [start, length] of this.#marks.below(Math.min(limit, SIZE) * SCALE).toRanges()) {
      all.add(start / SCALE, (start + length) / SCALE);
    }
    return all;
  }

  identify(media: { mirrorId?: string; firstId?: string }): boolean {
    return this.#marks.identify(media);
  }

  resize(bytes: number): void {
    this.#marks.resize(bytes * SCALE);
  }

  candidates(needed: Extents, all: boolean): ClearTicket {
    return this.#marks.candidates(scaled(needed), all);
  }

  clear(ticket: ClearTicket, needed: Extents): void {
    this.#marks.clear(ticket as Parameters<Marks['clear']>[0], scaled(needed));
  }

  durable(offset: number, length: number): boolean {
    return this.#marks.durable(offset * SCALE, length * SCALE);
  }

  sync(): Promise<void> {
    return this.#marks.sync();
  }

  discard(): Promise<void> {
    return this.#marks.discard();
  }

  lay(): Promise<void> {
    return this.#marks.lay();
  }

  resume(): void {
    this.#marks.resume();
  }

  close(clean: boolean): Promise<void> {
    return this.#marks.close(clean);
  }
}

function scaled(extents: Extents): Extents {
  const all = new Extents();
  extents.forEachIn(0, SIZE, (start, end) => all.add(start * SCALE, end * SCALE));
  return all;
}
