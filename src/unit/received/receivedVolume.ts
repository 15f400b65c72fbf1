import { Fault } from '../../base/fault.ts';
import type { FarStore } from '../../base/ordered.ts';
import type { BlockTable } from '../../blocks/blockTable.ts';
import type { MirrorState } from '../../mirror/requests.ts';
import type { Moment } from '../../queue/moments.ts';
import type { HistoryStore } from '../history/historyTypes.ts';
import { type HistoryView, openView, type ViewOptions } from '../history/historyView.ts';
import type { SenderStatus } from '../link/receiverTypes.ts';
import { tableStatus } from '../live/liveStatus.ts';
import type { LiveVolume } from '../live/liveVolume.ts';
import { Brief } from '../watch/brief.ts';
import type { ExplainReport } from '../watch/explain.ts';
import { explainReceived } from '../watch/explainReceived.ts';
import { type MomentWord, type MomentWords, momentWords, targetOf } from '../watch/momentWords.ts';
import type { MirrorStatus, ReceivedStatus, VolumeStatus } from '../watch/status.ts';
import { SHOWN_MAX, type ShortHistory, shortHistory } from '../watch/webHistory.ts';
import type { Relay } from './relay.ts';

export interface ReceivedVolumeOptions {
  name: string;
  /** The medium as the configuration has it. */
  to: string;
  store: FarStore;
  /** The same store, where it keeps the past. */
  history?: HistoryStore;
  /** Of its newest moment, where one is kept. */
  table?: BlockTable;
  /** Its further mirrors. */
  relay?: Relay;
  windowMs?: number;
  /** Monotonic time in nanoseconds. */
  now: () => number;
  told: (change: { from: string; to: string; why: string }) => void;
}

/** What `tapmirror history --json` prints. Keys are only ever added. */
export interface HistoryReport {
  volume: string;
  /** How far back moments are kept, in milliseconds, as long as the queue has room. */
  windowMs: number;
  /** Of the queue. */
  bytes: number;
  entries: number;
  oldest: MomentWords;
  newest: MomentWords;
  bookmarks: (MomentWords & { name: string })[];
  /** Moments one behind the other that are all consistent, or all not; oldest first. */
  spans: { from: MomentWords; to: MomentWords; consistent: boolean }[];
  /** Why the newest entries were lost, as long as the volume has not become consistent again since. */
  damage?: string;
}

/** A moment that was written as an image. */
export interface RewindReport extends MomentWords {
  volume: string;
  out: string;
  /** Length of the image. */
  bytes: number;
}

export interface RewindOrder {
  to: MomentWord;
  /** Absolute path of the image, which must not be there. */
  out: string;
  /** A moment that is not consistent is as good as another. */
  force: boolean;
  progress: (done: number, total: number) => void;
  signal: AbortSignal;
}

/** A volume that comes over a link: its store, and what people are told of it and ask of it. */
export class ReceivedVolume {
  readonly name: string;
  /** What links give their entries to. */
  readonly store: FarStore;
  readonly #options: ReceivedVolumeOptions;
  readonly #brief = new Brief();
  #state: MirrorState = 'equal';
  /** The one that the log has. */
  #toldState: MirrorState = 'equal';
  #since = new Date();

  constructor(options: ReceivedVolumeOptions) {
    this.name = options.name;
    this.store = options.relay?.store ?? options.store;
    this.#options = options;
  }

  /** Something may have changed, or time has passed. */
  /** Undefined where it is not passed on. */
  get passedOn(): LiveVolume | undefined {
    return this.#options.relay?.live;
  }

  /** Where its further mirrors lie; undefined where it is not passed on. */
  get further(): Relay['media'] | undefined {
    return this.#options.relay?.media;
  }

  tick(sender: SenderStatus | undefined): void {
    this.#options.relay?.tick();
    this.#tell(sender);
  }

  #tell(sender: SenderStatus | undefined): void {
    const state = this.#stateOf(sender);
    if (state !== this.#state) {
      this.#state = state;
      this.#since = new Date();
    }
    const from = this.#toldState;
    if (this.#brief.holds(from, state, false, this.#options.now() / 1e6) || state === from) return;
    this.#toldState = state;
    this.#options.told({ from, to: state, why: this.#why(sender) });
  }

  status(sender: SenderStatus | undefined): VolumeStatus {
    this.#tell(sender);
    const { blockSize, bytes } = this.store;
    return {
      lu: this.name,
      name: this.name,
      blockSize,
      blocks: Math.floor(bytes / blockSize),
      first: { url: '', state: 'none' },
      changes: sender?.applied ?? 0,
      barriers: 0,
      openWrites: 0,
      mirrors: [this.#mirror(sender), ...(this.#options.relay?.status() ?? [])],
      received: this.#received(sender),
    };
  }

  /** See `RunningUnit`. */
  explain(lbn: number, sender: SenderStatus | undefined): ExplainReport {
    return explainReceived(this.status(sender), lbn, this.#options.history);
  }

  /** Whether there is a `report`. */
  get keepsHistory(): boolean {
    return this.#options.history !== undefined;
  }

  /** With as much of it as a page has room for. */
  shortReport(): ShortHistory {
    const { spans } = this.history.summary();
    return shortHistory(this.report(SHOWN_MAX), spans);
  }

  /** `most`: of its spans, the newest so many. */
  report(most?: number): HistoryReport {
    const { spans, bookmarks, damage, oldest, newest, bytes, entries } = this.history.moments(most);
    return {
      volume: this.name,
      windowMs: this.#options.windowMs ?? 0,
      bytes,
      entries,
      oldest: momentWords(oldest),
      newest: momentWords(newest),
      bookmarks: bookmarks.map((one) => ({ name: one.name, ...momentWords(one) })),
      spans: spans.map(({ from, to, consistent }) => ({ from: momentWords(from), to: momentWords(to), consistent })),
      ...(damage === undefined ? {} : { damage }),
    };
  }

  /** Writes a moment into a new file, as an image of the volume. Mirroring goes on meanwhile. */
  async rewind({ to, out, force, progress, signal }: RewindOrder): Promise<RewindReport> {
    const { history } = this;
    const { sequence } = history.find(targetOf(to, history.moments()), { force });
    let bytes = 0;
    const told = (done: number, total: number): void => {
      bytes = total;
      progress(done, total);
    };
    const moment: Moment = await history.writeImage(sequence, out, { force, progress: told, signal });
    return { volume: this.name, out, bytes, ...momentWords(moment) };
  }

  /** What is being passed on goes on until `signal` ends that. */
  async close(signal: AbortSignal): Promise<void> {
    await this.#options.relay?.close(signal);
    await this.store.close();
  }

  /** A moment as a volume, which is kept until it is closed. Rejects with a `Fault`. */
  view(to: MomentWord, options: ViewOptions): Promise<HistoryView> {
    const { history } = this;
    return openView(history, targetOf(to, history.moments()), options);
  }

  /** Throws a `Fault` where it keeps none. */
  get history(): HistoryStore {
    const { history } = this.#options;
    if (history !== undefined) return history;
    const mend = 'write "history": {"window": "24h", "bytes": "10GiB"} at this volume in the configuration';
    throw new Fault('peer', `no past is kept of the volume ${this.name}`, mend);
  }

  #stateOf(sender: SenderStatus | undefined): MirrorState {
    if (sender?.paused !== undefined) return 'paused';
    if (!this.store.consistent) return 'repairing';
    const open = sender !== undefined && (sender.waitingBytes > 0 || sender.durable < sender.applied);
    return open ? 'behind' : 'equal';
  }

  #why(sender: SenderStatus | undefined): string {
    switch (this.#state) {
      case 'equal':
        return 'nothing is known to be outstanding';
      case 'paused':
        return sender?.paused ?? 'nothing can be applied';
      case 'repairing':
        return sender === undefined ? 'it waits for its sender' : 'what is missing comes from the sender';
      default:
        return 'changes are being applied';
    }
  }

  #mirror(sender: SenderStatus | undefined): MirrorStatus {
    const state = this.#state;
    const message = sender?.paused ?? this.#options.history?.summary().damage;
    return {
      to: this.#options.to,
      state,
      behindBytes: state === 'equal' ? 0 : (sender?.waitingBytes ?? 0),
      unresolvedBytes: 0,
      writtenBytes: sender?.receivedBytes ?? 0,
      comparedBytes: 0,
      copiedBytes: 0,
      since: this.#since.toISOString(),
      ...(message === undefined ? {} : { error: { message } }),
      record: { chunkBytes: 0, marked: 0 },
      ...tableStatus(this.#options.table),
    };
  }

  #received(sender: SenderStatus | undefined): ReceivedStatus {
    const { bytes, consistent } = this.store;
    const moments = this.#options.history?.summary();
    return {
      name: this.name,
      bytes,
      consistent,
      newest: moments === undefined ? null : momentWords(moments.newest),
      history:
        moments === undefined
          ? null
          : {
              oldest: momentWords(moments.oldest),
              newest: momentWords(moments.newest),
              bytes: moments.bytes,
              entries: moments.entries,
              bookmarks: moments.bookmarks,
            },
      sender:
        sender === undefined
          ? null
          : {
              peer: sender.peer,
              remote: sender.remote,
              since: new Date(Date.now() - (this.#options.now() - sender.since) / 1e6).toISOString(),
              ...sender.unit,
              receivedBytes: sender.receivedBytes,
              waitingBytes: sender.waitingBytes,
            },
    };
  }
}
