const FIRST_ROOM = 16;
const ROOM = 1024;

/**
 * Blocks of the latest ended tasks and the frames of their ends. A command whose ACK came late on its own connection is
 * delivered after tasks that ended, on other connections, while it was already in flight: this tells which.
 */
export class Recent {
  /** The latest end seen; -1 before the first. */
  newest = -1;
  private frames = new Float64Array(FIRST_ROOM);
  private starts = new Float64Array(FIRST_ROOM);
  private ends = new Float64Array(FIRST_ROOM);
  private next = 0;
  private count = 0;
  private forgotten = -1;

  /** A task on blocks [start, end) ended at `frame`. */
  note(frame: number, start: number, end: number): void {
    if (frame > this.newest) this.newest = frame;
    if (this.count === this.frames.length) {
      if (this.count < ROOM) this.grow();
      else {
        this.forgotten = this.frames[this.next];
        this.count--;
      }
    }
    this.frames[this.next] = this.newest;
    this.starts[this.next] = start;
    this.ends[this.next] = end;
    this.next = (this.next + 1) % this.frames.length;
    this.count++;
  }

  /** Calls back with the blocks of every task that ended after `frame`; with all blocks where that is forgotten. */
  since(frame: number, callback: (start: number, end: number) => void): void {
    if (this.forgotten > frame) {
      callback(0, Number.MAX_SAFE_INTEGER);
      return;
    }
    const size = this.frames.length;
    for (let k = 1; k <= this.count; k++) {
      const i = (this.next - k + size) % size;
      if (this.frames[i] <= frame) return;
      callback(this.starts[i], this.ends[i]);
    }
  }

  /** Called while full, with the oldest entry at `next`. */
  private grow(): void {
    const size = this.frames.length;
    const order = (from: Float64Array): Float64Array<ArrayBuffer> => {
      const to = new Float64Array(size * 2);
      to.set(from.subarray(this.next));
      to.set(from.subarray(0, this.next), size - this.next);
      return to;
    };
    this.frames = order(this.frames);
    this.starts = order(this.starts);
    this.ends = order(this.ends);
    this.next = size;
  }
}
