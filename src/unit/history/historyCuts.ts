import { randomUUID } from 'node:crypto';
import { Fault } from '../../base/fault.ts';
import type { EntryDamage, HistoryContents } from './historyContents.ts';
import type { HistoryKeeper } from './historyKeeper.ts';
import type { HistoryShared } from './historyShared.ts';
import type { Turn } from './historyTurn.ts';
import type { HistoryViews } from './historyViews.ts';
import type { HistoryWriter } from './historyWriter.ts';

export interface CutParts {
  contents: HistoryContents;
  keeper: HistoryKeeper;
  shared: HistoryShared;
  views: HistoryViews;
  writer: HistoryWriter;
  /** Held while the newest entries change, and while the oldest do; the latter is taken first. */
  newestTurn: Turn;
  oldestTurn: Turn;
  /** Told before the newest moment is an earlier one, and once it is. */
  cutting: () => void;
  cut: () => void;
  /** Entries that had been durable are lost. */
  damaged: (message: string) => void;
  notice: (text: string) => void;
}

/** What a history does where its newest entries have to go: what no flush made durable, what is damaged, what is rolled back. */
export class HistoryCuts {
  readonly #parts: CutParts;

  constructor(parts: CutParts) {
    this.#parts = parts;
  }

  /** A medium that failed once may call durable what it has lost: everything since the last sync is to come again. */
  async takeBack(error: unknown): Promise<never> {
    const { contents, newestTurn } = this.#parts;
    let lost = 0;
    await newestTurn.run(() => {
      const { synced, timeline } = contents;
      lost = timeline.newest - synced;
      return this.#cut(synced);
    });
    const cause = error instanceof Fault ? error : undefined;
    const what = `${cause?.message ?? String(error)}; ${lost} entries that were not durable yet have been taken back`;
    throw new Fault('local', what, cause?.mend, { cause: error });
  }

  /** Cuts a damaged entry and everything behind it: this is another store from now on. */
  lose({ sequence, message }: EntryDamage): Promise<void> {
    const { contents, damaged, notice } = this.#parts;
    return this.#alone(async () => {
      const { index, timeline } = contents;
      const gone = sequence < index.first || sequence >= index.next || index.checked(sequence);
      if (gone) return;
      damaged(message);
      const count = timeline.newest - sequence;
      notice(`${message}: it is lost, and with it ${count} entries behind it; the moments before it are kept`);
      if (sequence > timeline.base.sequence) return this.#cutTo(sequence - 1, { damaged: true });
      await this.#loseBase();
    });
  }

  /** `check` throws where that moment is none to go back to. Rejects with a `Fault` where a later one is being read. */
  rollBack(sequence: number, check: () => void): Promise<void> {
    const { views, keeper } = this.#parts;
    return this.#alone(async () => {
      check();
      if (views.newest > sequence) {
        throw new Fault('local', `a moment behind sequence ${sequence} is being read`, 'wait for it, then roll back');
      }
      await this.#cutTo(sequence, { damaged: keeper.state.damaged });
    });
  }

  #alone(work: () => Promise<void>): Promise<void> {
    const { newestTurn, oldestTurn } = this.#parts;
    return oldestTurn.run(() => newestTurn.run(work));
  }

  async #cutTo(sequence: number, changes: { damaged: boolean }): Promise<void> {
    const { keeper, shared } = this.#parts;
    const acked = Math.min(keeper.state.acked, sequence);
    const lost = { incarnation: randomUUID(), cutFrom: sequence + 1, acked, ...shared.cut() };
    await keeper.commit({ ...changes, ...lost });
    await this.#cut(sequence);
    await keeper.commit({ cutFrom: 0 });
  }

  /** The entry was being folded: the base holds parts of what is lost. */
  async #loseBase(): Promise<void> {
    const { contents, keeper, shared, views, cut, notice } = this.#parts;
    const { timeline, index } = contents;
    const { sequence, at } = timeline.base;
    const lost = { damaged: true, consistent: false, place: undefined, at, bytes: timeline.bytesAt(sequence) };
    const places = { base: sequence, foldTo: sequence, cutFrom: sequence + 1, acked: sequence };
    await keeper.commit({ ...lost, ...places, ...shared.lost(), incarnation: randomUUID() });
    timeline.doubtBase();
    views.lose(sequence - 1);
    await this.#cut(sequence);
    index.dropTo(sequence);
    await contents.dropSegments(true);
    contents.synced = sequence;
    await keeper.commit({ cutFrom: 0 });
    cut();
    notice('the base is no moment of the volume any more');
  }

  async #cut(sequence: number): Promise<void> {
    const { contents, views, writer, cutting, cut } = this.#parts;
    // Nothing else runs before the newest moment is the earlier one.
    cutting();
    views.lose(sequence);
    // What was accepted behind an entry that goes would stand behind a gap.
    writer.giveUp(new Fault('local', 'entries before it have been taken back', 'resume behind what is durable'));
    const gone = contents.cutTo(sequence);
    cut();
    await gone;
  }
}
