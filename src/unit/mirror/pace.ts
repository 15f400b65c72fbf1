/** How fast mirrors are copied and repaired; it may change at any time. */
export interface Pace {
  /** Bytes a second that may be read for each mirror; undefined: no limit. */
  bytesPerSecond: number | undefined;
}
