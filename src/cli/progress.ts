import type { Progress } from '../unit/report.ts';
import { bar, type Terminal } from './draw.ts';
import { countWords, shareWords, sizeWords } from './draw-words.ts';

/** Redrawing more often than this only costs time. */
const REDRAW_MS = 100;
const BAR_COLUMNS = 24;

/** The progress of a mirroring run, drawn over itself on one line of a terminal at most ten times a second. */
export class MirrorProgress {
  readonly #write: (text: string) => void;
  readonly #terminal: Terminal;
  #drawnMs = Number.NEGATIVE_INFINITY;
  #phase: Progress['phase'] | undefined;

  constructor(write: (text: string) => void, terminal: Terminal) {
    this.#write = write;
    this.#terminal = terminal;
  }

  /** `nowMs`: any steady clock. */
  show(progress: Progress, nowMs: number): void {
    if (progress.phase === this.#phase && nowMs - this.#drawnMs < REDRAW_MS) return;
    this.#phase = progress.phase;
    this.#drawnMs = nowMs;
    this.#write(`\r${mirrorProgressWords(progress, this.#terminal).slice(0, this.#terminal.width - 1)}\u001b[K`);
  }

  /** Leaves the line empty. */
  clear(): void {
    if (this.#phase !== undefined) this.#write('\r\u001b[K');
    this.#phase = undefined;
  }
}

export function mirrorProgressWords(progress: Progress, terminal: Terminal): string {
  const { phase, position, total, commands, changes } = progress;
  const done = phase === 'replay' ? `${countWords(commands)} commands, ${countWords(changes)} changes` : 'read back';
  const words = `${phase === 'replay' ? 'replaying' : 'resolving'} ${sizeWords(position)}, ${done}`;
  if (total <= 0) return words;
  const share = Math.min(1, position / total);
  return `[${bar(share, BAR_COLUMNS, terminal).padEnd(BAR_COLUMNS)}] ${shareWords(share).padStart(4)} ${words}`;
}
