import { knownLink } from '../parsers/net/link.ts';
import { Fault } from '../src/base/fault.ts';
import { checkFilter, openLive, type PcapBinding, type PcapSession } from './tapBinding.ts';
import { type InterfaceView, interfaceNames, viewInterface } from './tapInterfaces.ts';
import type { CaptureOptions, LaneCounts, LaneState } from './tapMessages.ts';
import type { FrameWriter } from './tapWriter.ts';

/** Bytes of a long frame that the level `headers` keeps: headers of any tunnel, and a few commands. */
export const HEADER_BYTES = 512;
/** How long a frame may stay in the kernel's buffer unseen: its time-out begins anew with every part of the buffer. */
const HOLD_US = 30_000;
/** Frames between two looks at the clock, within a dispatch that may go on for as long as frames come. */
const PULSE_FRAMES = 256;
/** What the kernel keeps with every frame. */
const KERNEL_FRAME_BYTES = 128;
/** Frames whose mean length is believed. */
const MEAN_FRAMES = 100;
/** Every session that had to be left behind halves the next one's buffer, down to this. */
const LEAST_BUFFER = 8 * 2 ** 20;

const RETRY_MS = 500;
const RETRY_MAX_MS = 60_000;

const LINK_ETHERNET = 1;
const LINK_SLL = 113;

/** What an interface needs of the capture it belongs to. */
export interface LaneHost {
  /** Whether long frames are cut at the moment. */
  readonly cutting: boolean;
  /** Called every few frames within a dispatch. */
  pulse(): void;
  /** A session that is done with. */
  park(session: PcapSession): void;
  /** The lane's state has changed. */
  tell(lane: TapLane, notice: string): void;
}

/** One interface: its session with libpcap, and its state. */
export class TapLane {
  readonly index: number;
  readonly name: string;
  readonly writer: FrameWriter;
  readonly counts: LaneCounts;
  state: LaneState = 'gone';
  link = 0;
  /** Microseconds since 1970: what was captured before has been taken from the kernel. */
  emptyAt = 0;
  /** Within a dispatch. */
  busy = false;
  /** Ended: what libpcap still has is not wanted. */
  deaf = false;
  readonly #binding: PcapBinding;
  readonly #options: CaptureOptions;
  readonly #host: LaneHost;
  readonly #short: Uint8Array;
  #session: PcapSession | undefined;
  #seen: InterfaceView | undefined;
  #stats = { ps_recv: 0, ps_drop: 0, ps_ifdrop: 0 };
  #limit = 0;
  #pulses = 0;
  /** Frames that the kernel has put into the buffer. */
  #accepted = 0;
  /** What was accepted and what had come when the buffer was known to be nearly empty. */
  #empty = { accepted: 0, frames: 0, bytes: 0 };
  /** The kernel has dropped frames since its buffer was last empty: a part that its time-out closed holds few of them. */
  #full = false;
  /** Frames that the kernel has for each one that comes: libpcap passes over those that leave through loopback. 0: unknown. */
  #share = 0;
  #left = 0;
  #failures = 0;
  #retryAt = 0;

  constructor(
    index: number,
    binding: PcapBinding,
    options: CaptureOptions,
    host: LaneHost,
    writer: FrameWriter,
    counts: LaneCounts,
  ) {
    this.index = index;
    this.name = options.interfaces[index];
    this.writer = writer;
    this.counts = counts;
    this.#binding = binding;
    this.#options = options;
    this.#host = host;
    this.#short = writer.packet.subarray(0, HEADER_BYTES);
  }

  /** Begins to listen, or to wait for an interface that is down. Throws a `Fault`. */
  start(): void {
    const view = viewInterface(this.name);
    if (!view.exists) {
      const there = interfaceNames().join(', ');
      throw new Fault('local', `there is no interface ${this.name}`, `name one of those there are: ${there}, or any`);
    }
    checkFilter(this.#binding, this.#filter(view), view.ethernet ? LINK_ETHERNET : LINK_SLL);
    if (view.up) this.#open(view);
    this.#become(view, true);
  }

  /** Takes what the kernel has; may go on for as long as frames come. */
  dispatch(): void {
    const session = this.#session;
    if (session === undefined || this.busy) return;
    const begun = Date.now() * 1000;
    const short = this.#host.cutting;
    const into = short ? this.#short : this.writer.packet;
    this.#limit = into.length;
    this.busy = true;
    const result = session.dispatch(into, this.writer.header);
    this.busy = false;
    if (result !== 0) {
      this.#detach();
      return;
    }
    this.emptyAt = Math.max(this.emptyAt, begun - HOLD_US);
    if (this.#share === 0 && this.#came - this.#empty.frames >= MEAN_FRAMES) this.count();
  }

  readonly #ready = (): void => {
    if (this.deaf) return;
    this.writer.put(this.#host.cutting ? HEADER_BYTES : this.#limit);
    if (++this.#pulses % PULSE_FRAMES === 0) this.#host.pulse();
  };

  get #came(): number {
    return this.counts.frames + this.counts.own;
  }

  /** Bytes that wait in the kernel's buffer, as its counters tell; reads them. Infinite where it has no room. */
  backlog(): number {
    this.count();
    if (this.#full) return Number.POSITIVE_INFINITY;
    const { accepted, frames, bytes } = this.#empty;
    const came = this.#came;
    const waiting = this.#accepted - accepted - (came - frames) * Math.max(1, this.#share);
    if (waiting <= 0 || came === 0) return 0;
    const lately = came - frames >= MEAN_FRAMES;
    const mean = lately ? (this.writer.taken - bytes) / (came - frames) : this.writer.taken / came;
    return waiting * (mean + KERNEL_FRAME_BYTES);
  }

  /** Microseconds since 1970 before which nothing more will be sent. */
  get horizon(): number {
    const { unsent } = this.writer;
    // Nothing is captured where nobody listens.
    const empty = this.#session === undefined ? Date.now() * 1000 - HOLD_US : this.emptyAt;
    return unsent === undefined ? empty : Math.min(unsent, empty);
  }

  /** Reads the kernel's counters. They are 32 bits wide and wrap. */
  count(): void {
    if (this.#session === undefined) return;
    const now = this.#session.stats();
    const then = this.#stats;
    const dropped = (now.ps_drop - then.ps_drop) >>> 0;
    this.#accepted += ((now.ps_recv - then.ps_recv) >>> 0) - dropped;
    this.counts.kernel += dropped;
    this.#full ||= dropped > 0;
    this.counts.interface += (now.ps_ifdrop - then.ps_ifdrop) >>> 0;
    this.#stats = now;
    if (!this.busy) this.#settle();
  }

  /** Right after a dispatch: what the kernel has accepted has come, but for its last few milliseconds. */
  #settle(): void {
    this.#full = false;
    const empty = this.#empty;
    const came = this.#came - empty.frames;
    if (came >= MEAN_FRAMES) this.#share = (this.#accepted - empty.accepted) / came;
    empty.accepted = this.#accepted;
    empty.frames = this.#came;
    empty.bytes = this.writer.taken;
  }

  /** Looks whether the interface is still, or again, what is listened to. */
  watch(): void {
    const view = viewInterface(this.name);
    if (this.#session !== undefined && (!view.exists || view.index !== this.#seen?.index)) this.#detach();
    if (this.#session === undefined && view.exists && view.up && !this.#reopen(view)) return;
    this.#become(view, false);
  }

  /** Every attempt that fails costs a little memory, as the binding does not give it back: they become rare. */
  #reopen(view: InterfaceView): boolean {
    const now = Date.now();
    if (now < this.#retryAt) return false;
    try {
      this.#open(view);
      this.#failures = 0;
      return true;
    } catch (error) {
      const text = error instanceof Fault ? error.message : String(error);
      if (this.#failures === 0) this.#host.tell(this, `${text}; it will be tried again`);
      this.#retryAt = now + Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** this.#failures++);
      return false;
    }
  }

  /** Takes over what was seen, and says what is new. */
  #become(view: InterfaceView, first: boolean): void {
    const state = !view.exists ? 'gone' : view.up && view.carrier ? 'up' : 'down';
    const flapped = this.#seen !== undefined && view.changes !== this.#seen.changes && state === this.state;
    if (state !== this.state || flapped) {
      if (!first || state !== 'up') this.counts.blind++;
      this.state = state;
      const words = first && state === 'up' ? '' : flapped ? this.#flapWords() : this.#words(view);
      this.#host.tell(this, words);
    }
    this.#seen = view;
  }

  #words(view: InterfaceView): string {
    const { name } = this;
    if (this.state === 'up') return `${name} is up again: listening`;
    if (this.state === 'gone') return `${name} has vanished: waiting for it to come back`;
    if (view.up) return `${name} has no carrier: nothing is heard there until its cable is back`;
    return `${name} is down: nothing is heard there until it is up (\`ip link set ${name} up\`)`;
  }

  #flapWords(): string {
    return `${this.name} was without carrier for a moment`;
  }

  #filter(view: InterfaceView): string {
    const { filter } = this.#options;
    return view.ethernet ? filter.ethernet : filter.other;
  }

  #open(view: InterfaceView): void {
    const { bufferBytes, snaplen, promiscuous } = this.#options;
    const bytes = Math.max(Math.min(bufferBytes, LEAST_BUFFER), Math.floor(bufferBytes / 2 ** this.#left));
    const options = { filter: this.#filter(view), bufferBytes: bytes, snaplen, promiscuous };
    const { session, link } = openLive(this.#binding, this.name, options, this.#ready);
    if (!knownLink(link)) {
      this.#host.park(session);
      const mend = 'listen to an Ethernet, loopback or IP interface, or to `any`';
      throw new Fault('local', `${this.name} has frames of link type ${link}, which are not understood`, mend);
    }
    this.#session = session;
    this.#stats = { ps_recv: 0, ps_drop: 0, ps_ifdrop: 0 };
    this.#seen = view;
    this.link = link;
  }

  /** Leaves a session that has failed. */
  #detach(): void {
    this.count();
    this.close();
    this.#left++;
    if (this.state === 'gone') return;
    this.state = 'gone';
    this.counts.blind++;
    const gone = !viewInterface(this.name).exists;
    const words = gone ? 'has vanished: waiting for it to come back' : 'cannot be heard any more: it is tried again';
    this.#host.tell(this, `${this.name} ${words}`);
  }

  close(): void {
    if (this.#session !== undefined) this.#host.park(this.#session);
    this.#session = undefined;
  }
}
