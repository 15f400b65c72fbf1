import { type FrameBatch, frameBatch } from '../../src/base/frames.ts';
import { SCRATCH, type Window } from './windows.ts';

const FRAMES_MAX = 1024;

/** One case: the window's frames in some order, each as it was, changed or new. Nothing is copied but what changes. */
export class Scenario {
  readonly batch: FrameBatch = frameBatch(new Uint8Array(0), FRAMES_MAX);
  /** The window's frame that each frame came from; -1 for a new one. */
  readonly origin = new Int32Array(FRAMES_MAX);
  window!: Window;
  #scratch = 0;
  readonly log: string[] = [];

  /** Begins with all frames of `window` as they are. */
  begin(window: Window): void {
    this.window = window;
    this.log.length = 0;
    const { batch } = this;
    batch.bytes = window.arena;
    batch.count = window.count;
    this.#scratch = window.scratch;
    for (let i = 0; i < window.count; i++) {
      this.origin[i] = i;
      batch.offset[i] = window.offset[i];
      batch.captured[i] = window.length[i];
      batch.wire[i] = window.length[i];
      batch.seconds[i] = window.seconds[i];
      batch.nanos[i] = window.nanos[i];
      batch.link[i] = window.link;
    }
  }

  get count(): number {
    return this.batch.count;
  }

  note(text: string): void {
    this.log.push(text);
  }

  /** Room for `bytes` of a new or changed frame; -1 when the case has used up its share. */
  room(bytes: number): number {
    if (this.#scratch + bytes > this.window.scratch + SCRATCH) return -1;
    const at = this.#scratch;
    this.#scratch += bytes;
    return at;
  }

  /** Gives frame `i` bytes of its own, with `spare` more behind them; -1 when there is no room. */
  own(i: number, spare = 0): number {
    const { batch } = this;
    const length = batch.captured[i];
    const at = this.room(length + spare);
    if (at < 0) return -1;
    batch.bytes.copyWithin(at, batch.offset[i], batch.offset[i] + length);
    batch.offset[i] = at;
    return at;
  }

  drop(i: number): void {
    const n = this.batch.count;
    for (const array of this.#arrays()) array.copyWithin(i, i + 1, n);
    this.batch.count = n - 1;
  }

  /** Opens a place at `at` for a copy of frame `i`'s entry (taken before the move); false when there is no place left. */
  repeat(i: number, at: number): boolean {
    const n = this.batch.count;
    if (n >= FRAMES_MAX) return false;
    for (const array of this.#arrays()) {
      const value = array[i];
      array.copyWithin(at + 1, at, n);
      array[at] = value;
    }
    this.batch.count = n + 1;
    this.#later(at);
    return true;
  }

  /** Puts frame `i` at place `to`; the times stay where they are. */
  move(i: number, to: number): void {
    for (const array of this.#bodies()) {
      const value = array[i];
      if (i < to) array.copyWithin(i, i + 1, to + 1);
      else array.copyWithin(to + 1, to, i);
      array[to] = value;
    }
  }

  /** A frame that stands at `at` must not be earlier than the one before it. */
  #later(at: number): void {
    const { seconds, nanos, count } = this.batch;
    const by = at > 0 ? at - 1 : Math.min(1, count - 1);
    seconds[at] = seconds[by];
    nanos[at] = nanos[by];
  }

  #bodies() {
    const { offset, captured, wire, link } = this.batch;
    return [this.origin, offset, captured, wire, link];
  }

  #arrays() {
    const { seconds, nanos } = this.batch;
    return [...this.#bodies(), seconds, nanos];
  }
}
