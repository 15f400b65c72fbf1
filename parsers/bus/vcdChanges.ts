import type { SampleSink } from '../../src/base/samples.ts';
import { idNumber } from './vcdHeader.ts';
import { RELEASED, UNKNOWN, VcdSamples, type VectorValue } from './vcdSamples.ts';
import type { VcdPlan, VcdSignal } from './vcdSignals.ts';

/** One more than the number of the last identifier code of two characters. */
export const SHORT_IDS = idNumber('~~') + 1;

/** Where the reader stands between two bytes. */
const BETWEEN = 0;
const TIME = 1;
const ID = 2;
const BITS = 3;
const TO_BITS = 4;
const TO_ID = 5;
const VALUE = 6;
const WORD = 7;
const SECTION = 8;
const LINE = 9;
const BAD = 10;

/** What a byte is as a value: 0, 1, unknown, released; NONE for all others. */
const NONE = 4;
const VALUES = valueTable();

/** What an identifier code does: nothing, not declared, 1 to 27 a line, from VECTOR on a vector. */
const NOTHING = 0;
const UNDECLARED = -1;
const VECTOR = 32;

const HASH = 0x23;
const DOLLAR = 0x24;
/** A code whose number is above this has eight characters: with one more it is nobody's. */
const ID_MAX = 9e13;
const NOBODY = 1e17;
const WORD_MAX = 16;
const SKIPPED = ['$comment', '$date', '$version', '$vcdclose'];
const END = '$end';
const DUMPS = ['$dumpvars', '$dumpall', '$dumpon'];
/** Words that belong before the changes. */
const DECLARING = ['$enddefinitions', '$timescale', '$scope', '$upscope', '$var'];

/** The changes of a VCD (IEEE 1364 section 18.2.3) byte by byte, in pieces as they come, into samples. */
export class VcdChanges {
  /** Why the rest is not read. */
  reason: string | undefined;
  private readonly samples: VcdSamples;
  private readonly timed: boolean;
  private readonly multiply: number;
  private readonly divide: number;
  private readonly actions = new Int32Array(SHORT_IDS);
  private readonly longActions = new Map<number, number>();
  private readonly vectors: VcdSignal[] = [];
  /** Codes of more than two characters are in use: one that is not known may be a variable's that is not the bus's. */
  private readonly longDeclared: boolean;
  private state = BETWEEN;
  private number = 0;
  /** The last time, in the file's units. */
  private told = -1;
  private id = 0;
  /** The value at hand: of a scalar, or of a vector's last digit. */
  private value = NONE;
  private readonly vectorAtHand: VectorValue = { bits: 0, unknown: 0, released: 0, length: 0, first: NONE };
  /** Of the keyword or string at hand. */
  private length = 0;
  private isVector = false;
  private readonly word = new Uint8Array(WORD_MAX);
  private section = '';

  constructor(plan: VcdPlan, declared: Uint8Array, unit: readonly [number, number], timed: boolean) {
    this.samples = new VcdSamples(plan, timed);
    this.timed = timed;
    [this.multiply, this.divide] = unit;
    this.longDeclared = declared[0] === 1;
    this.actions[0] = UNDECLARED;
    for (let id = 1; id < SHORT_IDS; id++) this.actions[id] = declared[id] === 1 ? NOTHING : UNDECLARED;
    for (const signal of plan.signals) {
      let action = signal.line + 1;
      if (signal.width > 1) action = VECTOR + this.vectors.push(signal) - 1;
      if (signal.id < SHORT_IDS) this.actions[signal.id] = action;
      else this.longActions.set(signal.id, action);
    }
  }

  /** Reads `bytes[from, to)`; returns where it stopped, which is before `to` only where `reason` is set. */
  push(bytes: Uint8Array, from: number, to: number, sink: SampleSink): number {
    const { actions } = this;
    let { state } = this;
    let i = from;
    while (i < to) {
      const byte = bytes[i++];
      switch (state) {
        case BETWEEN: {
          if (byte <= 32) break;
          const value = VALUES[byte];
          if (value !== NONE) {
            // Most changes are one value, one character of code and the end of the line.
            if (i + 1 < to && bytes[i + 1] <= 32 && bytes[i] > 32) {
              const code = bytes[i] - 32;
              this.scalar(code < 95 ? actions[code] : UNDECLARED, value);
              i += 2;
              break;
            }
            this.value = value;
            this.isVector = false;
            this.id = 0;
            state = ID;
          } else if (byte === HASH) {
            state = TIME;
            this.number = -1;
          } else {
            state = this.open(byte);
          }
          break;
        }
        case TIME: {
          let number = this.number;
          let digit = byte - 48;
          if (number < 0 && digit >= 0 && digit <= 9) number = 0;
          while (digit >= 0 && digit <= 9) {
            number = number * 10 + digit;
            if (i === to) break;
            digit = bytes[i++] - 48;
          }
          this.number = number;
          if (digit >= 0 && digit <= 9) break; // the piece ends here, the number may not
          if (digit > 32 - 48 || number < 0) {
            this.samples.moment(this.samples.time, sink);
            this.samples.damage();
            state = digit > 32 - 48 ? BAD : BETWEEN;
            break;
          }
          state = BETWEEN;
          // Lines of one time are one sample, but for scsimon.
          if (number === this.told && this.timed) break;
          this.told = number;
          this.samples.moment(this.nanoseconds(number), sink);
          if (this.samples.reason !== undefined) {
            this.reason = this.samples.reason;
            return i;
          }
          break;
        }
        case ID:
          if (byte > 32) {
            this.longer(byte);
            break;
          }
          this.change();
          state = BETWEEN;
          break;
        case TO_BITS:
          // scsimon pads values with blanks.
          if (byte === 32 || byte === 9) break;
          state = BITS;
          i--;
          break;
        case BITS: {
          const value = VALUES[byte];
          if (value !== NONE) {
            this.bit(value);
            break;
          }
          if (byte <= 32 && this.vectorAtHand.length > 0) state = byte === 10 ? this.brokenOff() : TO_ID;
          else state = byte === 10 ? this.brokenOff() : this.bad();
          break;
        }
        case VALUE:
          if (byte <= 32) state = byte === 10 ? this.brokenOff() : TO_ID;
          break;
        case TO_ID:
          if (byte === 32 || byte === 9) break;
          if (byte <= 32) state = this.brokenOff();
          else {
            this.id = 0;
            this.longer(byte);
            state = ID;
          }
          break;
        case WORD:
          if (byte > 32) {
            if (this.length < WORD_MAX) this.word[this.length] = byte;
            this.length++;
            break;
          }
          state = this.keyword();
          if (this.reason !== undefined) {
            this.state = state;
            return i;
          }
          break;
        case LINE:
          state = this.line(byte);
          break;
        case SECTION:
          state = this.skip(byte);
          break;
        default:
          if (byte <= 32) state = BETWEEN;
      }
    }
    this.state = state;
    return to;
  }

  /** A token that is neither a value of one bit nor a time begins. */
  private open(byte: number): number {
    this.isVector = false;
    this.value = NONE;
    this.id = 0;
    switch (byte) {
      case 0x62: // b
      case 0x42:
        this.vectorAtHand.bits = 0;
        this.vectorAtHand.unknown = 0;
        this.vectorAtHand.released = 0;
        this.vectorAtHand.length = 0;
        this.isVector = true;
        return TO_BITS;
      case 0x72: // r: a real
      case 0x52:
        return VALUE;
      case 0x73: // s: a string, such as scsimon's phase
      case 0x53:
        this.length = 0;
        return LINE;
      case DOLLAR:
        this.word[0] = byte;
        this.length = 1;
        return WORD;
      default:
        return this.bad();
    }
  }

  private bit(value: number): void {
    const vector = this.vectorAtHand;
    if (vector.length === 0) vector.first = value;
    vector.bits = (vector.bits << 1) | (value === 1 ? 1 : 0);
    vector.unknown = (vector.unknown << 1) | (value === UNKNOWN ? 1 : 0);
    vector.released = (vector.released << 1) | (value === RELEASED ? 1 : 0);
    vector.length++;
    this.value = value;
  }

  /** One more character of an identifier code. */
  private longer(byte: number): void {
    this.id = this.id < ID_MAX && byte < 127 ? this.id * 94 + byte - 32 : NOBODY;
  }

  /** A string's value may have blanks: its code is the last word of the line. */
  private line(byte: number): number {
    if (byte > 32) {
      this.longer(byte);
      return LINE;
    }
    if (byte !== 10) {
      if (byte !== 13) {
        this.length++;
        this.id = 0;
      }
      return LINE;
    }
    if (this.length === 0 || this.actionOf(this.id) !== NOTHING) this.samples.damage();
    return BETWEEN;
  }

  /** The trace has ended. */
  finish(sink: SampleSink): void {
    if (this.state === ID) this.change();
    if (this.state === TIME && this.number >= 0) {
      // A time that was cut is smaller than it was.
      const time = this.nanoseconds(this.number);
      if (time > this.samples.time) this.samples.moment(time, sink);
    }
    if (this.state === SECTION) sink.notice(`the trace ends inside a section of ${this.section}`);
    this.state = BETWEEN;
    this.samples.finish(sink);
  }

  private actionOf(id: number): number {
    if (id < SHORT_IDS) return this.actions[id];
    return this.longActions.get(id) ?? (this.longDeclared ? NOTHING : UNDECLARED);
  }

  /** A value and its code are complete. */
  private change(): void {
    const action = this.actionOf(this.id);
    if (action === NOTHING) return;
    if (this.value === NONE || action === UNDECLARED) this.samples.damage();
    else if (action < VECTOR) this.samples.scalar(action - 1, this.value);
    else if (this.isVector) this.samples.vector(this.vectors[action - VECTOR], this.vectorAtHand);
    else this.samples.damage();
  }

  private scalar(action: number, value: number): void {
    if (action > NOTHING && action < VECTOR) this.samples.scalar(action - 1, value);
    else if (action !== NOTHING) this.samples.damage();
  }

  private bad(): number {
    this.samples.damage();
    return BAD;
  }

  private brokenOff(): number {
    this.samples.damage();
    return BETWEEN;
  }

  private keyword(): number {
    const word = String.fromCharCode(...this.word.subarray(0, Math.min(this.length, WORD_MAX)));
    if (SKIPPED.includes(word)) {
      this.section = word;
      this.length = 0;
      return SECTION;
    }
    if (word === '$dumpoff') {
      this.samples.off();
    } else if (DUMPS.includes(word)) {
      this.samples.on();
    } else if (word === END) {
      return BETWEEN;
    } else if (DECLARING.includes(word)) {
      this.reason = `a second trace begins here (${word})`;
    } else {
      this.samples.damage();
    }
    return BETWEEN;
  }

  /** Inside a section that is passed over, up to its `$end`. */
  private skip(byte: number): number {
    if (byte > 32) {
      this.length = this.length >= 0 && this.length < 4 && byte === END.charCodeAt(this.length) ? this.length + 1 : -1;
      return SECTION;
    }
    const ended = this.length === 4;
    this.length = 0;
    return ended ? BETWEEN : SECTION;
  }

  private nanoseconds(number: number): number {
    return this.divide === 1 ? number * this.multiply : Math.floor(number / this.divide);
  }
}

function valueTable(): Uint8Array {
  const table = new Uint8Array(256).fill(NONE);
  // VHDL writers add h and l (weak), u, w and - (unknown).
  for (const [value, text] of ['0lL', '1hH', 'xXuUwW-', 'zZ'].entries()) {
    for (const letter of text) table[letter.charCodeAt(0)] = value;
  }
  return table;
}
