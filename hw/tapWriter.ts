import type { LaneCounts } from './tapMessages.ts';
import { FRAME_ALIGN, slotBatch } from './tapSlot.ts';

const NO_LINK = new Uint16Array(0);
const NONE = new Uint32Array(0);
const NO_BYTES = new Uint8Array(0);
const NO_SECONDS = new Float64Array(0);
/** A frame may be longer than the snap length by a VLAN tag that libpcap puts back. */
const DOOR_SLACK = FRAME_ALIGN;

/**
 * The door: libpcap puts every packet at the same place, from which it is copied to the slot at hand. Runs once per frame
 * and makes no object but for frames of a length that was not seen yet.
 */
export class FrameWriter {
  /** Where libpcap puts a packet and its header. */
  readonly packet: Uint8Array;
  readonly header: Uint8Array;
  /** Bytes of all frames that came. */
  taken = 0;
  readonly #counts: LaneCounts;
  readonly #take: () => ArrayBuffer | undefined;
  readonly #send: (buffer: ArrayBuffer, count: number) => void;
  readonly #words: Uint32Array;
  /** The packet's first 64, 128, 192 ... bytes: a view costs more than copying a small frame. */
  readonly #firsts: (Uint8Array | undefined)[] = [];
  #slot: ArrayBuffer | undefined;
  #count = 0;
  #entries = 0;
  #at = 0;
  #room = 0;
  #bytes: Uint8Array = NO_BYTES;
  #offset: Uint32Array = NONE;
  #captured: Uint32Array = NONE;
  #wire: Uint32Array = NONE;
  #nanos: Uint32Array = NONE;
  #seconds: Float64Array = NO_SECONDS;

  /** `take` gives a slot, or undefined where the frame is to be dropped; `send` passes a filled one on. */
  constructor(
    snaplen: number,
    counts: LaneCounts,
    take: () => ArrayBuffer | undefined,
    send: (buffer: ArrayBuffer, count: number) => void,
  ) {
    const door = Math.ceil((snaplen + DOOR_SLACK) / FRAME_ALIGN) * FRAME_ALIGN;
    this.packet = Buffer.from(new ArrayBuffer(door));
    const header = new ArrayBuffer(16);
    this.header = Buffer.from(header);
    this.#words = new Uint32Array(header);
    this.#take = take;
    this.#counts = counts;
    this.#send = send;
  }

  /** The last packet's time stamp, in microseconds since 1970. */
  get stamp(): number {
    return this.#words[0] * 1e6 + this.#words[1];
  }

  /** The time stamp of the first frame that was not sent. */
  get unsent(): number | undefined {
    return this.#count === 0 ? undefined : this.#seconds[0] * 1e6 + this.#nanos[0] / 1000;
  }

  /** Takes the packet that lies at the door, no more than `limit` bytes of it. */
  put(limit: number): void {
    const words = this.#words;
    const counts = this.#counts;
    const captured = words[2];
    const keep = captured < limit ? captured : limit;
    this.taken += captured;
    if ((this.#count === this.#entries || this.#at + keep > this.#room) && !this.#next()) {
      counts.own++;
      return;
    }
    const i = this.#count++;
    const at = this.#at;
    const units = Math.ceil(keep / FRAME_ALIGN);
    this.#bytes.set(this.#firsts[units] ?? this.#first(units), at);
    this.#offset[i] = at;
    this.#captured[i] = keep;
    this.#wire[i] = words[3];
    this.#seconds[i] = words[0];
    this.#nanos[i] = words[1] * 1000;
    this.#at = at + units * FRAME_ALIGN;
    counts.frames++;
    counts.bytes += words[3];
    if (keep < captured) counts.cut++;
  }

  /** Sends what is there. */
  flush(): void {
    if (this.#slot === undefined || this.#count === 0) return;
    this.#send(this.#slot, this.#count);
    this.#slot = undefined;
    this.#count = 0;
    this.#entries = 0;
    this.#at = 0;
    this.#room = 0;
  }

  #next(): boolean {
    this.flush();
    const slot = this.#take();
    if (slot === undefined) return false;
    const batch = slotBatch(slot, 0, NO_LINK);
    this.#slot = slot;
    this.#entries = batch.offset.length;
    this.#room = batch.bytes.length;
    this.#bytes = batch.bytes;
    this.#offset = batch.offset;
    this.#captured = batch.captured;
    this.#wire = batch.wire;
    this.#nanos = batch.nanos;
    this.#seconds = batch.seconds;
    return true;
  }

  #first(units: number): Uint8Array {
    const view = new Uint8Array(this.packet.buffer, 0, units * FRAME_ALIGN);
    this.#firsts[units] = view;
    return view;
  }
}
