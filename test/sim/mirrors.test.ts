import assert from 'node:assert/strict';
import fc from 'fast-check';
import { copyOf } from '../../src/base/bytes.ts';
import type { Change, Lease, Piece } from '../../src/base/change.ts';
import { Fault } from '../../src/base/fault.ts';
import { Room } from '../../src/buffer/room.ts';
import { VolumeUnit } from '../../src/unit/mirror/volumeUnit.ts';
import { MemoryVolume, settle } from './memoryVolume.ts';
import { parted } from './orderedPieces.ts';
import { random } from './random.ts';

const BLOCK = 512;
const BLOCKS = 48;
const SIZE = BLOCK * BLOCKS;

interface Weather {
  /** LBN-only changes, LUs in doubt whole, refused leases. */
  doubts: boolean;
  failures: boolean;
  roomBytes: number;
  entriesMax: number;
  mirrors: number;
  first: boolean;
  /** Pushes go on while the first volume is read back. */
  lateWrites: boolean;
}

/** A host, its volume, a unit and its mirrors; every choice comes from the seed. */
class World {
  readonly below: (n: number) => number;
  readonly weather: Weather;
  readonly truth: MemoryVolume;
  readonly mirrors: MemoryVolume[];
  readonly room: Room;
  readonly unit: VolumeUnit;
  readonly notices: string[] = [];
  /** What a plain model knows of each block, as long as no room is short: true when it is in doubt. */
  readonly doubted: boolean[] = new Array<boolean>(BLOCKS).fill(false);
  readonly openTasks: Lease[] = [];
  #seq = 0;

  constructor(seed: number, weather: Weather) {
    this.below = random(seed);
    this.weather = weather;
    const before = new Uint8Array(SIZE).map(() => this.below(256));
    this.truth = new MemoryVolume(copyOf(before));
    this.mirrors = Array.from({ length: weather.mirrors }, () => new MemoryVolume(copyOf(before)));
    const whenFull = this.below(2) === 0 ? 'wait' : 'lbn';
    this.room = new Room({ bytes: weather.roomBytes, threshold: 0.25, whenFull });
    this.unit = new VolumeUnit({
      lu: 'iqn.test/0',
      room: this.room,
      mirrors: this.mirrors.map((volume, i) => ({ to: `memory:${i}`, volume })),
      ...(weather.first ? { first: { name: 'memory:first', volume: this.truth } } : {}),
      now: () => 0,
      notice: (text) => this.notices.push(text),
      flushBarriers: this.below(2) === 0,
      entriesMax: weather.entriesMax,
      inFlightMax: 1 + this.below(4),
      batchBytes: 1024 * (1 + this.below(4)),
      copyBytes: BLOCK * (1 + this.below(8)),
    });
    this.unit.facts({ lu: 'iqn.test/0', blockSize: BLOCK, blocks: BLOCKS, designators: [] });
  }

  /** One thing that may happen on the bus. */
  act(): void {
    const dice = this.below(20);
    if (dice === 0) this.unit.barrier({ seq: ++this.#seq, at: 0n, lu: this.unit.lu });
    else if (dice === 1 && this.weather.doubts && this.below(8) === 0) this.#wholeLu();
    else if (dice === 2) this.#refusedWrite();
    else this.#write();
  }

  #wholeLu(): void {
    this.truth.bytes = this.truth.bytes.map(() => this.below(256));
    this.doubted.fill(true);
    this.unit.push({
      seq: ++this.#seq,
      at: 0n,
      lu: this.unit.lu,
      pieces: 'wholeLu',
      fua: false,
      doubt: 'lost-command',
    });
  }

  /** A task that holds a lease for a while and then writes nothing. */
  #refusedWrite(): void {
    const old = this.openTasks.pop();
    if (old) this.room.give(old);
    const lease = this.room.take(BLOCK * (1 + this.below(4)));
    if (lease) this.openTasks.push(lease);
  }

  #write(): void {
    const pieces: Piece[] = [];
    let lease: Lease | undefined;
    let doubt: Change['doubt'];
    // Descriptors of one UNMAP may overlap, so the pieces of one change may.
    for (let n = 1 + (this.below(4) === 0 ? this.below(3) : 0); n > 0; n--) {
      const lbn = this.below(BLOCKS);
      const blocks = 1 + this.below(Math.min(6, BLOCKS - lbn));
      const [offset, length] = [lbn * BLOCK, blocks * BLOCK];
      const dice = this.below(10);
      if (dice === 0 && this.weather.doubts) {
        pieces.push({ offset, length, payload: 'lbnOnly' });
        doubt = 'hole';
        for (let i = 0; i < length; i++) this.truth.bytes[offset + i] = this.below(256);
        this.doubted.fill(true, lbn, lbn + blocks);
      } else if (dice === 1) {
        pieces.push({ offset, length, payload: 'zeros' });
        this.truth.bytes.fill(0, offset, offset + length);
        this.doubted.fill(false, lbn, lbn + blocks);
      } else if (dice === 2) {
        const fill = new Uint8Array(BLOCK).map(() => this.below(256));
        pieces.push({ offset, length, payload: { fill } });
        for (let i = 0; i < blocks; i++) this.truth.bytes.set(fill, offset + i * BLOCK);
        this.doubted.fill(false, lbn, lbn + blocks);
      } else if (lease === undefined && dice < 5) {
        lease = this.room.take(length);
        const ored = new Uint8Array(length).map(() => this.below(256) & this.below(256));
        for (let i = 0; i < length; i++) this.truth.bytes[offset + i] |= ored[i];
        if (lease) {
          // What was in doubt stays so, what was not stays equal.
          pieces.push({ offset, length, payload: { or: parted(lease, ored) } });
        } else {
          pieces.push({ offset, length, payload: 'lbnOnly' });
          doubt = 'no-room';
          this.doubted.fill(true, lbn, lbn + blocks);
        }
      } else if (lease === undefined) {
        const part = this.below(5) === 0 ? 1 + this.below(BLOCK - 1) : 0;
        lease = this.room.take(length - part);
        for (let i = 0; i < length - part; i++) this.truth.bytes[offset + i] = this.below(256);
        if (lease) {
          const written = this.truth.bytes.subarray(offset, offset + length - part);
          pieces.push({ offset, length: length - part, payload: parted(lease, written) });
          this.doubted.fill(false, lbn, lbn + Math.floor((length - part) / BLOCK));
        } else {
          pieces.push({ offset, length, payload: 'lbnOnly' });
          doubt = 'no-room';
          this.doubted.fill(true, lbn, lbn + blocks);
        }
      }
    }
    const change: Change = { seq: ++this.#seq, at: 0n, lu: this.unit.lu, pieces, fua: this.below(10) === 0 };
    if (doubt) change.doubt = doubt;
    if (lease) change.lease = lease;
    this.unit.push(change);
  }

  /** Ends some calls, at mirrors of different pace, in any order. */
  progress(): void {
    for (const [pace, mirror] of this.mirrors.entries()) {
      if (this.below(pace + 1) > 0) continue;
      for (let n = this.below(4); n > 0 && mirror.pending.length > 0; n--)
        mirror.end(this.below(mirror.pending.length));
      if (this.weather.failures && this.below(60) === 0) mirror.failure = new Fault('local', 'the disk has failed');
    }
    for (let n = this.below(4); n > 0 && this.truth.pending.length > 0; n--) {
      this.truth.end(this.below(this.truth.pending.length));
    }
  }

  /** Requirement B6 and B7: whatever is not called unresolved is equal, at every moment. */
  assertHonest(): void {
    const { unresolved } = this.unit.report();
    const called = new Array<boolean>(BLOCKS).fill(false);
    for (const [lbn, blocks] of unresolved) {
      assert.ok(lbn + blocks <= BLOCKS, 'no block beyond the capacity is called unresolved');
      called.fill(true, lbn, lbn + blocks);
    }
    for (const [i, mirror] of this.mirrors.entries()) {
      for (let block = 0; block < BLOCKS; block++) {
        if (called[block]) continue;
        const [from, to] = [block * BLOCK, (block + 1) * BLOCK];
        const same = Buffer.compare(mirror.bytes.subarray(from, to), this.truth.bytes.subarray(from, to)) === 0;
        assert.ok(same, `block ${block} of mirror ${i} differs and is not called unresolved`);
      }
    }
  }

  async finish(): Promise<void> {
    let open = true;
    const finishing = this.unit.finish().finally(() => {
      open = false;
    });
    finishing.catch(() => undefined);
    for (let turn = 0; open; turn++) {
      assert.ok(turn < 20_000, 'finish comes to an end');
      this.progress();
      if (this.weather.lateWrites && turn < 30 && this.below(3) === 0) this.act();
      await settle();
      if (turn % 16 === 0) this.assertHonest();
    }
    await finishing;
  }

  async run(steps: number): Promise<void> {
    for (let step = 0; step < steps; step++) {
      this.act();
      if (this.below(3) > 0) {
        this.progress();
        await settle();
      }
      if (this.below(16) === 0) this.assertHonest();
    }
    await this.finish();
    for (const lease of this.openTasks) this.room.give(lease);
    this.assertHonest();
    const { bytes, peakBytes } = this.room.report();
    assert.ok(peakBytes <= bytes, 'memory stays below its bound');
    assert.equal(this.room.freeBytes, bytes, 'every lease has come back');
    await this.unit.close();
  }
}

const seeds = fc.integer({ min: 1, max: 0x7fffffff });
const calm: Weather = {
  doubts: false,
  failures: false,
  roomBytes: 1024 * 1024,
  entriesMax: 65_536,
  mirrors: 1,
  first: false,
  lateWrites: false,
};

function property(runs: number, weather: fc.Arbitrary<Weather>, then: (world: World) => void): Promise<void> {
  return fc.assert(
    fc.asyncProperty(seeds, weather, async (seed, chosen) => {
      const world = new World(seed, chosen);
      await world.run(60);
      then(world);
    }),
    { numRuns: runs, endOnFailure: true },
  );
}

function assertEqualEverywhere(world: World): void {
  assert.deepEqual(world.unit.report().unresolved, []);
  for (const mirror of world.mirrors) assert.ok(Buffer.compare(mirror.bytes, world.truth.bytes) === 0);
  for (const { state } of world.unit.report().mirrors) assert.equal(state, 'equal');
}

describe('B4 B5 B6 B7: a unit with memory volumes against a plain model', function () {
  this.timeout(60_000);

  it('with room enough and nothing in doubt every mirror is equal', () =>
    property(60, fc.record({ ...constants(calm), mirrors: fc.integer({ min: 1, max: 4 }) }), assertEqualEverywhere));

  it('calls exactly those blocks unresolved that a plain model does', () =>
    property(60, fc.record({ ...constants(calm), doubts: fc.constant(true) }), (world) => {
      const called = new Array<boolean>(BLOCKS).fill(false);
      for (const [lbn, blocks] of world.unit.report().unresolved) called.fill(true, lbn, lbn + blocks);
      assert.deepEqual(called, world.doubted);
    }));

  const storms = fc.record({
    doubts: fc.boolean(),
    failures: fc.boolean(),
    roomBytes: fc.constantFrom(4096, 8192, 65_536),
    entriesMax: fc.constantFrom(1, 4, 16, 65_536),
    mirrors: fc.integer({ min: 1, max: 4 }),
    first: fc.boolean(),
    lateWrites: fc.boolean(),
  });

  it('is honest at every moment, whatever runs short or fails', () =>
    property(300, storms, (world) => {
      if (world.weather.failures) return;
      // Overlapping calls, which a memory volume refuses, would break a mirror.
      for (const { error } of world.unit.report().mirrors) assert.equal(error, undefined);
    }));

  it('with the first volume at hand every mirror ends equal, whatever runs short', () => {
    const readable = storms.map((weather) => ({ ...weather, failures: false, first: true, lateWrites: false }));
    return property(150, readable, assertEqualEverywhere);
  });
});

function constants(weather: Weather): { [K in keyof Weather]: fc.Arbitrary<Weather[K]> } {
  return {
    doubts: fc.constant(weather.doubts),
    failures: fc.constant(weather.failures),
    roomBytes: fc.constant(weather.roomBytes),
    entriesMax: fc.constant(weather.entriesMax),
    mirrors: fc.constant(weather.mirrors),
    first: fc.constant(weather.first),
    lateWrites: fc.constant(weather.lateWrites),
  };
}
