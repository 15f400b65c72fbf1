import assert from 'node:assert/strict';
import type { Fault } from '../../src/base/fault.ts';
import type { HistoryStore } from '../../src/unit/history/historyTypes.ts';
import { SIZE, text } from './orderedPieces.ts';

interface Mark {
  moment: number;
  /** Where it stands in the far history, once it was seen there. */
  sequence: number | undefined;
  /** A unit that held it was killed, or the far end was rolled back: it need not come. */
  lost: boolean;
}

/** Whether a far volume holds what the first volume held, whenever it says so, and whether bookmarks are theirs. */
export class FarTruth {
  readonly counts = { consistent: 0, marks: 0, folded: 0, views: 0 };
  /** What the first volume held after each change. */
  readonly #moments: readonly string[];
  readonly #marks = new Map<string, Mark>();
  /** The moment that was held last. */
  #match = 0;
  #checked = -1;
  /** There is something to check. */
  changed = true;

  constructor(moments: readonly string[]) {
    this.#moments = moments;
  }

  get marks(): number {
    return this.#marks.size;
  }

  /** A bookmark is set now. */
  mark(name: string): void {
    this.#marks.set(name, { moment: this.#moments.length - 1, sequence: undefined, lost: false });
  }

  /** These bookmarks, or all, need not come any more. */
  lose(names: Iterable<string> = this.#marks.keys()): void {
    for (const name of names) {
      const mark = this.#marks.get(name);
      if (mark) mark.lost = true;
    }
  }

  /** Bookmarks that are not at the far end need not come any more. */
  loseUnseen(): void {
    for (const mark of this.#marks.values()) mark.lost ||= mark.sequence === undefined;
  }

  /** What no sync had made durable is taken back: an older moment. */
  mayGoBack(): void {
    this.#match = 0;
  }

  /** It may be any moment. */
  anew(): void {
    this.#match = 0;
    this.#checked = -1;
    this.changed = true;
  }

  /** The store was opened anew: a bookmark that was not durable comes again. */
  recall(store: HistoryStore): void {
    for (const mark of this.#marks.values()) {
      if ((mark.sequence ?? 0) <= store.moments().newest.sequence) continue;
      mark.sequence = undefined;
      // The process that sent it may be gone meanwhile.
      mark.lost = true;
    }
  }

  /** The far volume, whenever it says so, is what the first volume was at one moment. */
  async check(store: HistoryStore): Promise<void> {
    if (!this.changed) return;
    this.changed = false;
    const { newest, oldest, bookmarks } = store.moments();
    this.counts.folded = Math.max(this.counts.folded, oldest.sequence);
    for (const { name, sequence } of bookmarks) {
      const mark = this.#marks.get(name);
      assert.ok(mark, `nobody made a bookmark ${name}`);
      if (mark.sequence === sequence) continue;
      mark.sequence = sequence;
      await this.#same(store, name, mark);
    }
    if (newest.sequence === this.#checked || !store.consistent) return;
    this.#checked = newest.sequence;
    const image = new Uint8Array(SIZE);
    await store.read(0, image);
    // What another world's hosts do may let something happen here meanwhile.
    if (store.moments().newest.sequence !== newest.sequence) {
      this.changed = true;
      this.#checked = -1;
      return;
    }
    const found = this.#moments.indexOf(text(image), this.#match);
    assert.ok(found >= 0, `entry ${newest.sequence} says consistent, and no moment of the LU was like that`);
    this.#match = found;
    this.counts.consistent++;
  }

  /** Older moments are still the same. */
  async view(store: HistoryStore): Promise<void> {
    for (const [name, mark] of this.#marks) if (mark.sequence !== undefined) await this.#same(store, name, mark);
    this.counts.views++;
  }

  /** Everything is at rest: each bookmark has come that nothing has kept away, and is what it names. */
  async allCame(store: HistoryStore): Promise<void> {
    for (const [name, mark] of this.#marks) {
      assert.ok(mark.lost || mark.sequence !== undefined, `bookmark ${name} never came`);
      if (mark.sequence !== undefined) await this.#same(store, name, mark);
    }
  }

  async #same(store: HistoryStore, name: string, { moment, sequence }: Mark): Promise<void> {
    const { bookmarks, oldest } = store.moments();
    const found = bookmarks.find((one) => one.name === name);
    if (!found?.consistent || sequence === undefined || oldest.sequence > sequence) return;
    const { cuts } = store;
    const view = store.view(sequence);
    const image = new Uint8Array(SIZE);
    const lost = await view.read(0, image).catch((fault: Fault) => fault);
    view.close();
    // A flush that failed meanwhile has taken it back: it comes again.
    if (lost && store.cuts !== cuts) return;
    if (lost) throw lost;
    assert.equal(text(image), this.#moments[moment], `bookmark ${name} is the moment that it names`);
    this.counts.marks++;
  }
}
