/** What the volume was once the entry of this sequence had been applied; the base's own moment comes first. */
export interface Moment {
  readonly sequence: number;
  /** Nanoseconds since 1970; never before that of an earlier moment. 0: nothing has come yet. */
  readonly at: bigint;
  readonly consistent: boolean;
}

export interface Bookmark extends Moment {
  readonly name: string;
}

/** Moments one behind the other that are all consistent, or all not. */
export interface Span {
  readonly from: Moment;
  readonly to: Moment;
  readonly consistent: boolean;
}

/** What is kept. */
export interface Moments {
  readonly oldest: Moment;
  readonly newest: Moment;
  /** Oldest first, without a gap. */
  readonly spans: readonly Span[];
  readonly entries: number;
  /** Bytes of the entries in the queue. */
  readonly bytes: number;
  /** By sequence. */
  readonly bookmarks: readonly Bookmark[];
  /** Why the newest entries were lost, as long as the volume has not become consistent again since. */
  readonly damage: string | undefined;
}

/** The same in short: made at once, however much there is. */
export interface MomentsSummary extends Pick<Moments, 'oldest' | 'newest' | 'entries' | 'bytes' | 'damage'> {
  /** How many there are. */
  readonly bookmarks: number;
  readonly spans: number;
}

/** A moment as an operator names it: by its sequence, a bookmark's name, or a time (the last moment not after it). */
export type MomentTarget = { readonly sequence: number } | { readonly mark: string } | { readonly time: bigint };
