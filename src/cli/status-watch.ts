import { askControl } from '../../hw/controlClient.ts';
import { Fault } from '../base/fault.ts';
import type { MirrorStatus, UnitStatus } from '../unit/watch/status.ts';
import { terminalOf } from './draw.ts';
import { drawStatus, type MirrorColumns } from './draw-status.ts';
import { plain, sizeWords } from './draw-words.ts';
import { UsageFault } from './errors.ts';
import type { Stream } from './rows-inspect.ts';
import { readStatus } from './status-read.ts';

/** The keyboard. */
export interface WatchKeys {
  isTTY?: boolean;
  setRawMode?: (raw: boolean) => unknown;
  on(event: 'data', listener: (bytes: Uint8Array | string) => void): unknown;
  off(event: 'data', listener: (bytes: Uint8Array | string) => void): unknown;
  resume(): unknown;
  pause(): unknown;
}

/** The screen. */
export type WatchScreen = Stream & {
  columns?: number;
  rows?: number;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
};

export interface WatchSeat {
  stdin: WatchKeys;
  stdout: WatchScreen;
  env: Record<string, string | undefined>;
  nowMs: () => number;
  /** Calls `stop` when the process is to end, until the returned function is called. */
  onStop: (stop: () => void) => () => void;
  /** Lines of what the unit serves, drawn below. */
  served: (answer: unknown) => Promise<string[]>;
}

const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?7l';
const LEAVE = '\u001b[?7h\u001b[?25h\u001b[?1049l';
/** One frame: terminals that know it show it when it is whole. */
const [BEGIN, END] = ['\u001b[?2026h\u001b[H', '\u001b[J\u001b[?2026l'];
const LINE_END = '\u001b[K';
const ROWS = 24;
const QUIT: ReadonlySet<string> = new Set(['q', 'Q', '\u0003', '\u0004', '\u001b']);

/**
 * Shows how a unit stands on a terminal's other screen until somebody leaves (q, Ctrl-C) or the process is to end. A unit
 * that goes away meanwhile is waited for. Rejects with a `Fault` where it does not answer at first, or where this is no terminal.
 */
export async function watchStatus(control: string, everyMs: number, seat: WatchSeat): Promise<void> {
  const { stdin, stdout } = seat;
  if (stdin.isTTY !== true || stdout.isTTY !== true) {
    throw new UsageFault('--watch needs a terminal', 'leave it out, or use --json in a loop');
  }
  const watch = new Watch(control, seat);
  await watch.look();
  const keys = (bytes: Uint8Array | string): void => {
    const text = typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('latin1');
    // Arrows and the like begin with an escape as well.
    const typed = text.length > 1 && text.startsWith('\u001b') ? '' : text;
    if ([...typed].some((key) => QUIT.has(key))) watch.leave();
  };
  const redraw = (): void => watch.draw();
  const unlisten = seat.onStop(() => watch.leave());
  stdin.setRawMode?.(true);
  stdin.on('data', keys);
  stdin.resume();
  stdout.on('resize', redraw);
  stdout.write(ENTER);
  try {
    watch.draw();
    while (await watch.pause(everyMs)) {
      await watch.lookAgain();
      watch.draw();
    }
  } finally {
    stdout.write(LEAVE);
    stdout.off('resize', redraw);
    stdin.off('data', keys);
    stdin.setRawMode?.(false);
    stdin.pause();
    unlisten();
  }
}

interface Sample {
  atMs: number;
  bytes: number;
  compared: number;
}

class Watch {
  readonly #control: string;
  readonly #seat: WatchSeat;
  #status: UnitStatus | undefined;
  #served: string[] = [];
  #words = '';
  #left = false;
  #wake: () => void = () => {};
  #last = new Map<string, Sample>();
  #rates = new Map<string, { bytes: number; compared: number }>();

  constructor(control: string, seat: WatchSeat) {
    this.#control = control;
    this.#seat = seat;
  }

  leave(): void {
    this.#left = true;
    this.#wake();
  }

  /** False once somebody has left. */
  async pause(ms: number): Promise<boolean> {
    if (this.#left) return false;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    return !this.#left;
  }

  async look(): Promise<void> {
    const answer = await askControl(this.#control, { do: 'status' });
    const status = readStatus(answer);
    this.#served = await this.#seat.served(answer);
    this.#sample(status);
    this.#status = status;
    this.#words = '';
  }

  /** A unit that is started again is found again. */
  async lookAgain(): Promise<void> {
    try {
      await this.look();
    } catch (error) {
      if (!(error instanceof Fault) || error.blame === 'bug') throw error;
      this.#words = error.message;
    }
  }

  draw(): void {
    const { stdout, env, nowMs } = this.#seat;
    if (this.#status === undefined || this.#left) return;
    const terminal = terminalOf(stdout, env);
    const rows = Math.max(2, stdout.rows ?? ROWS);
    const all = drawStatus(this.#status, terminal, nowMs(), this.#served, this.#columns()).trimEnd().split('\n');
    const shown = all.slice(0, rows - 1);
    const hidden = all.length > shown.length ? `${all.length - shown.length} more lines; ` : '';
    const last = `${this.#words === '' ? hidden : `${plain(this.#words)}; `}q leaves`;
    stdout.write(`${BEGIN}${[...shown, last].map((line) => `${line}${LINE_END}`).join('\r\n')}${END}`);
  }

  #columns(): MirrorColumns {
    return {
      heads: ['LAG', 'WRITES', 'COMPARES'],
      cells: (lu, mirror) => {
        const { bytes = 0, compared = 0 } = this.#rates.get(keyOf(lu, mirror)) ?? {};
        return [lagWords(mirror), rateWords(bytes), rateWords(compared)];
      },
      width: 32,
    };
  }

  #sample({ volumes }: UnitStatus): void {
    const atMs = this.#seat.nowMs();
    const [before, next] = [this.#last, new Map<string, Sample>()];
    this.#rates = new Map();
    for (const { lu, mirrors } of volumes) {
      for (const mirror of mirrors) {
        const key = keyOf(lu, mirror);
        const one = { atMs, bytes: mirror.writtenBytes + mirror.copiedBytes, compared: mirror.comparedBytes };
        const then = before.get(key);
        next.set(key, one);
        if (then === undefined || then.atMs >= atMs) continue;
        const per = (now: number, was: number): number => (Math.max(0, now - was) / (atMs - then.atMs)) * 1000;
        this.#rates.set(key, { bytes: per(one.bytes, then.bytes), compared: per(one.compared, then.compared) });
      }
    }
    this.#last = next;
  }
}

function keyOf(lu: string, { to }: MirrorStatus): string {
  return JSON.stringify([lu, to]);
}

/** How old the oldest change is that it may lack: what a loss of the first volume would cost now. */
function lagWords({ lag }: MirrorStatus): string {
  if (lag === undefined) return '-';
  const { seconds } = lag;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  return seconds < 600 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}

function rateWords(bytes: number): string {
  return bytes >= 1 ? `${sizeWords(Math.round(bytes))}/s` : '-';
}
