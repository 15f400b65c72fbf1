import assert from 'node:assert/strict';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { openLog } from '../../hw/log.ts';
import { openSpill } from '../../hw/spill.ts';
import { copyOf } from '../../src/base/bytes.ts';
import type { Piece } from '../../src/base/change.ts';
import type { OrderedEntry } from '../../src/base/ordered.ts';
import type { Volume } from '../../src/base/volume.ts';
import { Room } from '../../src/buffer/room.ts';
import type { LiveMirrorConfig } from '../../src/unit/config/configTypes.ts';
import { LateOrderedVolume } from '../../src/unit/link/lateOrdered.ts';
import { LateVolume } from '../../src/unit/lu/lateVolume.ts';
import { LinkCopyOut } from '../../src/unit/mirror/recall.ts';
import { type FurtherMedia, Relay } from '../../src/unit/received/relay.ts';
import { quiet } from './journeyDisk.ts';
import { MemoryVolume } from './memoryVolume.ts';
import { RelayEnd, RelayLink } from './relayFar.ts';
import { BLOCK, emptyDisk, type MiddleDisk, MiddleStore, SIZE } from './relayMiddle.ts';
import { lentBy, RelaySource } from './relaySource.ts';

export interface RelayWeather {
  /** The sender loses track of blocks, and copies them. */
  doubts: boolean;
  /** The middle store keeps no past. */
  plain: boolean;
  /** Its medium fails, it is rolled back, far ends refuse. */
  failures: boolean;
  /** Either unit is killed. */
  kills: boolean;
  roomBytes: number;
  linkBytes: number;
  spillBytes: number;
}

export interface RelayWorldParts {
  below: (n: number) => number;
  /** A folder of this world's own. */
  root: string;
  weather: RelayWeather;
  tick: (ms: number) => void;
}

const NAME = 'vol1';
const COPY = 'file:copy';
const NEVER = AbortSignal.abort();
const REST_NS = 60_000_000_000n;

/**
 * A sender, a unit in the middle with the real relay over a store in memory, and two far ends and a plain copy behind it
 * (D3). Asserts at every entry that says so that a far end holds what the sender's volume held at one moment, that
 * bookmarks are theirs, that who is said to be equal is equal, and at the end that everything is.
 */
export class RelayWorld {
  readonly counts: Record<string, number> = { kills: 0, power: 0, rolls: 0, cuts: 0, refused: 0, recalled: 0, anew: 0 };
  readonly source: RelaySource;
  readonly ends: readonly RelayEnd[];
  readonly #parts: RelayWorldParts;
  readonly #below: (n: number) => number;
  #store!: MiddleStore;
  #relay!: Relay;
  #room!: Room;
  #links: RelayLink[] = [];
  #copy!: MemoryVolume;
  #copyOuts: LinkCopyOut[] = [];
  #folder = '';
  #folders = 0;
  #now = 0;
  #faults = true;
  /** Counts the middle unit's processes: what an older one answers concerns nobody. */
  #life = 0;
  #met = '';
  #anewDue = false;
  #next = 0;
  #busy = false;
  #moments: { bytes: Uint8Array; consistent: boolean }[] = [];
  #at = 1000n;

  constructor(parts: RelayWorldParts) {
    const { below } = parts;
    this.#parts = parts;
    this.#below = below;
    const disk = emptyDisk();
    this.source = new RelaySource(below, disk.bytes);
    this.ends = [0, 1].map(
      () =>
        new RelayEnd(
          this.source,
          new Uint8Array(SIZE).map(() => below(2)),
        ),
    );
    this.#disk = disk;
  }

  #disk: MiddleDisk;

  async run(steps: number): Promise<void> {
    await this.#start(this.#disk, new Uint8Array(SIZE));
    for (let step = 0; step < steps; step++) {
      for (let n = this.#below(12); n >= 0; n--) await this.#act();
      await quiet();
      this.#check();
    }
    await this.#calm();
  }

  async close(): Promise<void> {
    for (const link of this.#links) link.kill(0);
    while (this.#copy?.pending.length > 0) this.#copy.end(0);
    this.#store?.left(false);
    await this.#relay?.close(NEVER).catch(() => undefined);
  }

  async #start(disk: MiddleDisk, copy: Uint8Array): Promise<void> {
    const { weather, root } = this.#parts;
    this.#life++;
    this.#next = 0;
    this.#busy = false;
    this.#store = new MiddleStore(disk, weather.plain, this.#below);
    this.#store.fails = (what) => this.#faults && weather.failures && this.#below(what === 'append' ? 30 : 6) === 0;
    this.#store.onCut = () => {
      this.counts.cuts++;
      for (const end of this.ends) end.goBack();
    };
    this.#room = new Room({ bytes: weather.roomBytes, threshold: 0.25, whenFull: 'lbn' });
    this.#copy = new MemoryVolume(copy, BLOCK);
    this.#links = this.ends.map((end, i) => new RelayLink(end, `end ${i}`));
    this.#copyOuts = [];
    this.#folder = this.#folder || join(root, `middle-${++this.#folders}`);
    const buffer = { bytes: weather.linkBytes, threshold: 0 };
    const journeys = this.#links.map((_, i): LiveMirrorConfig => {
      const url = { host: `end${i}`, port: 1, volume: 'v' };
      return { kind: 'journey', to: `journey://end${i}:1/v`, url, compress: false, ...(i === 0 ? { buffer } : {}) };
    });
    // What it asks of the store while it opens is answered at once.
    const opening = setInterval(() => this.#store.step(), 0);
    this.#relay = await Relay.open(
      {
        name: NAME,
        store: this.#store,
        newestAt: this.#at,
        mirrors: [...journeys, { kind: 'file', to: COPY, path: COPY }],
      },
      this.#media(),
      {
        folder: this.#folder,
        room: this.#room,
        record: { chunkBytes: BLOCK, hotBytes: 4 * BLOCK },
        log: openLog('error', new PassThrough().resume()),
        notice: () => undefined,
        now: () => this.#now,
      },
    );
    clearInterval(opening);
  }

  #media(): FurtherMedia {
    const { root, weather } = this.#parts;
    const links = this.#links.map((link, i) => ({
      to: `journey://end${i}:1/v`,
      volume: new LateOrderedVolume(`end ${i}`, 'lu', () => Promise.resolve(link)),
    }));
    const copy = new LateVolume<Volume>(COPY, 'file', () => Promise.resolve(this.#copy));
    const all = [...links, { to: COPY, volume: copy }];
    return {
      all,
      open: async () => {
        for (const { volume } of all) await volume.open();
      },
      copyOut: async (name, volume, losses) => {
        const spill = await openSpill(join(root, `spill-${this.#life}-${this.#copyOuts.length}`), weather.spillBytes);
        const copyOut = new LinkCopyOut({ name, volume, spill, losses, notice: () => undefined });
        this.#copyOuts.push(copyOut);
        return copyOut;
      },
      link: () => undefined,
      openOne: () => Promise.reject(new Error('not asked for')),
      forget: () => Promise.resolve(),
      close: async () => undefined,
    };
  }

  async #act(): Promise<void> {
    const below = this.#below;
    const { doubts, failures, kills } = this.#parts.weather;
    const dice = below(64);
    if (dice < 8) this.source.write();
    else if (dice === 8) this.source.mark();
    else if (dice === 9 && doubts) this.source.lose();
    else if (dice < 12) this.source.copy();
    else if (dice < 13) this.source.sync();
    else if (dice < 24) this.#send();
    else if (dice < 27) this.#sync();
    else if (dice < 40) this.#store.step();
    else if (dice < 54) this.#progress();
    else if (dice < 60) this.#pass(1 + below(60));
    else if (dice === 60 && failures && below(6) === 0) this.#refuse();
    else if (dice === 61 && failures && below(3) === 0) await this.#roll();
    else if (dice === 62 && kills && below(4) === 0) await this.#kill(below(3) === 0);
    else if (dice === 63 && kills && below(6) === 0) this.#anew();
    // What is asked of the store by promises comes there before the next act.
    if (below(2) === 0) await new Promise((resolve) => setImmediate(resolve));
  }

  /** One entry more to the middle unit, as a receiver gives it there. */
  #send(): void {
    if (this.#busy) return;
    if (this.#next === 0) {
      this.#connect();
      return;
    }
    const sent = this.source.entry(this.#next);
    if (!sent) return;
    const { place, entry } = sent;
    const lent = borrowed(entry);
    this.#ask(
      () => this.#relay.store.append(place, lent),
      () => {
        for (const piece of 'pieces' in lent ? lent.pieces : []) for (const part of lentBy(piece)) part.fill(0xee);
        if (entry.at > this.#at) this.#at = entry.at;
        this.#next++;
        const { disk } = this.#store;
        this.#moments.push({ bytes: copyOf(disk.bytes), consistent: this.#store.consistent });
        if (this.#moments.length > 20) this.#moments.shift();
      },
      () => {
        if (this.#below(2) === 0) this.#next = 0;
      },
    );
  }

  /** A connection begins: everything is made durable, and who sends learns where to go on. */
  #connect(): void {
    this.#ask(
      () => this.#relay.store.sync(),
      () => {
        const { durable, incarnation } = this.#relay.store;
        // What it compares with is durable: nothing of it is given up later.
        if (this.#anewDue || (this.#met !== '' && incarnation !== this.#met)) {
          this.source.anew(this.#store.disk.bytes);
          this.counts.anew++;
        }
        this.#anewDue = false;
        this.#met = incarnation;
        this.#next = durable?.epoch === this.source.epoch ? durable.number + 1 : 1;
      },
      () => undefined,
    );
  }

  #sync(): void {
    if (this.#next === 0) return;
    const life = this.#life;
    const number = this.#next - 1;
    const { epoch } = this.source;
    const check = (): void => {
      if (life !== this.#life || this.#next === 0 || epoch !== this.source.epoch) return;
      const { durable } = this.#relay.store;
      const kept = number === 0 || (durable?.epoch === epoch && durable.number >= number);
      if (!kept && !this.#busy) this.#next = 0;
    };
    this.#relay.store.sync().then(check, check);
  }

  #ask(call: () => Promise<void>, done: () => void, failed: () => void): void {
    const life = this.#life;
    const { epoch } = this.source;
    this.#busy = true;
    const over = (then: () => void) => (): void => {
      if (life !== this.#life) return;
      this.#busy = false;
      const moved = this.#met !== '' && this.#relay.store.incarnation !== this.#met;
      if (epoch !== this.source.epoch || (moved && this.#next > 0)) this.#next = 0;
      else then();
    };
    call().then(over(done), over(failed));
  }

  /** The sender is another process. */
  #anew(): void {
    if (this.#busy) return;
    this.#next = 0;
    this.#anewDue = true;
  }

  #progress(): void {
    const below = this.#below;
    for (const link of this.#links) {
      for (let n = below(3); n > 0; n--) link.step(below(3) === 0);
      if (below(2) === 0) link.comparisons.shift()?.();
    }
    if (this.#copy.pending.length > 0 && below(2) === 0) this.#copy.end(below(this.#copy.pending.length));
  }

  #pass(ms: number): void {
    this.#now += ms * 1e6;
    this.#parts.tick(ms);
    this.#relay.tick();
  }

  #refuse(): void {
    this.counts.refused++;
    const link = this.#links[this.#below(2)];
    link.refuse(this.#below(link.pending.length + 1));
  }

  async #roll(): Promise<void> {
    const to = this.#moments[this.#below(this.#moments.length || 1)];
    if (!to || this.#busy) return;
    this.counts.rolls++;
    for (const end of this.ends) end.goBack();
    this.#moments = [];
    this.#store.rollBack(to.bytes, to.consistent);
    this.#next = 0;
  }

  async #kill(power: boolean): Promise<void> {
    this.counts[power ? 'power' : 'kills']++;
    await quiet();
    const { root } = this.#parts;
    const relay = this.#relay;
    const old = this.#folder;
    this.#life++;
    this.#folder = join(root, `middle-${++this.#folders}`);
    cpSync(old, this.#folder, { recursive: true });
    // The machine comes up another time: what was written there without a sync is not believed.
    if (power) rmSync(this.#folder, { recursive: true });
    if (power || this.#parts.weather.plain) for (const end of this.ends) end.goBack();
    for (const link of this.#links) link.kill(this.#below(link.pending.length + 1));
    while (this.#copy.pending.length > 0 && this.#below(4) > 0) this.#copy.end(0);
    const copy = copyOf(this.#copy.bytes);
    const disk = this.#store.left(power);
    relay.close(NEVER).catch(() => undefined);
    await quiet();
    this.#moments = [];
    await this.#start(disk, copy);
  }

  /** Who is said to be equal is equal. */
  #check(): void {
    if (this.#store.calls.length > 0 || this.#busy) return;
    const states = this.#relay.status().map(({ state }) => state);
    for (const [i, end] of this.ends.entries()) {
      if (states[i] !== 'equal') continue;
      assert.equal(Buffer.compare(end.bytes, this.#store.disk.bytes), 0, `end ${i} is said to be equal`);
    }
    if (states[2] === 'equal') {
      assert.equal(Buffer.compare(this.#copy.bytes, this.#store.disk.bytes), 0, 'the copy is said to be equal');
    }
  }

  /** Everything is delivered, nothing fails any more. */
  async #calm(): Promise<void> {
    this.#faults = false;
    const { ends, source } = this;
    const same = (bytes: Uint8Array): boolean => Buffer.compare(bytes, source.medium) === 0;
    const done = (): boolean =>
      source.whole &&
      this.#next > source.length &&
      this.#relay.status().every(({ state }) => state === 'equal') &&
      ends.every(({ bytes }) => same(bytes));
    // Temporary storage is a real file: on a busy machine its calls take many turns.
    const latest = process.hrtime.bigint() + REST_NS;
    for (let turn = 0; !done(); turn++) {
      const states = this.#relay.status().map(({ state, error }) => `${state} ${error?.message ?? ''}`);
      const waits = turn < 3000 || process.hrtime.bigint() < latest;
      assert.ok(waits, `it does not come to rest: ${states}, entry ${this.#next} of ${source.length}`);
      if (turn % 8 === 0) source.copy();
      this.#send();
      if (turn % 8 === 1) this.#sync();
      for (let n = 0; n < 4; n++) this.#store.step();
      for (let n = 0; n < 4; n++) this.#progress();
      this.#pass(turn % 16 === 0 ? 1000 : 20);
      await quiet();
      this.#check();
    }
    assert.ok(same(this.#store.disk.bytes) && same(this.#copy.bytes));
    for (const one of this.#copyOuts) this.counts.recalled += one.report.recalledBytes;
    assert.equal(this.#room.freeBytes, this.#room.bytes, 'every lease has come back');
  }
}

/** The entry with bytes that are only lent. */
function borrowed(entry: OrderedEntry): OrderedEntry {
  if (!('pieces' in entry)) return entry;
  const pieces = entry.pieces.map((piece): Piece => {
    const { payload } = piece;
    if (typeof payload === 'string') return piece;
    // As they come from a socket: a buffer's own `slice` would copy nothing.
    const copies = lentBy(piece).map((part) => Buffer.from(part));
    if ('fill' in payload && !Array.isArray(payload)) return { ...piece, payload: { fill: copies[0] } };
    return { ...piece, payload: 'or' in payload ? { or: copies } : copies };
  });
  return { ...entry, pieces };
}
