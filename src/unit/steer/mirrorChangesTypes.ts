import type { MirrorState } from '../../mirror/requests.ts';

export interface AddOrder {
  /** LU or name. */
  volume: string;
  /** The mirror as the configuration would have it: its URL, or a group of keys with the URL in `to`. */
  as: unknown;
  /** Who wants it, as they call themselves. */
  by: string;
}

export interface RemoveOrder {
  /** LU or name. */
  volume: string;
  /** Its URL, as it stands in the configuration or was added. */
  mirror: string;
  by: string;
  /** What waits for it is given up. */
  now: boolean;
  /** Bytes that were written, of those that waited. */
  progress: (done: number, total: number) => void;
}

/** A mirror in which the unit is other than its configuration says. */
export interface ChangedStatus {
  volume: string;
  mirror: string;
  change: 'added' | 'removed';
  by: string;
  /** ISO 8601. */
  at: string;
  /** The entry of `mirrors` that the configuration lacks, or has too much, in JSON. */
  line: string;
}

/** What `tapmirror add-mirror --json` prints. Keys are only ever added. */
export interface AddedReport {
  volume: string;
  mirror: string;
  state: MirrorState;
  /** Bytes that are to be compared. */
  behindBytes: number;
  /** The number of the job that brings it up to date; null where that has not begun. */
  job: string | null;
  /** Null where the configuration says the same. */
  configuration: ChangedStatus | null;
}

/** What `tapmirror remove-mirror --json` prints. Keys are only ever added. */
export interface RemovedReport {
  volume: string;
  mirror: string;
  /** `equal`: it holds what the volume held at the moment from which on it got nothing more. */
  state: MirrorState;
  /** Bytes that waited for it and were given up. */
  droppedBytes: number;
  /** Null where the configuration says the same. */
  configuration: ChangedStatus | null;
}
