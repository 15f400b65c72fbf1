import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { openSpill } from '../../hw/spill.ts';
import { copyOf } from '../../src/base/bytes.ts';
import { Room } from '../../src/buffer/room.ts';
import { LinkCopyOut } from '../../src/unit/mirror/recall.ts';
import { VolumeUnit } from '../../src/unit/mirror/volumeUnit.ts';
import { MemoryVolume, settle } from './memoryVolume.ts';
import { OrderedBus } from './orderedBus.ts';
import { type Mark, OrderedFar } from './orderedFar.ts';
import { OrderedMemory } from './orderedMemory.ts';
import { BLOCK, BLOCKS, SIZE, text } from './orderedPieces.ts';
import { random } from './random.ts';

const LU = 'iqn.test/0';

interface Weather {
  doubts: boolean;
  plain: boolean;
  roomBytes: number;
  linkBytes: number;
  spillBytes: number;
  local: boolean;
}

/** A whole volume: hosts, the first volume, a local mirror, and a link with a small buffer that refers to the mirror's blocks. */
class Site {
  readonly marks = new Map<string, Mark>();
  readonly bus: OrderedBus;
  readonly link: OrderedMemory;
  readonly unit: VolumeUnit;
  readonly room: Room;
  readonly copyOut: LinkCopyOut | undefined;
  readonly #below: (n: number) => number;
  readonly #first: MemoryVolume;
  readonly #local: MemoryVolume | undefined;

  private constructor(below: (n: number) => number, weather: Weather, parts: Parts) {
    this.#below = below;
    this.room = new Room({ bytes: weather.roomBytes, threshold: 0.25, whenFull: 'lbn' });
    this.bus = new OrderedBus(below, { ...weather, tap: false }, this.room, (change) => this.unit.push(change));
    this.#first = new MemoryVolume(this.bus.medium, BLOCK);
    this.#local = parts.local;
    this.copyOut = parts.copyOut;
    const before = copyOf(this.bus.medium);
    this.#local?.bytes.set(before);
    this.link = new OrderedMemory(new OrderedFar(before, this.bus.moments, this.marks));
    const buffer = { bytes: weather.linkBytes };
    const local = this.#local ? [{ to: 'memory:local', volume: this.#local }] : [];
    const copyOut = parts.copyOut ? { copyOut: parts.copyOut } : {};
    this.unit = new VolumeUnit({
      lu: LU,
      room: this.room,
      mirrors: [{ to: 'journey://far:1/v', volume: this.link, buffer, ...copyOut }, ...local],
      first: { name: 'memory:first', volume: this.#first },
      now: () => 0,
      wall: () => 0,
      notice: () => {},
      compare: true,
      copyBytes: BLOCK * (1 + below(6)),
      underWay: () => this.bus.underWay(),
    });
    this.unit.facts({ lu: LU, blockSize: BLOCK, blocks: BLOCKS, designators: [] });
  }

  static async open(below: (n: number) => number, weather: Weather, path: string): Promise<Site> {
    if (!weather.local) return new Site(below, weather, {});
    const local = new MemoryVolume(new Uint8Array(SIZE), BLOCK);
    const spill = await openSpill(path, weather.spillBytes);
    const copyOut = new LinkCopyOut({ name: 'journey://far:1/v', volume: local, spill, notice: () => {} });
    return new Site(below, weather, { local, copyOut });
  }

  async run(steps: number): Promise<void> {
    for (let step = 0; step < steps; step++) {
      this.#act();
      if (this.#below(3) === 0) await settle();
    }
    await this.#finish();
  }

  #act(): void {
    const dice = this.#below(16);
    if (dice < 3) this.bus.begin();
    else if (dice < 7) this.bus.land();
    else if (dice < 11) this.bus.end();
    else if (dice < 14) this.#progress();
    else if (dice === 14) this.#resolve();
    else if (this.#below(2) === 0) this.#mark();
  }

  #progress(): void {
    if (this.#below(4) === 0) this.link.apply();
    if (this.#below(2) === 0) this.link.compare();
    for (const volume of [this.#first, ...(this.#local ? [this.#local] : [])]) {
      if (volume.pending.length > 0 && this.#below(2) === 0) volume.end(this.#below(volume.pending.length));
    }
  }

  #resolve(): void {
    for (const { mirror, pump } of this.unit.arms) {
      if (!mirror.resolving) mirror.step({ kind: 'resolve', limit: SIZE });
      pump.run();
    }
  }

  #mark(): void {
    const name = `m${this.marks.size + 1}`;
    this.marks.set(name, { moment: this.bus.moments.length - 1, met: false });
    this.unit.mark(name);
  }

  async #finish(): Promise<void> {
    while (this.bus.open.length > 0) {
      this.bus.land();
      this.bus.end();
    }
    // Temporary storage is a real file: a busy machine takes as many turns as it likes to write it.
    const end = performance.now() + REST_MS;
    for (let turn = 0; !this.unit.arms.every(({ mirror }) => mirror.state === 'equal'); turn++) {
      const waits = turn < 5000 || performance.now() < end;
      assert.ok(waits, `it does not come to rest: ${this.unit.arms.map(({ mirror }) => mirror.state)}`);
      if (turn % 8 === 7) this.#resolve();
      for (let n = 0; n < 8; n++) this.#progress();
      this.link.apply();
      await settle();
    }
    assert.equal(text(this.link.far.bytes), text(this.bus.medium));
    if (this.#local) assert.equal(text(this.#local.bytes), text(this.bus.medium));
    for (const [name, { met }] of this.marks) assert.ok(met, `bookmark ${name} never came`);
    assert.equal(this.room.freeBytes, this.room.bytes, 'every lease has come back');
    await this.unit.close();
    await this.copyOut?.close();
  }
}

interface Parts {
  local?: MemoryVolume;
  copyOut?: LinkCopyOut;
}

const seeds = fc.integer({ min: 1, max: 0x7fffffff });
const ROOM = 4 << 20;
const REST_MS = 30_000;

describe('C1 C4: a unit with a local mirror and a link whose buffer is too small', function () {
  this.timeout(60_000);
  let folder: string;
  let count = 0;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ordered-'));
  });
  after(() => rm(folder, { recursive: true }));

  const property = (runs: number, weather: fc.Arbitrary<Weather>, then: (site: Site) => void): Promise<void> =>
    fc.assert(
      fc.asyncProperty(seeds, weather, async (seed, chosen) => {
        const site = await Site.open(random(seed), chosen, join(folder, `spill-${++count}`));
        await site.run(300);
        then(site);
      }),
      { numRuns: runs, endOnFailure: true },
    );

  it('with room for what is overwritten every bookmark is consistent, and equal to its moment', async () => {
    let recalled = 0;
    let spilled = 0;
    const weather = fc.record({
      doubts: fc.constant(false),
      plain: fc.constant(true),
      roomBytes: fc.constant(ROOM),
      linkBytes: fc.constantFrom(0, 4096, 8192, 16_384),
      spillBytes: fc.constant(1 << 20),
      local: fc.constant(true),
    });
    await property(60, weather, ({ marks, link, copyOut }) => {
      assert.equal(link.far.consistentMarks, marks.size);
      recalled += copyOut?.report.recalledBytes ?? 0;
      spilled += copyOut?.report.spilledBytes ?? 0;
      assert.equal(copyOut?.report.lostBytes, 0);
    });
    assert.ok(recalled > 0 && spilled > 0, 'and some of it was brought back from temporary storage');
  });

  it('whatever runs short no bookmark is quietly different, and both mirrors end equal', () => {
    const weather = fc.record({
      doubts: fc.boolean(),
      plain: fc.boolean(),
      roomBytes: fc.constantFrom(8192, 16_384, ROOM),
      linkBytes: fc.constantFrom(0, 512, 4096, ROOM),
      spillBytes: fc.constantFrom(0, 4096, 1 << 20),
      local: fc.boolean(),
    });
    return property(100, weather, ({ link }) => assert.ok(link.far.consistentEntries > 0));
  });
});
