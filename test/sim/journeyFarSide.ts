import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { type FaultyDisk, quiet } from './journeyDisk.ts';
import { Far, FarMedium, type FarOptions } from './journeyFar.ts';
import type { FarTruth } from './journeyTruth.ts';
import { SIZE } from './orderedPieces.ts';

export interface FarSideParts {
  below: (n: number) => number;
  root: string;
  disk: Pick<FaultyDisk, 'fails' | 'losePower'>;
  truth: FarTruth;
  now: () => number;
  /** Whether anything may go wrong at present. */
  faults: () => boolean;
  /** Of the process that sends. */
  epoch: () => string;
  /** Every session of the far unit ends. */
  endSessions: () => void;
}

/** The machine of the far unit: processes one after the other, a disk that may be full, power that may go. */
export class FarSide {
  far!: Far;
  /** What the sender of this epoch was told is durable. */
  acked = 0;
  full = false;
  readonly counts = { farKills: 0, farPower: 0, full: 0, rolls: 0 };
  readonly #parts: FarSideParts;
  #folders = 0;

  constructor(parts: FarSideParts) {
    this.#parts = parts;
  }

  /** `first`: what the first volume holds. */
  async begin(first: Uint8Array): Promise<void> {
    const { below, disk, now, truth } = this.#parts;
    const medium = new FarMedium(below(2) === 0 ? first : new Uint8Array(SIZE));
    disk.fails = undefined;
    this.far = await Far.open({
      folder: this.#newFolder(),
      medium,
      windowNs: BigInt(5 + below(200)),
      bytes: 600 + below(12_000),
      // Of some, whole blocks are written past the system's cache.
      segmentBytes: below(2) === 0 ? 256 + below(2000) : 8192 + below(30_000),
      directFrom: below(2) === 0 ? 1 : 1_000_000,
      now,
      below,
      changed: () => {
        truth.changed = true;
      },
      notice: (text) => {
        // Those that come and go between two looks were there all the same.
        const gone = /^bookmarks left the window: (.*)$/.exec(text)?.[1].split(', ') ?? [];
        truth.lose(gone);
      },
    });
    this.#wireFailures();
  }

  async close(): Promise<void> {
    this.#parts.disk.fails = undefined;
    this.far?.options.medium.letGo();
    await this.far?.store.close().catch(() => undefined);
  }

  fill(): void {
    this.counts.full++;
    this.full = !this.full;
  }

  async kill(power: boolean): Promise<void> {
    this.counts[power ? 'farPower' : 'farKills']++;
    const { disk, below, endSessions } = this.#parts;
    const old = this.far;
    const { incarnation } = old.store;
    endSessions();
    old.dead = true;
    const { options } = old;
    const folder = this.#newFolder();
    cpSync(options.folder, folder, { recursive: true });
    if (power) await disk.losePower(options.folder, folder);
    const medium = options.medium.left(power, below);
    await this.#reopen(old, { ...options, folder, medium });
    assert.equal(this.far.store.incarnation, incarnation, 'nothing was lost that it would have to confess');
  }

  /** The far volume becomes what it was at an older moment, for good. */
  async roll(): Promise<void> {
    const { below, truth, endSessions } = this.#parts;
    const { store, options } = this.far;
    endSessions();
    await this.#calm();
    this.counts.rolls++;
    const { oldest, newest } = store.moments();
    const sequence = oldest.sequence + below(newest.sequence - oldest.sequence + 1);
    options.medium.open = true;
    options.medium.letGo();
    await store.rollBack(sequence, { force: true });
    options.medium.open = false;
    this.#wireFailures();
    this.acked = 0;
    truth.anew();
    truth.lose();
  }

  #newFolder(): string {
    return join(this.#parts.root, `far-${++this.#folders}`);
  }

  async #reopen(old: Far, options: FarOptions): Promise<void> {
    const { disk, truth, epoch } = this.#parts;
    disk.fails = undefined;
    old.options.medium.fails = undefined;
    old.options.medium.letGo();
    await old.store.close().catch(() => undefined);
    this.far = await Far.open(options);
    this.#wireFailures();
    truth.anew();
    const place = this.far.store.durable;
    if (this.acked > 0) {
      assert.ok(place?.epoch === epoch() && place.number >= this.acked, `entry ${this.acked} was called durable`);
    }
    truth.recall(this.far.store);
  }

  /** Nothing fails, and what the far unit has begun has ended. */
  async #calm(): Promise<void> {
    this.#parts.disk.fails = undefined;
    const { medium } = this.far.options;
    medium.fails = undefined;
    medium.letGo();
    for (let n = 0; this.far.due > 0 && n < 1000; n++) {
      this.far.begin(0);
      await quiet();
    }
    await quiet();
    medium.open = false;
  }

  #wireFailures(): void {
    const { below, faults, disk, truth } = this.#parts;
    const fails = (): boolean => faults() && this.full && below(2) === 0;
    disk.fails = (what) => {
      if (!fails() || (what === 'sync' && below(3) > 0)) return false;
      // What no sync had made durable is taken back: an older moment.
      if (what === 'sync') truth.mayGoBack();
      return true;
    };
    this.far.options.medium.fails = fails;
  }
}
