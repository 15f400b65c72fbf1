/** What a queued segment's bytes are worth. */
export const WHOLE = 0;
/** Two copies differed and neither checksum decides: `rival` holds the other copy. */
export const DISPUTED = 1;

const FIRST_SLOTS = 32;
const NO_WORDS = new Uint32Array(0);
const NO_BYTES = new Uint8Array(0);
const NO_DOUBLES = new Float64Array(0);

/**
 * The segments of one direction that wait to be delivered, in sequence order, as a ring of parallel arrays: no object a
 * segment. Bytes are borrowed from the source's buffers until `copyOut` moves them into a store of the queue's own.
 */
export class Pending {
  count = 0;
  head = 0;
  seq: Uint32Array;
  length: Uint32Array;
  /** Bytes present, at most `length`: the snap length may have cut the segment. */
  captured: Uint32Array;
  /** Payload offset in `buffer`, and how far before it the TCP header starts. */
  offset: Uint32Array;
  header: Uint8Array;
  /** What the segment acknowledged, when `hasAck`. */
  ack: Uint32Array;
  hasAck: Uint8Array;
  worth: Uint8Array;
  frame: Float64Array;
  time: Float64Array;
  buffer: (Uint8Array | undefined)[];
  /** The other copy of a disputed segment's bytes, the queue's own. */
  rival: (Uint8Array | undefined)[];
  /** Payload bytes queued (as on the wire). */
  bytes = 0;

  private store: Uint8Array | undefined;
  private spare: Uint8Array | undefined;
  private mask: number;

  /** Arrays are made for the first segment queued: most connections of a busy bus never queue one. */
  constructor(capacity = 0) {
    this.mask = capacity - 1;
    const none = capacity === 0;
    this.seq = none ? NO_WORDS : new Uint32Array(capacity);
    this.length = none ? NO_WORDS : new Uint32Array(capacity);
    this.captured = none ? NO_WORDS : new Uint32Array(capacity);
    this.offset = none ? NO_WORDS : new Uint32Array(capacity);
    this.header = none ? NO_BYTES : new Uint8Array(capacity);
    this.ack = none ? NO_WORDS : new Uint32Array(capacity);
    this.hasAck = none ? NO_BYTES : new Uint8Array(capacity);
    this.worth = none ? NO_BYTES : new Uint8Array(capacity);
    this.frame = none ? NO_DOUBLES : new Float64Array(capacity);
    this.time = none ? NO_DOUBLES : new Float64Array(capacity);
    this.buffer = new Array(capacity).fill(undefined);
    this.rival = new Array(capacity).fill(undefined);
  }

  /** The slot of the n-th queued segment. */
  slot(n: number): number {
    return (this.head + n) & this.mask;
  }

  /** Sequence number after the last queued segment; meaningless while empty. */
  end(): number {
    const s = (this.head + this.count - 1) & this.mask;
    return (this.seq[s] + this.length[s]) >>> 0;
  }

  /** Opens a slot at place `n` (0 is the head) and returns it; the caller fills every field. */
  open(n: number): number {
    if (this.count > this.mask) this.grow();
    this.count++;
    for (let k = this.count - 1; k > n; k--) this.move(this.slot(k - 1), this.slot(k));
    return this.slot(n);
  }

  /** Forgets the segment at place `n`. */
  drop(n: number): void {
    this.bytes -= this.length[this.slot(n)];
    for (let k = n; k < this.count - 1; k++) this.move(this.slot(k + 1), this.slot(k));
    const last = this.slot(this.count - 1);
    this.buffer[last] = undefined;
    this.rival[last] = undefined;
    this.count--;
  }

  shift(): void {
    const s = this.head;
    this.bytes -= this.length[s];
    this.buffer[s] = undefined;
    this.rival[s] = undefined;
    this.head = (s + 1) & this.mask;
    this.count--;
  }

  /** Cuts the first `n` bytes off the segment in slot `s`. */
  trimFront(s: number, n: number): void {
    this.seq[s] = (this.seq[s] + n) >>> 0;
    this.length[s] -= n;
    this.offset[s] += n;
    this.header[s] = 0; // its checksum can no longer be checked
    this.captured[s] = this.captured[s] > n ? this.captured[s] - n : 0;
    this.rival[s] = this.rival[s]?.subarray(n);
    this.bytes -= n;
  }

  /** Cuts the segment in slot `s` down to its first `n` bytes. */
  trimBack(s: number, n: number): void {
    this.bytes -= this.length[s] - n;
    this.length[s] = n;
    this.header[s] = 0;
    if (this.captured[s] > n) this.captured[s] = n;
    this.rival[s] = this.rival[s]?.subarray(0, n);
  }

  copySlot(from: number, to: number): void {
    this.move(from, to);
    this.bytes += this.length[to];
  }

  /** Forgets everything, and the memory it took. */
  clear(): void {
    this.adopt(new Pending());
    this.count = 0;
    this.bytes = 0;
    this.store = undefined;
    this.spare = undefined;
  }

  /** Nothing is queued: the copied bytes' memory can go; the arrays stay for the next burst. */
  letStoresGo(): void {
    this.store = undefined;
    this.spare = undefined;
  }

  /** Moves every queued byte that still lies in `borrowed` (or all, without one) into the queue's own store. */
  copyOut(borrowed?: Uint8Array): void {
    let need = 0;
    let foreign = false;
    for (let k = 0; k < this.count; k++) {
      const s = this.slot(k);
      need += this.captured[s] + this.header[s];
      if (this.buffer[s] !== this.store && (borrowed === undefined || this.buffer[s] === borrowed)) foreign = true;
    }
    if (!foreign) return;
    let into = this.spare;
    if (into === undefined || into.length < need) into = new Uint8Array(roundUp(need));
    let at = 0;
    for (let k = 0; k < this.count; k++) {
      const s = this.slot(k);
      const from = this.offset[s] - this.header[s];
      const n = this.captured[s] + this.header[s];
      into.set(this.buffer[s]!.subarray(from, from + n), at);
      this.offset[s] = at + this.header[s];
      this.buffer[s] = into;
      at += n;
    }
    this.spare = this.store;
    this.store = into;
  }

  private move(from: number, to: number): void {
    this.seq[to] = this.seq[from];
    this.length[to] = this.length[from];
    this.captured[to] = this.captured[from];
    this.offset[to] = this.offset[from];
    this.header[to] = this.header[from];
    this.ack[to] = this.ack[from];
    this.hasAck[to] = this.hasAck[from];
    this.worth[to] = this.worth[from];
    this.frame[to] = this.frame[from];
    this.time[to] = this.time[from];
    this.buffer[to] = this.buffer[from];
    this.rival[to] = this.rival[from];
  }

  /** Takes the arrays of `other`, whose first slot is slot 0. */
  private adopt(other: Pending): void {
    this.seq = other.seq;
    this.length = other.length;
    this.captured = other.captured;
    this.offset = other.offset;
    this.header = other.header;
    this.ack = other.ack;
    this.hasAck = other.hasAck;
    this.worth = other.worth;
    this.frame = other.frame;
    this.time = other.time;
    this.buffer = other.buffer;
    this.rival = other.rival;
    this.mask = other.mask;
    this.head = 0;
  }

  private grow(): void {
    const bigger = new Pending(Math.max(FIRST_SLOTS, (this.mask + 1) * 2));
    for (let k = 0; k < this.count; k++) {
      const s = this.slot(k);
      bigger.seq[k] = this.seq[s];
      bigger.length[k] = this.length[s];
      bigger.captured[k] = this.captured[s];
      bigger.offset[k] = this.offset[s];
      bigger.header[k] = this.header[s];
      bigger.ack[k] = this.ack[s];
      bigger.hasAck[k] = this.hasAck[s];
      bigger.worth[k] = this.worth[s];
      bigger.frame[k] = this.frame[s];
      bigger.time[k] = this.time[s];
      bigger.buffer[k] = this.buffer[s];
      bigger.rival[k] = this.rival[s];
    }
    this.adopt(bigger);
  }
}

function roundUp(bytes: number): number {
  let size = 65536;
  while (size < bytes) size *= 2;
  return size;
}
