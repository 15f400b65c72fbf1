import type { FrameBatch } from '../../base/frames.ts';

/**
 * The frame that is being looked at, and when it was captured. One object for a whole snoop, written in place: passed as
 * arguments, a million frames would be millions of numbers on the heap. The time is only worked out when it is asked for.
 */
export class Moment {
  /** 1-based number of the frame. */
  frame = 0;
  private batch: FrameBatch | undefined;
  private index = 0;
  private fixed = 0;
  private origin = 0;

  /** Nanoseconds since the origin. */
  get time(): number {
    const { batch } = this;
    if (batch === undefined) return this.fixed;
    return (batch.seconds[this.index] - this.origin) * 1e9 + batch.nanos[this.index];
  }

  /** Goes on to the next frame, at `index` of `batch`. */
  next(batch: FrameBatch, index: number, frame: number): void {
    this.frame = frame;
    this.batch = batch;
    this.index = index;
  }

  /** Looks back at (or returns to) another frame. */
  set(frame: number, time: number): void {
    this.frame = frame;
    this.batch = undefined;
    this.fixed = time;
  }

  /** Times count from this whole second since 1970. */
  countFrom(second: number): void {
    this.origin = second;
  }
}
