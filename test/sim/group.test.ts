import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Group, type GroupMember } from '../../src/queue/group.ts';
import { folderOf, histories, runsOr, Tally, withFaultyDisk } from './histories.ts';
import type { FaultyDisk } from './journeyDisk.ts';
import { JourneyWorld, type WorldParts } from './journeyWorld.ts';
import { SIZE, text } from './orderedPieces.ts';
import { random } from './random.ts';

const RUNS = runsOr(20);
const STEPS = 90;

/** One process that mirrors several volumes of a group, each over a link of its own to a store of its own. */
class GroupWorld {
  readonly counts: Record<string, number> = { consistent: 0, past: 0, marks: 0, restarts: 0, spaces: 0, doubtful: 0 };
  readonly worlds: JourneyWorld[];
  readonly #below: (n: number) => number;
  readonly #marks = new Map<string, number>();
  readonly #fails = new Map<string, NonNullable<FaultyDisk['fails']>>();
  readonly #shared = { start: 1, next: (): number => ++this.#number };
  #number = 1;

  constructor(below: (n: number) => number, root: string, disk: FaultyDisk, tick: (ms: number) => void) {
    this.#below = below;
    this.worlds = Array.from({ length: 2 + below(2) }, (_, n) => {
      const own = join(root, `${n}`);
      return new JourneyWorld({
        below: random(below(1 << 30)),
        root: own,
        disk: this.#diskOf(own, disk),
        tick,
        shared: this.#shared,
      });
    });
    disk.fails = (what, path) => {
      for (const [own, fails] of this.#fails) if (path.startsWith(`${own}/`)) return fails(what, path);
      return false;
    };
  }

  /** Each world has its own reasons to let the disk fail. */
  #diskOf(own: string, disk: FaultyDisk): WorldParts['disk'] {
    const all = this.#fails;
    return {
      get fails() {
        return all.get(own);
      },
      set fails(fails) {
        if (fails) all.set(own, fails);
        else all.delete(own);
      },
      losePower: (from, to) => disk.losePower(from, to),
    };
  }

  async run(steps: number): Promise<void> {
    const below = this.#below;
    for (const world of this.worlds) await world.begin();
    for (let step = 0; step < steps; step++) {
      await this.worlds[below(this.worlds.length)].turn();
      if (below(3) === 0) for (const world of this.worlds) world.reach(this.#number);
      if (below(12) === 0) this.#mark();
      if (below(40) === 0) await this.#restart();
      await this.#check();
    }
    for (const world of this.worlds) await world.calmDown();
    for (const world of this.worlds) world.reach(this.#number);
    for (const world of this.worlds) await world.calmDown();
    await this.#check();
    for (const { counts } of this.worlds)
      assert.equal(counts.elidedBytes, 0, 'each moment of a group is one of each volume');
  }

  #mark(): void {
    const number = this.#shared.next();
    const name = `g${number}`;
    this.#marks.set(name, number);
    for (const world of this.worlds) world.mark(name, number);
  }

  async #restart(): Promise<void> {
    this.counts.restarts++;
    // What a process left under way could land at any time in the life of the next one.
    for (const world of this.worlds) world.drain();
    this.#shared.start = ++this.#number;
    const power = this.#below(2) === 0;
    for (const world of this.worlds) await world.restart(power);
  }

  /** Every moment of the group that is said to be consistent is one of all volumes. */
  async #check(): Promise<void> {
    const members = this.worlds.map(({ store }, n): GroupMember => ({ name: `${n}`, timeline: store.timeline }));
    const { spans, bookmarks } = new Group(members).moments();
    const numbers = new Set<number>();
    for (const { from, to, consistent } of spans) {
      if (!consistent) this.counts.doubtful++;
      else
        for (const number of [from.sequence, to.sequence, ...this.#between(from.sequence, to.sequence)])
          numbers.add(number);
    }
    if (spans.length > 0 && spans[0].from.sequence < this.#shared.start) this.counts.spaces++;
    for (const { name, sequence, consistent } of bookmarks) {
      if (consistent) {
        assert.equal(sequence, this.#marks.get(name), `the group's bookmark ${name}`);
        numbers.add(sequence);
        this.counts.marks++;
      }
    }
    for (const number of numbers) await this.#same(number);
  }

  #between(from: number, to: number): number[] {
    return Array.from({ length: 2 }, () => from + this.#below(to - from + 1));
  }

  async #same(number: number): Promise<void> {
    const members = this.worlds.map(({ store }, n): GroupMember => ({ name: `${n}`, timeline: store.timeline }));
    let sequences: readonly number[];
    try {
      sequences = new Group(members).find({ sequence: number }, false).sequences;
    } catch {
      // Folded away since.
      return;
    }
    const views = this.worlds.map(({ store }, n) => store.view(sequences[n], { force: true }));
    for (const [n, view] of views.entries()) {
      const image = new Uint8Array(SIZE);
      try {
        await view.read(0, image);
      } finally {
        view.close();
      }
      const wanted = this.worlds[n].momentAt(number);
      assert.equal(text(image), wanted, `volume ${n} of the group at ${number} (sequence ${sequences[n]})`);
    }
    this.counts[number < this.#shared.start ? 'past' : 'consistent']++;
  }
}

describe('C5 volumes of a group, each with a link and a history, under one seed', function () {
  this.timeout(60_000 + RUNS * 4000);
  const folder = folderOf('group');

  it('every moment of the group that says so holds of each volume its changes up to one place in their order', async () => {
    const tally = new Tally();
    await histories(folder(), RUNS, (setting) =>
      withFaultyDisk(setting, async (disk) => {
        const { below, root, tick } = setting;
        for (let n = 0; n < 3; n++) await mkdir(join(root, `${n}`));
        const world = new GroupWorld(below, root, disk, tick);
        try {
          await world.run(STEPS);
        } finally {
          for (const one of world.worlds) await one.close();
        }
        tally.add(world.counts);
      }),
    );
    tally.assertAll(RUNS >= 100);
  });
});
