/**
 * Captured frames without an object each: one buffer and parallel arrays, so that a million frames cost no garbage.
 *
 * Ownership: `bytes` is borrowed. A consumer may refer to it until the source announces that it wants the buffer
 * back (see `FrameSource`); whatever must live longer is copied then.
 */
export interface FrameBatch {
  bytes: Uint8Array;
  /** Frames in the batch; the arrays may be longer. */
  count: number;
  /** Where each frame starts in `bytes`. */
  offset: Uint32Array;
  /** Bytes present in `bytes`. */
  captured: Uint32Array;
  /** Bytes on the wire; more than `captured` where the snap length cut the frame. */
  wire: Uint32Array;
  /** Whole seconds since 1970. */
  seconds: Float64Array;
  nanos: Uint32Array;
  /** LINKTYPE_ value of each frame (the tcpdump.org registry). */
  link: Uint16Array;
}

/** Empty arrays for `frames` frames over `bytes`. */
export function frameBatch(bytes: Uint8Array, frames: number): FrameBatch {
  return {
    bytes,
    count: 0,
    offset: new Uint32Array(frames),
    captured: new Uint32Array(frames),
    wire: new Uint32Array(frames),
    seconds: new Float64Array(frames),
    nanos: new Uint32Array(frames),
    link: new Uint16Array(frames),
  };
}

/** Where a source of frames stopped being readable, in words for an operator. */
export interface SourceFault {
  file: string;
  /** Byte offset (in the uncompressed stream) of the first byte that could not be used. */
  offset: number;
  reason: string;
}

/**
 * A file (or several as one stream of time) that hands out batches.
 *
 * `next` resolves with a run of frames `[from, to)` of a batch, or `undefined` at the end. The batch's bytes stay valid
 * until `beforeReuse` has been called with that `bytes` object (synchronously, before the buffer is overwritten).
 */
export interface FrameSource {
  next(): Promise<FrameRun | undefined>;
  /** Called just before `bytes` is overwritten: consumers copy out what they still refer to. */
  beforeReuse: (bytes: Uint8Array) => void;
  /** Bytes of input consumed so far and in all (0 when unknown, e.g. standard input), for progress. */
  readonly position: number;
  readonly total: number;
  /** Files that ended inside a record or broke later: used up to there. */
  readonly faults: readonly SourceFault[];
  close(): Promise<void>;
}

export interface FrameRun {
  batch: FrameBatch;
  from: number;
  to: number;
}
