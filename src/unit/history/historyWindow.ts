import type { HistoryContents } from './historyContents.ts';
import type { HistoryFold } from './historyFold.ts';

const MIB = 1024 * 1024;
/** Entries, pieces and places in memory: some 70 bytes each. Beyond that the window counts as full whatever its bytes. */
const ITEMS_MAX = 12 * 1024 * 1024;
/** After a fold that failed it is tried again behind so many more entries. */
const AGAIN_ENTRIES = 256;

export interface WindowParts {
  contents: HistoryContents;
  fold: HistoryFold;
  windowNs: bigint;
  bytes: number;
  /** The oldest moment that is being read. */
  pinned: () => number;
  /** The last moment that a group of volumes has in common. */
  kept: () => number | undefined;
  sync: () => Promise<void>;
  /** Runs a step while nothing else changes the oldest entries. */
  step: <T>(work: () => Promise<T>) => Promise<T>;
  notice: (text: string) => void;
}

/**
 * Keeps the queue within its window: folds the oldest entries once it is longer than `bytes`, or reaches further back than
 * `windowNs` before the newest entry's time.
 *
 * What stays in any case: moments that are being read, and the last consistent moment while the newest is not, until the
 * queue has twice its bytes.
 */
export class HistoryWindow {
  readonly #parts: WindowParts;
  #folding: Promise<void> | undefined;
  #closed = false;
  /** Why the last fold failed, and from which sequence on it is tried again. */
  #fault: unknown;
  #againAt = 0;
  #gaveUp = false;
  #held = false;

  constructor(parts: WindowParts) {
    this.#parts = parts;
  }

  /** Begins to fold if there is reason to. */
  care(): void {
    if (this.#closed || this.#held || this.#folding !== undefined) return;
    const { index } = this.#parts.contents;
    if (this.#fault !== undefined && index.next < this.#againAt) return;
    if (this.#limit(Number.POSITIVE_INFINITY) < index.first) return;
    const goal = this.#goal();
    if (this.#limit(goal) < index.first) return;
    this.#folding = this.#fold(goal)
      .then(
        () => {
          this.#fault = undefined;
        },
        (error: unknown) => this.#failed(error),
      )
      .finally(() => {
        this.#folding = undefined;
        // Entries came meanwhile.
        if (this.#fault === undefined) this.care();
      });
  }

  /** Resolves once entries may be added: folding that lags far behind is waited for; one that fails stops them. */
  async room(): Promise<void> {
    const { contents, bytes } = this.#parts;
    const most = bytes + Math.max(bytes / 4, 32 * MIB);
    if (contents.index.bytes <= most) return;
    this.care();
    await this.#folding;
    if (this.#fault === undefined || contents.index.bytes <= most) return;
    this.#againAt = 0;
    throw this.#fault;
  }

  /** Does something while nothing is folded. */
  async stopped<T>(work: () => Promise<T>): Promise<T> {
    this.#held = true;
    try {
      await this.#folding;
      return await work();
    } finally {
      this.#held = false;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#folding;
  }

  async #fold(goal: number): Promise<void> {
    const { contents, fold, step, sync } = this.#parts;
    if (this.#limit(goal) > contents.synced) await sync();
    while (!this.#closed && !this.#held) {
      const limit = Math.min(this.#limit(goal), contents.synced);
      if (limit < contents.index.first) return;
      // One that failed in the middle has to be gone through with.
      const to = Math.max(fold.stepTo(limit), contents.timeline.base.sequence);
      const folded = await step(() =>
        fold.step(to, () => to <= Math.max(this.#limit(goal), contents.timeline.base.sequence)),
      );
      if (!folded) return;
    }
  }

  /** The entry up to which everything is to be folded; before the first one: none is. */
  #goal(): number {
    const { contents, windowNs, bytes } = this.#parts;
    const { index, timeline } = contents;
    let goal = index.first - 1;
    if (index.entries === 0) return goal;
    const { items } = index;
    if (index.bytes > bytes || items > ITEMS_MAX) {
      const perEntry = items / index.entries;
      const surplus = index.bytes - bytes * (31 / 32);
      const many = (items - ITEMS_MAX * (31 / 32)) / perEntry;
      for (let taken = 0; goal < index.next - 1 && (taken < surplus || goal - index.first + 1 < many); ) {
        taken += index.bytesOf(++goal);
      }
    }
    // Not for every entry a step of its own.
    const cutoff = timeline.moment(timeline.newest).at - windowNs;
    if (index.clock(index.first) <= cutoff - windowNs / 32n) goal = Math.max(goal, timeline.lastNotAfter(cutoff));
    return goal;
  }

  /** How far of the goal folding may go now. */
  #limit(goal: number): number {
    const { contents, pinned, bytes, notice } = this.#parts;
    const { index, timeline } = contents;
    const limit = Math.min(goal, pinned());
    const own = timeline.lastConsistent();
    const kept = Math.min(own ?? Number.POSITIVE_INFINITY, this.#parts.kept() ?? Number.POSITIVE_INFINITY);
    if (kept >= timeline.newest) {
      this.#gaveUp = own === undefined && this.#gaveUp;
      return limit;
    }
    if (limit > kept && index.bytes > 2 * bytes) {
      if (!this.#gaveUp) notice('the last consistent moment left the window before there was another one');
      this.#gaveUp = true;
    }
    return this.#gaveUp ? limit : Math.min(limit, kept);
  }

  #failed(error: unknown): void {
    const { contents, notice } = this.#parts;
    if (this.#fault === undefined) notice(`folding failed: ${error instanceof Error ? error.message : error}`);
    this.#fault = error;
    this.#againAt = contents.index.next + AGAIN_ENTRIES;
  }
}
