import { ACK, ATN, BSY, CD, IO, MSG, REQ, RST, type SampleSink, SEL } from '../../src/base/samples.ts';
import type { TraceFault } from './traceFault.ts';

/** Control lines in the order of the GPIO word's bits 19 to 27 (the STANDARD and FULLSPEC boards). */
const GPIO = [ATN, RST, ACK, REQ, MSG, CD, IO, BSY, SEL];
const GPIO_DATA = 10;
const GPIO_PARITY = 18;
const GPIO_CONTROL = 19;
const CONTROL = controlTable();

const BEFORE = 0;
const LIST = 1;
const RECORD = 2;
const KEY = 3;
const COLON = 4;
const TO_VALUE = 5;
const STRING = 6;
const BARE = 7;
const LOST = 8;
const ENDED = 9;

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN = 0x7b;
const CLOSE = 0x7d;
/** The keys that are read. */
const KEYS = ['id', 'timestamp', 'data'].map((key) => Uint8Array.from(key, (letter) => letter.charCodeAt(0)));
const ID = 0;
const TIMESTAMP = 1;
/** Keys and values are shorter than this. */
const TEXT_MAX = 40;

/**
 * scsimon's JSON in pieces as they come, pushed into a sink as samples of the bus: a list of objects with `id`, `timestamp`
 * and `data` (the GPIO word), in the order in which they stand. Memory does not grow with its length.
 *
 * Times are loop counts, not nanoseconds: the trace is not timed. A record in which no line of the bus moved is passed over.
 * A record that cannot be read, and ids that are left out, are holes.
 */
export class JsonReader {
  /** Set once reading has stopped for good. */
  fault: TraceFault | undefined;
  private state = BEFORE;
  private position = 0;
  private readonly text = new Uint8Array(TEXT_MAX);
  private length = 0;
  /** Which of `KEYS` the value at hand is; -1 for none. */
  private key = -1;
  /** Of the record at hand; NaN where not told. */
  private id = Number.NaN;
  private timestamp = Number.NaN;
  private data = Number.NaN;
  private nextId = Number.NaN;
  private time = 0;
  private emittedAt = -1;
  private last = -1;
  private lost = false;
  private why = '';
  private lostRecords = 0;

  /** The list has begun. */
  get opened(): boolean {
    return this.state !== BEFORE;
  }

  push(bytes: Uint8Array, from: number, to: number, sink: SampleSink): void {
    if (this.fault !== undefined) return;
    const start = this.position - from;
    for (let i = from; i < to; i++) {
      this.state = this.step(bytes[i], sink);
      if (this.state === BEFORE && bytes[i] > 32) {
        this.fault = { offset: start + i, reason: 'it does not begin as a list of samples', mend: undefined };
        return;
      }
    }
    this.position = start + to;
  }

  /** The trace has ended. */
  finish(sink: SampleSink): void {
    if (this.fault === undefined && this.state !== ENDED) {
      this.fault = { offset: this.position, reason: 'it ends inside the list', mend: undefined };
    }
    if (this.lostRecords > 0) sink.notice(`${this.lostRecords} records of the trace could not be read`);
    if (this.lost && this.emittedAt >= 0) sink.hole(this.emittedAt, this.time, this.why);
    else if (!this.lost && this.emittedAt >= 0 && this.emittedAt < this.time) this.emit(sink);
  }

  private step(byte: number, sink: SampleSink): number {
    switch (this.state) {
      case BEFORE:
        if (byte !== 0x5b) return BEFORE;
        sink.begin({ width: 8, parity: true, timed: false });
        return LIST;
      case LIST:
        if (byte === OPEN) return this.open();
        if (byte === 0x5d) return ENDED;
        return byte <= 32 || byte === COMMA ? LIST : this.lose();
      case RECORD:
        if (byte === QUOTE) return this.begin(KEY);
        if (byte === CLOSE) return this.record(sink);
        return byte <= 32 || byte === COMMA ? RECORD : this.lose();
      case KEY:
        if (byte !== QUOTE) return this.append(byte, KEY);
        this.key = KEYS.findIndex((key) => this.reads(key));
        return COLON;
      case COLON:
        if (byte === 0x3a) return TO_VALUE;
        return byte <= 32 ? COLON : this.lose();
      case TO_VALUE:
        if (byte <= 32) return TO_VALUE;
        if (byte === QUOTE) return this.begin(STRING);
        this.begin(BARE);
        return this.append(byte, BARE);
      case STRING:
        return byte === QUOTE ? this.value(RECORD) : this.append(byte, STRING);
      case BARE:
        if (byte === CLOSE) return this.value(RECORD) === RECORD ? this.record(sink) : LOST;
        return byte === COMMA || byte <= 32 ? this.value(RECORD) : this.append(byte, BARE);
      case LOST:
        return byte === OPEN ? this.open() : LOST;
      default:
        return ENDED;
    }
  }

  private begin(state: number): number {
    this.length = 0;
    return state;
  }

  private append(byte: number, state: number): number {
    if (this.length === TEXT_MAX || byte <= 32) return this.lose();
    this.text[this.length++] = byte;
    return state;
  }

  private reads(key: Uint8Array): boolean {
    if (this.length !== key.length) return false;
    for (let i = 0; i < key.length; i++) if (this.text[i] !== key[i]) return false;
    return true;
  }

  private open(): number {
    this.id = Number.NaN;
    this.timestamp = Number.NaN;
    this.data = Number.NaN;
    return RECORD;
  }

  /** A value is complete; returns `next`, or LOST when it is none of its key's. */
  private value(next: number): number {
    if (this.key < 0) return next;
    const told = number(this.text, this.length, this.key === ID ? 10 : 16);
    if (this.key === ID) this.id = told;
    else if (this.key === TIMESTAMP) this.timestamp = told;
    else this.data = told;
    return Number.isNaN(told) ? this.lose() : next;
  }

  private lose(): number {
    this.lostRecords++;
    this.lost = true;
    this.why = 'a record that cannot be read';
    return LOST;
  }

  private record(sink: SampleSink): number {
    if (Number.isNaN(this.data) || Number.isNaN(this.timestamp)) return this.lose();
    // The order is that of the records; an id that leaves some out says that they are missing.
    if (this.id > this.nextId && !this.lost) {
      this.lost = true;
      this.why = 'records that are left out';
    }
    this.nextId = this.id + 1;
    if (this.timestamp > this.time) this.time = this.timestamp;
    // The GPIO's other bits are not the bus: 18 bits of 10 to 27 are.
    const word = Math.floor(this.data / 2 ** GPIO_DATA) & 0x3ffff;
    if (this.lost) {
      if (this.emittedAt >= 0) sink.hole(this.emittedAt, this.time, this.why);
      this.lost = false;
    } else if (word === this.last) return LIST;
    this.last = word;
    this.emit(sink);
    return LIST;
  }

  private emit(sink: SampleSink): void {
    this.emittedAt = this.time;
    const word = this.last;
    const control = CONTROL[word >> (GPIO_CONTROL - GPIO_DATA)];
    sink.sample(this.time, control, word & 0xff, (word >> (GPIO_PARITY - GPIO_DATA)) & 1);
  }
}

/** A number in decimal or in hex with 0x or without; NaN where it is none or above 2^53-1. */
function number(text: Uint8Array, length: number, base: 10 | 16): number {
  const from = base === 16 && text[0] === 48 && (text[1] | 32) === 0x78 ? 2 : 0;
  if (length <= from) return Number.NaN;
  let value = 0;
  for (let i = from; i < length; i++) {
    const letter = text[i] | 32;
    const digit = text[i] <= 57 ? text[i] - 48 : letter - 87;
    if (digit < 0 || digit >= base || (text[i] > 57 && letter < 97)) return Number.NaN;
    value = value * base + digit;
  }
  return value <= Number.MAX_SAFE_INTEGER ? value : Number.NaN;
}

function controlTable(): Uint16Array {
  const table = new Uint16Array(1 << GPIO.length);
  for (let word = 0; word < table.length; word++) {
    for (const [n, line] of GPIO.entries()) if ((word >> n) & 1) table[word] |= line;
  }
  return table;
}
