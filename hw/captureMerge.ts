import type { FrameRun, FrameSource, SourceFault } from '../src/base/frames.ts';
import type { ChunkPool } from './captureRing.ts';
import type { CaptureStream } from './captureStream.ts';

/** Several captures as one stream of time, in runs of frames that stay where they were read. */
export class MergedCaptures implements FrameSource {
  readonly #pool: ChunkPool;
  readonly #all: readonly CaptureStream[];
  /** Those that still have frames, in the order they were named. */
  #live: CaptureStream[];
  /** The stream whose run was handed out last: the only one whose batch can be used up. */
  #last: CaptureStream | undefined;
  readonly #faults: SourceFault[] = [];
  readonly #run: FrameRun;
  #closed = false;

  /** `streams` have been filled once. */
  constructor(streams: readonly CaptureStream[], pool: ChunkPool) {
    this.#all = streams;
    this.#pool = pool;
    this.#live = streams.filter((stream) => stream.at < stream.batch.count);
    for (const stream of streams) if (!this.#live.includes(stream)) this.#note(stream);
    this.#run = { batch: streams[0].batch, from: 0, to: 0 };
  }

  get beforeReuse(): (bytes: Uint8Array) => void {
    return this.#pool.beforeReuse;
  }

  set beforeReuse(listener: (bytes: Uint8Array) => void) {
    this.#pool.beforeReuse = listener;
  }

  get position(): number {
    let sum = 0;
    for (const stream of this.#all) sum += stream.position;
    return sum;
  }

  get total(): number {
    let sum = 0;
    for (const stream of this.#all) {
      if (stream.total === 0) return 0;
      sum += stream.total;
    }
    return sum;
  }

  get faults(): readonly SourceFault[] {
    return this.#faults;
  }

  /** The run that is handed out is the same object every time, good until the next call. */
  async next(): Promise<FrameRun | undefined> {
    const last = this.#last;
    if (last !== undefined && last.at === last.batch.count && !this.#closed && !(await last.fill())) {
      this.#live = this.#live.filter((stream) => stream !== last);
      this.#note(last);
    }
    this.#last = undefined;
    if (this.#closed || this.#live.length === 0) return undefined;
    const first = this.#earliest(undefined);
    const run = this.#run;
    run.batch = first.batch;
    run.from = first.at;
    run.to = this.#live.length === 1 ? first.batch.count : runEnd(first, this.#earliest(first), this.#live);
    first.at = run.to;
    this.#last = first;
    return run;
  }

  #earliest(but: CaptureStream | undefined): CaptureStream {
    let best: CaptureStream | undefined;
    for (const stream of this.#live) {
      if (stream !== but && (best === undefined || isBefore(stream, stream.at, best))) best = stream;
    }
    return best as CaptureStream;
  }

  #note(stream: CaptureStream): void {
    if (stream.fault !== undefined) this.#faults.push(stream.fault);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const stream of this.#all) await stream.close();
  }
}

/** Whether frame `i` of one stream is earlier than the next frame of the other. */
function isBefore(one: CaptureStream, i: number, other: CaptureStream): boolean {
  const seconds = one.batch.seconds[i] - other.batch.seconds[other.at];
  return seconds < 0 || (seconds === 0 && one.batch.nanos[i] < other.batch.nanos[other.at]);
}

function isAfter(one: CaptureStream, i: number, other: CaptureStream): boolean {
  const seconds = one.batch.seconds[i] - other.batch.seconds[other.at];
  return seconds > 0 || (seconds === 0 && one.batch.nanos[i] > other.batch.nanos[other.at]);
}

/** Where `first`'s turn ends: at the first frame that `other`, the next in time, has to go before. */
function runEnd(first: CaptureStream, other: CaptureStream, order: readonly CaptureStream[]): number {
  // Frames of the same time keep the order in which the files were named.
  const leads = order.indexOf(first) < order.indexOf(other);
  let i = first.at + 1;
  while (i < first.batch.count && (leads ? !isAfter(first, i, other) : isBefore(first, i, other))) i++;
  return i;
}
