import type { LuId } from '../../base/change.ts';

/** What somebody wants compared. */
export interface VerifyOrder {
  /** Only the mirror with this URL. */
  mirror?: string;
  /** What differs is put into the record, from where it is brought up to date. */
  repair: boolean;
  progress: (done: number, total: number) => void;
  signal: AbortSignal;
  /** Goes on from there. */
  place?: VerifyPlace;
  /** Is given, whenever a mirror's turn has come, what tells how far everything is. */
  follow?: (where: () => VerifyPlace) => void;
}

/** How far a comparison is. */
export interface VerifyPlace {
  /** The mirror that is being compared, and the bytes of the volume. */
  to: string;
  bytes: number;
  /** `[offset, length]` of what is still to be compared of it, or again; somewhat more where that is scattered. */
  rest: [number, number][];
  /** Of the mirrors before it. */
  ended: MirrorVerdict[];
}

/** What `tapmirror verify --json` prints. Keys are only ever added. */
export interface VerifyReport {
  volume: LuId;
  /** What the mirrors were compared with: the first volume, or a local mirror. */
  source: string;
  /** Everything was compared, and nothing differs. */
  equal: boolean;
  mirrors: MirrorVerdict[];
}

/** What the last comparison of a mirror found. */
export interface VerifiedStatus {
  /** When it ended, ISO 8601. */
  at: string;
  comparedBytes: number;
  differingBytes: number;
  uncomparedBytes: number;
}

export interface MirrorVerdict {
  to: string;
  comparedBytes: number;
  /** `[offset, length]` in bytes, sorted; the first thousand. */
  differing: [number, number][];
  differingBytes: number;
  /** Bytes that were being written, or in doubt, whenever they were looked at. */
  uncomparedBytes: number;
  /** What differs is being brought up to date. */
  repairing: boolean;
}
