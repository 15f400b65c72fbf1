import type { Writable } from 'node:stream';
import { bar, type Terminal } from './draw.ts';
import { countWords, shareWords, sizeWords } from './draw-words.ts';

const REDRAW_MS = 100;
const BAR_COLUMNS = 24;

export interface ReadingProgress {
  position: number;
  /** 0: unknown. */
  total: number;
  frames: number;
}

/** One line that is drawn over itself on a terminal, at most ten times a second. */
export class ProgressLine {
  readonly #stream: Writable;
  readonly #terminal: Terminal;
  #drawnMs = Number.NEGATIVE_INFINITY;

  constructor(stream: Writable, terminal: Terminal) {
    this.#stream = stream;
    this.#terminal = terminal;
  }

  /** `nowMs`: any steady clock. */
  show(progress: ReadingProgress, nowMs: number): void {
    if (nowMs - this.#drawnMs < REDRAW_MS) return;
    this.#drawnMs = nowMs;
    this.#stream.write(`\r${progressWords(progress, this.#terminal)}\u001b[K`);
  }

  /** Leaves the line empty. */
  clear(): void {
    if (this.#drawnMs > Number.NEGATIVE_INFINITY) this.#stream.write('\r\u001b[K');
    this.#drawnMs = Number.NEGATIVE_INFINITY;
  }
}

export function progressWords({ position, total, frames }: ReadingProgress, terminal: Terminal): string {
  const read = `${sizeWords(position)}, ${countWords(frames)} frames`;
  if (total <= 0) return read;
  const share = Math.min(1, position / total);
  return `[${bar(share, BAR_COLUMNS, terminal).padEnd(BAR_COLUMNS)}] ${shareWords(share)} ${read}`;
}
