import type { EntryPlace, FarStore } from '../../base/ordered.ts';
import type { Volume } from '../../base/volume.ts';
import type { Moment, Moments, MomentsSummary, MomentTarget } from '../../queue/moments.ts';
import type { Timeline } from '../../queue/timeline.ts';

/** For `openHistoryStore` of `historyStore.ts`. */
export interface HistoryOptions {
  /** Folder of the queue, made (mode 0700) where it is missing. One for each volume; locked while it is open. */
  folder: string;
  /** The medium that holds the oldest moment. The store's own once it is open: `close` closes it. */
  base: Volume;
  /** How far back moments are kept, in nanoseconds of the entries' own times, as long as `bytes` has room for them. */
  windowNs: bigint;
  /** Bytes of entries that are kept. */
  bytes: number;
  /** Bytes of a segment; made to fit `bytes` when it is left out. */
  segmentBytes?: number;
  /** Writes of so many bytes and more pass the system's cache by; made to fit when it is left out. */
  directFrom?: number;
  /** Told in words what an operator should know: what was cut, lost, left the window. */
  notice: (text: string) => void;
  /** Called before the newest moment becomes another one by anything but an entry that is appended: some are taken back. */
  cutting?: () => void;
}

/** For `openPlainStore` of `plainStore.ts`. */
export interface PlainOptions {
  /** The file that keeps the place; made, with its folder, where it is missing. Locked while it is open. */
  statePath: string;
  /** The medium. The store's own once it is open: `close` closes it. */
  volume: Volume;
  notice: (text: string) => void;
}

export interface Forcing {
  /** True: a moment that is not consistent is as good as another. */
  force?: boolean;
}

/** A moment that can be read until it is closed, whatever is folded or appended meanwhile. */
export interface MomentView extends Moment {
  /** Length of the volume at that moment. */
  readonly bytes: number;
  /** Rejects with a `Fault`, also once the store has lost the moment or dropped it on purpose. */
  read(offset: number, into: Uint8Array, signal?: AbortSignal): Promise<void>;
  /** Lets the queue fold past it. */
  close(): void;
}

export interface ImageOptions extends Forcing {
  progress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/**
 * A far store that keeps the moments of a window. Appends may be called without waiting for the one before: they keep the
 * order of the calls, and share one write. When one rejects, those behind it that were waiting reject with it.
 */
export interface HistoryStore extends FarStore {
  /** `spans`: the newest so many of them. */
  moments(spans?: number): Moments;
  /** The same in short, for those who ask often. */
  summary(): MomentsSummary;
  /** The moment meant; throws a `Fault` that says why there is none, or that it is not consistent (unless forced). */
  find(target: MomentTarget, options?: Forcing): Moment;
  /** Its moments, and where they stand among those of other volumes (requirement C5). */
  readonly timeline: Timeline;
  through(place: EntryPlace, number: number): void;
  /** Folding does not pass this moment unless the queue has twice its bytes. It is the last one of a group. */
  keep(sequence: number | undefined): void;
  /** Entries of the queue that wrote into `[offset, offset + length)`, the newest first, at most `max`. */
  holders(offset: number, length: number, max: number): Moment[];
  /** Opens the moment of a sequence (see `find`). Folding stops before it until the view is closed. */
  view(sequence: number, options?: Forcing): MomentView;
  /** Writes the moment of a sequence into a new file, with holes for zeros, durable when it resolves. */
  writeImage(sequence: number, path: string, options?: ImageOptions): Promise<Moment>;
  /** Drops every entry behind this moment for good: another incarnation. Refused while a view behind it is open. */
  rollBack(sequence: number, options?: Forcing): Promise<void>;
  /** Reads every entry that was not checked since the store was opened; what is damaged is cut and told. */
  scrub(signal?: AbortSignal): Promise<void>;
}
