import { writeImageFile } from '../../../hw/queueImage.ts';
import { Fault } from '../../base/fault.ts';
import type { EntryPlace, OrderedEntry } from '../../base/ordered.ts';
import { isOr } from '../../base/payload.ts';
import { draftOf, piecesOf, sizeDraft } from '../../queue/draft.ts';
import type { Moment, Moments, MomentsSummary, MomentTarget } from '../../queue/moments.ts';
import type { Timeline } from '../../queue/timeline.ts';
import { refuseGap } from './entryOrder.ts';
import { EntryDamage, type HistoryContents } from './historyContents.ts';
import { HistoryCuts } from './historyCuts.ts';
import { HistoryFold } from './historyFold.ts';
import { holdersOf } from './historyHolders.ts';
import type { HistoryKeeper } from './historyKeeper.ts';
import { openHistory } from './historyOpen.ts';
import { HistoryShared } from './historyShared.ts';
import { settled, Turn } from './historyTurn.ts';
import type { Forcing, HistoryOptions, HistoryStore, ImageOptions, MomentView } from './historyTypes.ts';
import { HistoryViews } from './historyViews.ts';
import { HistoryWindow } from './historyWindow.ts';
import { HistoryWriter } from './historyWriter.ts';
import { knownPieces } from './knownPieces.ts';

const MIB = 1024 * 1024;

/**
 * Opens the queue of a volume and its base. Rejects with a `Fault` that names path and mend; the base is not closed then.
 *
 * What was appended when the process was killed is there as far as it was written whole; what a power loss takes is at most
 * what no `sync` had made durable. Entries are checked when they are read first, folded or scrubbed.
 */
export async function openHistoryStore(options: HistoryOptions): Promise<HistoryStore> {
  const { folder, base, notice, directFrom } = options;
  if (!(options.bytes > 0) || options.windowNs < 0n) {
    throw new Fault('bug', `a history of ${options.windowNs} ns and ${options.bytes} bytes`);
  }
  const { contents, keeper } = await openHistory({ folder, base, notice, directFrom });
  const store = new SystemHistoryStore(contents, keeper, options);
  try {
    await store.meetBase();
    return store;
  } catch (error) {
    await store.close(false);
    throw error;
  }
}

/** So that what is folded away makes room soon, and few files are open. */
function segmentBytesOf(bytes: number): number {
  return Math.min(1024 * MIB, Math.max(Math.min(64 * MIB, Math.max(MIB, bytes / 16)), bytes / 256));
}

class SystemHistoryStore implements HistoryStore {
  readonly pipelined = true;
  readonly #contents: HistoryContents;
  readonly #keeper: HistoryKeeper;
  /** Held while the newest entries change, and while the oldest do; the latter is taken first. */
  readonly #newestTurn = new Turn();
  readonly #oldestTurn = new Turn();
  readonly #syncTurn = new Turn();
  readonly #writer: HistoryWriter;
  readonly #window: HistoryWindow;
  readonly #views: HistoryViews;
  readonly #cuts: HistoryCuts;
  /** Of the entry that was appended last. */
  #place: EntryPlace | undefined;
  readonly #shared: HistoryShared;
  /** A moment that must stay as the last one of a group. */
  #kept: number | undefined;
  #damage: string | undefined;
  #syncing: Promise<void> | undefined;
  #syncNext: Promise<void> | undefined;
  #closed = false;

  constructor(contents: HistoryContents, keeper: HistoryKeeper, options: HistoryOptions) {
    this.#contents = contents;
    this.#keeper = keeper;
    this.#shared = new HistoryShared(contents, keeper);
    this.#views = new HistoryViews(contents, (work) => this.#guard(work));
    this.#damage = keeper.state.damaged ? 'entries that had been durable were lost to damage' : undefined;
    this.#window = new HistoryWindow({
      contents,
      fold: new HistoryFold(contents, keeper, options.notice),
      windowNs: options.windowNs,
      bytes: options.bytes,
      pinned: () => this.#views.oldest,
      kept: () => this.#kept,
      sync: () => this.#syncWritten(),
      step: (work) => this.#guard(this.#oldestTurn.run(work)),
      notice: options.notice,
    });
    this.#writer = new HistoryWriter({
      contents,
      store: keeper.state.store,
      segmentBytes: options.segmentBytes ?? segmentBytesOf(options.bytes),
      turn: this.#newestTurn,
      room: () => this.#window.room(),
      written: () => this.#window.care(),
      failed: () => this.#resetPlace(),
    });
    this.#cuts = new HistoryCuts({
      contents,
      keeper,
      shared: this.#shared,
      views: this.#views,
      writer: this.#writer,
      newestTurn: this.#newestTurn,
      oldestTurn: this.#oldestTurn,
      cutting: () => options.cutting?.(),
      cut: () => this.#resetPlace(),
      damaged: (message) => {
        this.#damage = message;
      },
      notice: options.notice,
    });
    this.#resetPlace();
  }

  get blockSize(): number {
    return this.#contents.base.blockSize;
  }

  get bytes(): number {
    return this.#contents.bytes;
  }

  get incarnation(): string {
    return this.#keeper.state.incarnation;
  }

  get cuts(): number {
    return this.#contents.cuts;
  }

  get durable(): EntryPlace | undefined {
    const { index, synced } = this.#contents;
    return synced >= index.first ? index.place(synced) : this.#keeper.state.place;
  }

  get consistent(): boolean {
    const { timeline } = this.#contents;
    return timeline.moment(timeline.newest).consistent;
  }

  get timeline(): Timeline {
    return this.#contents.timeline;
  }

  through(place: EntryPlace, number: number): void {
    this.#shared.through(place, number, this.#lastPlace());
  }

  keep(sequence: number | undefined): void {
    this.#kept = sequence;
  }

  /** Brings queue and base together at opening. */
  async meetBase(): Promise<void> {
    const { timeline, folder } = this.#contents;
    const known = timeline.bytesAt(timeline.newest);
    if (this.bytes < known) {
      const what = `the base has ${this.bytes} bytes, and the queue in ${folder.path} belongs to one of ${known}`;
      throw new Fault('local', what, `put that base back, or delete ${folder.path} to begin anew`);
    }
    if (this.#isLonger) await this.#appendSize();
    this.#window.care();
  }

  append(place: EntryPlace, entry: OrderedEntry): Promise<void> {
    try {
      this.#checkOpen();
      refuseGap(this.#place, place);
      const pieces = piecesOf(entry);
      for (const { offset, length } of pieces) this.#checkRange(offset, length);
      const late = pieces.some(({ payload }) => isOr(payload));
      const first = this.#shared.isNews(entry);
      const ready = late || first ? () => this.#resolved(place, entry, first) : draftOf(place, entry, pieces);
      // Its entry may have failed, or have been taken back.
      if (this.#isLonger) this.#appendSize().catch(() => undefined);
      this.#shared.accept(place, entry);
      this.#place = place;
      return this.#guard(this.#appended(this.#writer.append(ready), entry));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  sync(): Promise<void> {
    if (this.#syncing === undefined) return this.#startSync();
    this.#syncNext ??= this.#syncing.then(
      () => this.#startSync(),
      () => this.#startSync(),
    );
    return this.#syncNext;
  }

  read(offset: number, into: Uint8Array): Promise<void> {
    try {
      this.#checkOpen();
      this.#checkRange(offset, into.length);
      return this.#views.readNewest(offset, into);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async grow(bytes: number): Promise<void> {
    this.#checkOpen();
    if (bytes > this.bytes) await this.#contents.base.grow(bytes);
    if (this.#isLonger) await this.#appendSize();
  }

  moments(spans?: number): Moments {
    return this.#contents.timeline.moments(this.#damage, spans);
  }

  summary(): MomentsSummary {
    return this.#contents.timeline.summary(this.#damage);
  }

  find(target: MomentTarget, { force = false }: Forcing = {}): Moment {
    return this.#contents.timeline.find(target, force);
  }

  holders(offset: number, length: number, max: number): Moment[] {
    return holdersOf(this.#contents, offset, length, max);
  }

  view(sequence: number, options: Forcing = {}): MomentView {
    this.#checkOpen();
    return this.#views.open(this.find({ sequence }, options));
  }

  async writeImage(sequence: number, path: string, options: ImageOptions = {}): Promise<Moment> {
    const view = this.view(sequence, options);
    try {
      const { at, consistent, bytes } = view;
      await writeImageFile(path, { bytes, read: (offset, into, signal) => view.read(offset, into, signal) }, options);
      return { sequence, at, consistent };
    } finally {
      view.close();
      this.#window.care();
    }
  }

  async rollBack(sequence: number, options: Forcing = {}): Promise<void> {
    // So that folding does not pass it before its turn comes.
    const view = this.view(sequence, options);
    try {
      await this.#window.stopped(() => this.#cuts.rollBack(sequence, () => this.find({ sequence }, options)));
    } finally {
      view.close();
    }
  }

  async scrub(signal?: AbortSignal): Promise<void> {
    const { index } = this.#contents;
    for (let sequence = index.first; sequence < index.next; sequence = Math.max(sequence + 1, index.first)) {
      if (signal?.aborted || this.#closed) return;
      if (!index.checked(sequence)) await this.#guard(this.#contents.check(sequence));
    }
  }

  /** With `whole`, everything appended is durable before it ends. */
  async close(whole = true): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const ends = [await settled(this.#writer.settled()), await settled(this.#window.close())];
    if (whole) ends.push(await settled(this.sync()), await settled(this.#keeper.commit({})));
    else await settled(this.#syncing ?? Promise.resolve());
    this.#views.close();
    ends.push(await settled(this.#contents.close()), await settled(this.#keeper.close()));
    if (whole) ends.push(await settled(this.#contents.base.close()));
    for (const fault of ends) if (fault !== undefined) throw fault;
  }

  async #resolved(place: EntryPlace, entry: OrderedEntry, first: boolean) {
    if (first) await this.#shared.begin();
    return draftOf(place, entry, await knownPieces(piecesOf(entry), (offset, into) => this.#newest(offset, into)));
  }

  #newest(offset: number, into: Uint8Array): Promise<void> {
    return this.#contents.read(this.#contents.timeline.newest, offset, into);
  }

  async #appended(written: Promise<void>, entry: OrderedEntry): Promise<void> {
    await written;
    if (!entry.consistent || !this.#keeper.state.damaged) return;
    this.#damage = undefined;
    await this.#keeper.put({ damaged: false });
  }

  /** The base has grown, and no entry says so. */
  get #isLonger(): boolean {
    const { timeline } = this.#contents;
    return timeline.bytesAt(timeline.newest) < this.bytes;
  }

  async #appendSize(): Promise<void> {
    await this.#writer.append(async () => {
      const { timeline } = this.#contents;
      const newest = timeline.moment(timeline.newest);
      const place = this.#lastPlace();
      return sizeDraft(this.bytes, newest.at, newest.consistent, place, this.#shared.own(place));
    });
  }

  #startSync(): Promise<void> {
    this.#syncNext = undefined;
    const syncing = this.#sync().finally(() => {
      this.#syncing = undefined;
    });
    this.#syncing = syncing;
    return syncing;
  }

  async #sync(): Promise<void> {
    await this.#writer.settled();
    await this.#syncWritten();
  }

  /**
   * Without waiting for what waits: folding needs it where that waits for the folding. One after the other: of two at one
   * time the system tells a loss to one alone, and the other would call durable what the first takes back.
   */
  #syncWritten(): Promise<void> {
    return this.#syncTurn.run(() => this.#syncSegments());
  }

  async #syncSegments(): Promise<void> {
    const contents = this.#contents;
    for (;;) {
      const { cuts, index, synced } = contents;
      const target = index.next - 1;
      if (target <= synced) return;
      const first = index.segmentOf(Math.max(synced + 1, index.first));
      const segments = [...contents.segments].filter(([number]) => number >= first).map(([, segment]) => segment);
      for (const segment of segments) segment.hold();
      try {
        for (const segment of segments) await segment.sync();
      } catch (error) {
        await this.#cuts.takeBack(error);
      } finally {
        for (const segment of segments) segment.release();
      }
      if (contents.cuts !== cuts) continue;
      contents.synced = Math.max(contents.synced, target);
      await this.#keeper.put({ acked: contents.synced, ...this.#shared.told() });
      this.#window.care();
      return;
    }
  }

  /** Ends a piece of work that met damage with what the damage calls for. */
  async #guard<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (error instanceof EntryDamage) await this.#cuts.lose(error);
      throw error;
    }
  }

  #lastPlace(): EntryPlace | undefined {
    const { index } = this.#contents;
    return index.entries > 0 ? index.place(index.next - 1) : this.#keeper.state.place;
  }

  #resetPlace(): void {
    this.#place = this.#lastPlace();
    this.#shared.reset(this.#place);
  }

  #checkOpen(): void {
    if (this.#closed) throw new Fault('bug', `the queue in ${this.#contents.folder.path} is closed`);
  }

  #checkRange(offset: number, length: number): void {
    const fits = Number.isSafeInteger(offset) && offset >= 0 && Number.isSafeInteger(length) && length >= 0;
    if (fits && offset + length <= this.bytes) return;
    throw new Fault('peer', `${length} bytes at ${offset} are not within a volume of ${this.bytes} bytes`);
  }
}
