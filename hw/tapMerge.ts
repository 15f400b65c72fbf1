import type { FrameBatch, FrameRun } from '../src/base/frames.ts';

interface Queue {
  batches: FrameBatch[];
  /** The first frame of the first batch that was not handed out. */
  at: number;
  /** Microseconds since 1970 before which nothing more will be pushed. */
  horizon: number;
}

/**
 * Frames of several interfaces as one stream of time, in runs that stay where they are. A frame is handed out once no other
 * interface can have an earlier one: each shows either a frame or how far it is known to be empty. Frames of the same time
 * come in the order of the interfaces. Stamps are whole microseconds, as libpcap gives them.
 */
export class TapMerge {
  readonly #queues: Queue[];
  readonly #run: FrameRun;
  #last: Queue | undefined;
  #over = false;

  constructor(lanes: number) {
    this.#queues = Array.from({ length: lanes }, () => ({ batches: [], at: 0, horizon: 0 }));
    this.#run = { batch: undefined as unknown as FrameBatch, from: 0, to: 0 };
  }

  push(lane: number, batch: FrameBatch): void {
    this.#queues[lane].batches.push(batch);
  }

  /** Told so far for this interface; it never goes back. */
  advance(lane: number, horizon: number): void {
    const queue = this.#queues[lane];
    queue.horizon = Math.max(queue.horizon, horizon);
  }

  /** Nothing more will be pushed. */
  end(): void {
    this.#over = true;
  }

  /** The batch whose last frame the latest run handed out, once. */
  used(): { lane: number; batch: FrameBatch } | undefined {
    const queue = this.#last;
    this.#last = undefined;
    if (queue === undefined || queue.at < queue.batches[0].count) return undefined;
    queue.at = 0;
    return { lane: this.#queues.indexOf(queue), batch: queue.batches.shift() as FrameBatch };
  }

  /** The next frames, in one object that is used again; undefined when some have to wait, or none are there. Call `used` first. */
  next(): FrameRun | undefined {
    const first = this.#earliest();
    if (first === undefined) return undefined;
    const batch = first.batches[0];
    const limit = this.#limit(first);
    let end = first.at;
    while (end < batch.count && stampOf(batch, end) <= limit) end++;
    if (end === first.at) return undefined;
    const run = this.#run;
    run.batch = batch;
    run.from = first.at;
    run.to = end;
    first.at = end;
    this.#last = first;
    return run;
  }

  /** Microseconds since 1970: every frame with an earlier stamp has been handed out. */
  get quietUntil(): number {
    let until = Number.POSITIVE_INFINITY;
    for (const queue of this.#queues) until = Math.min(until, head(queue) ?? queue.horizon);
    return until;
  }

  #earliest(): Queue | undefined {
    let best: Queue | undefined;
    let at = Number.POSITIVE_INFINITY;
    for (const queue of this.#queues) {
      const stamp = head(queue);
      if (stamp !== undefined && stamp < at) {
        best = queue;
        at = stamp;
      }
    }
    return best;
  }

  /** The latest stamp with which a frame of this queue may go before all others. */
  #limit(first: Queue): number {
    let limit = Number.POSITIVE_INFINITY;
    let leads = false;
    for (const queue of this.#queues) {
      if (queue === first) {
        leads = true;
        continue;
      }
      const stamp = head(queue);
      if (stamp === undefined && this.#over) continue;
      limit = Math.min(limit, stamp !== undefined && leads ? stamp : (stamp ?? queue.horizon) - 1);
    }
    return limit;
  }
}

function head(queue: Queue): number | undefined {
  const batch = queue.batches[0];
  if (batch === undefined) return undefined;
  if (queue.at < batch.count) return stampOf(batch, queue.at);
  // The batch at hand was handed out to its end and is still borrowed.
  return queue.batches.length > 1 ? stampOf(queue.batches[1], 0) : undefined;
}

function stampOf(batch: FrameBatch, i: number): number {
  return batch.seconds[i] * 1e6 + batch.nanos[i] / 1000;
}
