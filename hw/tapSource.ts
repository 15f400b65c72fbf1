import type { MessagePort } from 'node:worker_threads';
import { Fault } from '../src/base/fault.ts';
import type { FrameBatch, FrameRun, SourceFault } from '../src/base/frames.ts';
import type { TapInterface, TapLevel, TapLoss, TapSource } from './tap.ts';
import { LEVEL_WORDS } from './tapLevels.ts';
import { TapMerge } from './tapMerge.ts';
import type { CaptureOptions, FromCapture, LaneCounts, LaneState, ToCapture } from './tapMessages.ts';
import { slotBatch, slotFrames } from './tapSlot.ts';
import { askForCapture } from './tapThread.ts';

/** Buffers that are left alone after their turn: consumers that refer to a little of them are mostly done by then. */
const KEPT = 2;
/** How long an end is waited for. */
const END_MS = 2000;

interface Lane {
  name: string;
  state: LaneState;
  /** The link type of every frame, as long as a batch can be. */
  link: Uint16Array;
  counts: LaneCounts;
}

/** The consumer's end of a tap. Frames lie where the capturing thread put them. */
export class LiveTap implements TapSource {
  beforeReuse: (bytes: Uint8Array) => void = () => {};
  level: TapLevel = 'full';
  position = 0;
  readonly total = 0;
  readonly faults: readonly SourceFault[] = [];
  readonly #notice: (text: string) => void;
  readonly #lanes: Lane[];
  readonly #merge: TapMerge;
  readonly #listeners: ((loss: TapLoss) => void)[] = [];
  readonly #kept: { lane: number; batch: FrameBatch }[] = [];
  readonly #port: MessagePort;
  #told: TapLoss = { kernel: 0, interface: 0, own: 0, blind: 0 };
  #quietUntil = 0;
  #ended = false;
  #closed = false;
  #breathe = false;
  #failure: Fault | undefined;
  #wake: () => void = () => {};
  #opened: { resolve(): void; reject(fault: Fault): void } | undefined;

  private constructor(options: CaptureOptions, notice: (text: string) => void) {
    this.#notice = notice;
    this.#merge = new TapMerge(options.interfaces.length);
    this.#lanes = options.interfaces.map((name) => ({
      name,
      state: 'down',
      link: new Uint16Array(0),
      counts: { frames: 0, bytes: 0, cut: 0, kernel: 0, interface: 0, own: 0, blind: 0 },
    }));
    this.#port = askForCapture(options, (fault) => this.#fail(fault));
    this.#port.on('message', (message: FromCapture) => this.#take(message));
  }

  static async open(options: CaptureOptions, notice: (text: string) => void): Promise<LiveTap> {
    const tap = new LiveTap(options, notice);
    await new Promise<void>((resolve, reject) => {
      tap.#opened = { resolve, reject };
    });
    return tap;
  }

  /** The run that is handed out is the same object every time, good until the next call. */
  next(): Promise<FrameRun | undefined> {
    const used = this.#merge.used();
    if (used !== undefined) this.#giveBack(used);
    const run = this.#breathe || this.#closed ? undefined : this.#merge.next();
    return run === undefined ? this.#later() : Promise.resolve(run);
  }

  async #later(): Promise<FrameRun | undefined> {
    for (;;) {
      if (this.#breathe) {
        // Signals, timers and finished writes get their turn before every new buffer.
        this.#breathe = false;
        await new Promise(setImmediate);
      }
      if (this.#closed) return undefined;
      const run = this.#merge.next();
      if (run !== undefined) return run;
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #giveBack(used: { lane: number; batch: FrameBatch }): void {
    this.#breathe = true;
    this.#kept.push(used);
    if (this.#kept.length <= KEPT) return;
    const { lane, batch } = this.#kept.shift() as { lane: number; batch: FrameBatch };
    this.beforeReuse(batch.bytes);
    const buffer = batch.bytes.buffer as ArrayBuffer;
    this.#post({ kind: 'slot', lane, buffer }, [buffer]);
  }

  #post(message: ToCapture, transfer: ArrayBuffer[] = []): void {
    if (!this.#ended && this.#failure === undefined) this.#port.postMessage(message, transfer);
  }

  #take(message: FromCapture): void {
    switch (message.kind) {
      case 'frames':
        this.#frames(message.lane, message.buffer, message.count);
        break;
      case 'tick':
        message.horizons.forEach((horizon, lane) => {
          this.#merge.advance(lane, horizon);
        });
        this.#count(message.counts);
        this.#rise(message.level);
        break;
      case 'lane': {
        this.#lanes[message.lane].state = message.state;
        this.#relink(message.lane, message.link);
        if (message.notice !== '') this.#notice(message.notice);
        break;
      }
      case 'opened':
        message.links.forEach((link, lane) => {
          this.#relink(lane, link);
        });
        this.#opened?.resolve();
        break;
      case 'refused':
        this.#opened?.reject(new Fault(message.blame, message.message, message.mend));
        this.#port.close();
        break;
      case 'ended':
        this.#finish();
        break;
    }
    this.#wake();
  }

  #frames(lane: number, buffer: ArrayBuffer, count: number): void {
    const { link } = this.#lanes[lane];
    const entries = slotFrames(buffer.byteLength);
    if (link.length < entries) this.#lanes[lane].link = new Uint16Array(entries).fill(link[0]);
    this.#merge.push(lane, slotBatch(buffer, count, this.#lanes[lane].link));
  }

  /** Batches that were handed out before keep the array they have. */
  #relink(lane: number, link: number): void {
    if (this.#lanes[lane].link[0] !== link) this.#lanes[lane].link = Uint16Array.of(link);
  }

  #count(counts: LaneCounts[]): void {
    const now: TapLoss = { kernel: 0, interface: 0, own: 0, blind: 0 };
    this.position = 0;
    counts.forEach((count, lane) => {
      this.#lanes[lane].counts = count;
      this.position += count.bytes;
      now.kernel += count.kernel;
      now.interface += count.interface;
      now.own += count.own;
      now.blind += count.blind;
    });
    const then = this.#told;
    const loss: TapLoss = {
      kernel: now.kernel - then.kernel,
      interface: now.interface - then.interface,
      own: now.own - then.own,
      blind: now.blind - then.blind,
    };
    if (loss.kernel + loss.interface + loss.own + loss.blind === 0 || this.#listeners.length === 0) return;
    this.#told = now;
    for (const listener of this.#listeners) listener(loss);
  }

  #rise(level: TapLevel): void {
    if (level === this.level) return;
    this.level = level;
    this.#notice(LEVEL_WORDS[level]);
  }

  #finish(): void {
    this.#ended = true;
    this.#merge.end();
    this.#port.close();
  }

  #fail(fault: Fault): void {
    this.#failure = fault;
    this.#opened?.reject(fault);
    this.#port.close();
    this.#wake();
  }

  drops(): { kernel: number; interface: number; own: number } {
    const sum = { kernel: 0, interface: 0, own: 0 };
    for (const { counts } of this.#lanes) {
      sum.kernel += counts.kernel;
      sum.interface += counts.interface;
      sum.own += counts.own;
    }
    return sum;
  }

  onLoss(listener: (loss: TapLoss) => void): void {
    this.#listeners.push(listener);
  }

  get quietUntil(): bigint {
    this.#quietUntil = Math.max(this.#quietUntil, this.#merge.quietUntil);
    return BigInt(Math.floor(this.#quietUntil)) * 1000n;
  }

  get interfaces(): readonly TapInterface[] {
    return this.#lanes.map(({ name, state, counts }) => ({
      name,
      state,
      frames: counts.frames,
      bytes: counts.bytes,
      cut: counts.cut,
      kernelDrops: counts.kernel,
      interfaceDrops: counts.interface,
      ownDrops: counts.own,
    }));
  }

  async stop(): Promise<void> {
    if (this.#ended || this.#failure !== undefined) return;
    this.#post({ kind: 'stop' });
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, END_MS);
      this.#port.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
    });
    if (!this.#ended) this.#finish();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wake();
    await this.stop();
  }
}
