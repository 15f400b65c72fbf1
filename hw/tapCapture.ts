import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { faultOf } from '../src/base/fault.ts';
import type { PcapBinding, PcapSession } from './tapBinding.ts';
import { type LaneHost, TapLane } from './tapLane.ts';
import type { CaptureOptions, FromCapture, LaneCounts, ToCapture } from './tapMessages.ts';
import { SlotPool } from './tapPool.ts';
import { slotBytesFor } from './tapSlot.ts';
import { FrameWriter } from './tapWriter.ts';

/** Between two rounds: less than the kernel's own time-out, and long enough for a round to be worth its cost. */
const ROUND_MS = 4;
/** The same once nothing has come for so many rounds: waking up is nearly all that an idle tap costs. */
const IDLE_ROUND_MS = 10;
const IDLE_ROUNDS = 25;
/** Within a dispatch that does not end, the other interfaces get their turn this often. */
const PULSE_MS = 10;
/** The consumer is told counts and how far time has come this often, and losses sooner. */
const TELL_MS = 100;
const TELL_LOSS_MS = 50;
const COUNT_MS = 250;
const IDLE_COUNT_MS = 1000;
const WATCH_MS = 500;
/** What a stop waits for: the kernel hands on the part of its buffer that is being filled. */
const LAST_MS = 30;
/**
 * A slot that is not full is sent as long as the interface has at most this many out: the consumer keeps a few for a while,
 * and one that is behind must not run out of memory over slots that are nearly empty.
 */
const PARTIAL_SLOTS = 3;
/** The least number of slots in a ring, and for each interface. */
const SLOTS_MIN = 16;
const LANE_SLOTS_MIN = 8;
/** Between two looks whether the consumer has given something back. */
const WAIT_MS = 2;

/**
 * The capture of one tap, in the capturing thread: a round over its interfaces every few milliseconds.
 *
 * When the consumer is behind the thread waits for it, within the dispatch, and lets the kernel's buffers fill: they are
 * larger than the ring. Only when one of them is half full frames are cut, and when no slot is left either, dropped.
 */
export class Capture implements LaneHost {
  readonly #port: MessagePort;
  readonly #pool: SlotPool;
  readonly #lanes: readonly TapLane[];
  /** Slots of each interface that the consumer has. */
  readonly #out: number[];
  readonly #park: (session: PcapSession) => void;
  readonly #pressedBytes: number;
  readonly #sleeper = new Int32Array(new SharedArrayBuffer(4));
  #ended = false;
  #stopAt = Number.POSITIVE_INFINITY;
  #pulsedAt = 0;
  #toldAt = 0;
  #countedAt = 0;
  #watchedAt = Date.now();
  #toldLevel = 'full';
  #toldLosses = 0;
  /** Time stamp of the latest frame sent, and how far the slowest interface was told to be. */
  #latest = 0;
  #toldHorizon = 0;
  /** Rounds without a frame, and bytes of all that came. */
  #idle = 0;
  #taken = 0;

  /** Throws a `Fault` when it cannot listen. */
  constructor(binding: PcapBinding, options: CaptureOptions, port: MessagePort, park: (session: PcapSession) => void) {
    this.#port = port;
    this.#park = park;
    this.#pressedBytes = options.bufferBytes / 2;
    const slotBytes = slotBytesFor(options.ringBytes, options.snaplen);
    const lanes = options.interfaces.length;
    const slots = Math.max(SLOTS_MIN, lanes * LANE_SLOTS_MIN, Math.floor(options.ringBytes / slotBytes));
    // An interface may always have a few slots: the others' frames can wait for its own.
    this.#pool = new SlotPool(slotBytes, slots, Math.max(slots / 4, lanes * (PARTIAL_SLOTS + 1)));
    this.#out = options.interfaces.map(() => 0);
    this.#lanes = options.interfaces.map((_, index) => {
      const counts: LaneCounts = { frames: 0, bytes: 0, cut: 0, kernel: 0, interface: 0, own: 0, blind: 0 };
      const writer = new FrameWriter(
        options.snaplen,
        counts,
        () => this.#slot(index),
        (buffer, count) => this.#send(index, buffer, count),
      );
      return new TapLane(index, binding, options, this, writer, counts);
    });
    try {
      for (const lane of this.#lanes) lane.start();
    } catch (error) {
      for (const lane of this.#lanes) lane.close();
      throw error;
    }
    this.#post({ kind: 'opened', links: this.#lanes.map(({ link }) => link) });
    this.#round();
  }

  get cutting(): boolean {
    return this.#pool.level !== 'full';
  }

  park(session: PcapSession): void {
    this.#park(session);
  }

  tell(lane: TapLane, notice: string): void {
    this.#post({ kind: 'lane', lane: lane.index, state: lane.state, link: lane.link, notice });
  }

  /** Within a dispatch, which goes on for as long as frames come: everything that cannot wait for its end. */
  pulse(): void {
    const now = Date.now();
    if (now < this.#pulsedAt + PULSE_MS && now >= this.#pulsedAt) return;
    this.#pulsedAt = now;
    this.#press(now);
    this.#receive();
    // Then what is still to come is passed over, which is fast enough to reach its end.
    if (now >= this.#stopAt) for (const one of this.#lanes) one.deaf = true;
    for (const other of this.#lanes) if (!other.busy) this.#take(other);
    this.#after(now);
  }

  /** A slot for an interface; waits for the consumer while the kernel has room. */
  #slot(index: number): ArrayBuffer | undefined {
    while (!this.#pool.plenty && this.#out[index] > PARTIAL_SLOTS) {
      this.#receive();
      const now = Date.now();
      if (this.#pool.plenty || now >= this.#stopAt || this.#press(now)) break;
      for (const other of this.#lanes) if (!other.busy) this.#take(other);
      this.#after(now);
      Atomics.wait(this.#sleeper, 0, 0, WAIT_MS);
    }
    return this.#pool.take();
  }

  /** Whether a buffer of the kernel's is filling up. */
  #press(now: number): boolean {
    let pressed = false;
    for (const lane of this.#lanes) pressed = lane.backlog() > this.#pressedBytes || pressed;
    if (pressed) this.#pool.press(now);
    return pressed;
  }

  readonly #round = (): void => {
    const now = Date.now();
    this.#pulsedAt = now;
    this.#receive();
    for (const lane of this.#lanes) this.#take(lane);
    if (now - this.#watchedAt >= WATCH_MS || now < this.#watchedAt) {
      this.#watchedAt = now;
      for (const lane of this.#lanes) lane.watch();
    }
    if (now >= this.#stopAt) this.#end();
    else {
      this.#after(now);
      setTimeout(this.#round, this.#resting() ? IDLE_ROUND_MS : ROUND_MS);
    }
  };

  #resting(): boolean {
    let taken = 0;
    for (const { writer } of this.#lanes) taken += writer.taken;
    this.#idle = taken === this.#taken ? this.#idle + 1 : 0;
    this.#taken = taken;
    return this.#idle > IDLE_ROUNDS;
  }

  #take(lane: TapLane): void {
    lane.dispatch();
    if (this.#out[lane.index] <= PARTIAL_SLOTS) lane.writer.flush();
  }

  #after(now: number): void {
    this.#pool.judge(now);
    const between = this.#idle > IDLE_ROUNDS ? IDLE_COUNT_MS : COUNT_MS;
    if (now - this.#countedAt >= between || now < this.#countedAt) {
      this.#countedAt = now;
      for (const lane of this.#lanes) lane.count();
    }
    if (this.#due(now)) this.#tick(now);
  }

  #due(now: number): boolean {
    const since = now - this.#toldAt;
    if (since >= TELL_MS || since < 0 || this.#pool.level !== this.#toldLevel) return true;
    if (since >= TELL_LOSS_MS && this.#losses() !== this.#toldLosses) return true;
    // Frames of one interface wait until the others are known to have nothing earlier.
    return this.#lanes.length > 1 && this.#toldHorizon <= this.#latest;
  }

  #tick(now: number): void {
    const horizons = this.#lanes.map(({ horizon }) => horizon);
    this.#toldAt = now;
    this.#toldLevel = this.#pool.level;
    this.#toldLosses = this.#losses();
    this.#toldHorizon = Math.min(...horizons);
    this.#post({ kind: 'tick', horizons, level: this.#pool.level, counts: this.#lanes.map(({ counts }) => counts) });
  }

  #losses(): number {
    let sum = 0;
    for (const { counts } of this.#lanes) sum += counts.kernel + counts.interface + counts.own + counts.blind;
    return sum;
  }

  #send(lane: number, buffer: ArrayBuffer, count: number): void {
    this.#latest = Math.max(this.#latest, this.#lanes[lane].writer.stamp);
    this.#pool.send();
    this.#pool.judge(Date.now());
    this.#out[lane]++;
    const message: FromCapture = { kind: 'frames', lane, buffer, count };
    this.#port.postMessage(message, [buffer]);
  }

  #receive(): void {
    for (;;) {
      const received = receiveMessageOnPort(this.#port);
      if (received === undefined) return;
      const message = received.message as ToCapture;
      if (message.kind === 'slot') {
        this.#out[message.lane]--;
        this.#pool.give(message.buffer);
      } else this.#stopAt = Math.min(this.#stopAt, Date.now() + LAST_MS);
    }
  }

  /** Sends what was captured, the last counts, and lets go. */
  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const lane of this.#lanes) {
      lane.count();
      lane.writer.flush();
      lane.deaf = true;
      lane.close();
    }
    this.#tick(Date.now());
    this.#post({ kind: 'ended' });
    this.#port.close();
  }

  #post(message: FromCapture): void {
    this.#port.postMessage(message);
  }
}

/** Starts a capture, or says over its port why it cannot. */
export function startCapture(
  binding: () => PcapBinding,
  options: CaptureOptions,
  port: MessagePort,
  park: (session: PcapSession) => void,
): void {
  try {
    new Capture(binding(), options, port, park);
  } catch (error) {
    const fault = faultOf(error);
    const refused: FromCapture = { kind: 'refused', blame: fault.blame, message: fault.message, mend: fault.mend };
    port.postMessage(refused);
    port.close();
  }
}
