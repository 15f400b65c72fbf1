import type { Progress } from '../unit/replay/report.ts';
import { bar, type Terminal } from './draw.ts';
import { countWords, shareWords, sizeWords } from './draw-words.ts';

/** Redrawing more often than this only costs time. */
const REDRAW_MS = 100;
const BAR_COLUMNS = 24;

/** How far captures have been read. */
export interface ReadingProgress {
  position: number;
  /** 0: unknown. */
  total: number;
  frames: number;
  /** There is but one. */
  phase?: undefined;
}

/** One line of a terminal that is drawn over itself, at most ten times a second and at once in a new phase. */
export class ProgressLine<P extends { readonly phase?: string | undefined }> {
  readonly #write: (text: string) => void;
  readonly #terminal: Terminal;
  readonly #words: (progress: P, terminal: Terminal) => string;
  #drawnMs = Number.NEGATIVE_INFINITY;
  #phase: string | undefined;

  constructor(write: (text: string) => void, terminal: Terminal, words: (progress: P, terminal: Terminal) => string) {
    this.#write = write;
    this.#terminal = terminal;
    this.#words = words;
  }

  /** `nowMs`: any steady clock. */
  show(progress: P, nowMs: number): void {
    if (progress.phase === this.#phase && nowMs - this.#drawnMs < REDRAW_MS) return;
    this.#phase = progress.phase;
    this.#drawnMs = nowMs;
    this.#write(`\r${this.#words(progress, this.#terminal).slice(0, this.#terminal.width - 1)}\u001b[K`);
  }

  /** Leaves the line empty. */
  clear(): void {
    if (this.#drawnMs > Number.NEGATIVE_INFINITY) this.#write('\r\u001b[K');
    this.#drawnMs = Number.NEGATIVE_INFINITY;
    this.#phase = undefined;
  }
}

export function readingWords({ position, total, frames }: ReadingProgress, terminal: Terminal): string {
  return shared(position, total, `${sizeWords(position)}, ${countWords(frames)} frames`, terminal);
}

export function mirroringWords(progress: Progress, terminal: Terminal): string {
  const { phase, position, total, commands, changes } = progress;
  const done = phase === 'replay' ? `${countWords(commands)} commands, ${countWords(changes)} changes` : 'read back';
  const words = `${phase === 'replay' ? 'replaying' : 'resolving'} ${sizeWords(position)}, ${done}`;
  return shared(position, total, words, terminal);
}

/** How far an image has been written, in bytes. */
export interface WritingProgress {
  done: number;
  /** 0: unknown. */
  total: number;
  /** There is but one. */
  phase?: undefined;
}

export function writingWords({ done, total }: WritingProgress, terminal: Terminal): string {
  return shared(done, total, `${sizeWords(done)} written`, terminal);
}

export function comparingWords({ done, total }: WritingProgress, terminal: Terminal): string {
  return shared(done, total, `${sizeWords(done)} compared`, terminal);
}

/** The words, behind a bar where the total is known. */
function shared(position: number, total: number, words: string, terminal: Terminal): string {
  if (total <= 0) return words;
  const share = Math.min(1, position / total);
  return `[${bar(share, BAR_COLUMNS, terminal).padEnd(BAR_COLUMNS)}] ${shareWords(share).padStart(4)} ${words}`;
}
