import { ATN, RST, type SampleSink } from '../../src/base/samples.ts';
import { CONTROL_MASK, DATA_LINE, DATA_MASK, LINES, lineName, PARITY_LINE } from './lines.ts';
import { UNKNOWN_SPAN_NS } from './traceFault.ts';
import type { VcdPlan, VcdSignal } from './vcdSignals.ts';

/** Values of one bit besides 0 and 1: unknown, released. */
export const UNKNOWN = 2;
export const RELEASED = 3;

/** The digits of a vector, as words: ones, unknown ones and released ones; `first` is the first digit's value. */
export interface VectorValue {
  bits: number;
  unknown: number;
  released: number;
  length: number;
  first: number;
}

/** 2^53-1 ns is a hundred days; nothing above it can be told exactly. */
const TIME_MAX = Number.MAX_SAFE_INTEGER;

/** The lines of the bus as a VCD's changes make them, and the samples and holes that they are. */
export class VcdSamples {
  /** The current `#` line's time in ns; -1 before the first. */
  time = -1;
  /** Why the rest cannot be used. */
  reason: string | undefined;
  private readonly plan: VcdPlan;
  private readonly timed: boolean;
  /** Lines as the file writes them, those whose value is not known, and what was pushed last. */
  private raw = 0;
  private unknown: number;
  private last = -1;
  private emittedAt = -1;
  private dark = true;
  private darkFrom = -1;
  private why = 'lines without a first value';
  private dumpOff = false;
  private damages = 0;
  /** Added to times, after one that ran back. */
  private base = 0;

  constructor(plan: VcdPlan, timed: boolean) {
    this.plan = plan;
    this.timed = timed;
    this.unknown = plan.present;
  }

  /** One line became `value`. */
  scalar(line: number, value: number): void {
    const bit = 1 << line;
    if (value === 1) {
      this.raw |= bit;
      this.unknown &= ~bit;
    } else if (value === 0) {
      this.raw &= ~bit;
      this.unknown &= ~bit;
    } else if (value === UNKNOWN || this.dumpOff) {
      this.unknown |= bit;
    } else {
      this.raw = (this.raw & ~bit) | (this.plan.low & bit);
      this.unknown &= ~bit;
    }
  }

  /** A vector became `value`. */
  vector({ line, width, reversed }: VcdSignal, value: VectorValue): void {
    if (value.length > width) {
      this.damage();
      return;
    }
    // Zeros stand before a value that is shorter than its variable, or more of its first digit where that is x or z.
    const more = -1 << value.length;
    let { bits, unknown, released } = value;
    if (value.first === UNKNOWN) unknown |= more;
    if (value.first === RELEASED) released |= more;
    if (this.dumpOff) {
      unknown |= released;
      released = 0;
    }
    if (reversed) {
      bits = reverse(bits, width);
      unknown = reverse(unknown, width);
      released = reverse(released, width);
    }
    const mask = ((1 << width) - 1) << line;
    const freed = (released << line) & mask;
    this.raw = (this.raw & ~mask) | ((bits << line) & mask & ~freed) | (this.plan.low & freed);
    this.unknown = (this.unknown & ~mask) | ((unknown << line) & mask);
  }

  /** `$dumpoff`: nothing is known until every line is told again. */
  off(): void {
    this.dumpOff = true;
    this.unknown = this.plan.present;
    this.why = 'a span that was not recorded ($dumpoff)';
  }

  on(): void {
    this.dumpOff = false;
  }

  /** Something cannot be read: any line may have changed there. */
  damage(): void {
    this.damages++;
    this.why = 'a place of the trace that cannot be read';
    this.unknown |= this.plan.present & ~(ATN | RST);
  }

  /** A `#` line: what was gathered held from the time of the one before. */
  moment(told: number, sink: SampleSink): void {
    let time = told + this.base;
    if (!(time <= TIME_MAX)) {
      this.reason = 'a time lies beyond 2^53 nanoseconds';
      return;
    }
    if (this.time < 0) {
      // What stands before the first time has no time of its own: scsimon writes zeros there that it never saw.
      this.time = time;
      this.darkFrom = time;
      return;
    }
    if (time < this.time) {
      if (!this.timed) time = this.time;
      else {
        this.flush(sink);
        this.damage();
        this.why = 'a time that runs back';
        // How long it lasted nobody knows.
        this.base += this.time + UNKNOWN_SPAN_NS - time;
        this.flush(sink);
        this.time += UNKNOWN_SPAN_NS;
        return;
      }
    }
    this.flush(sink);
    this.time = time;
  }

  /** The trace has ended: the last sample, or the hole that stands open. */
  finish(sink: SampleSink): void {
    if (this.damages > 0) sink.notice(`${this.damages} places of the trace could not be read`);
    if (this.time < 0) return;
    this.flush(sink);
    if (!this.dark && this.emittedAt < this.time) this.emit(this.last, sink);
    if (!this.dark) return;
    if (this.darkFrom < this.time || this.emittedAt >= 0) sink.hole(this.darkFrom, this.time, this.why);
    sink.notice(`at the trace's end no value is known of ${namesOf(this.unknown)}`);
  }

  private flush(sink: SampleSink): void {
    if (this.unknown !== 0) {
      if (!this.dark) this.darkFrom = this.time;
      this.dark = true;
      return;
    }
    const word = this.raw ^ this.plan.low;
    if (this.dark) {
      if (this.emittedAt >= 0 || this.darkFrom < this.time) sink.hole(this.darkFrom, this.time, this.why);
      this.dark = false;
      this.why = 'a value that is not known (x)';
    } else if (word === this.last) return;
    this.emit(word, sink);
  }

  private emit(word: number, sink: SampleSink): void {
    this.last = word;
    this.emittedAt = this.time;
    sink.sample(this.time, word & CONTROL_MASK, (word >> DATA_LINE) & DATA_MASK, word >> PARITY_LINE);
  }
}

function reverse(bits: number, width: number): number {
  let out = 0;
  for (let i = 0; i < width; i++) out |= ((bits >> i) & 1) << (width - 1 - i);
  return out;
}

function namesOf(lines: number): string {
  const names: string[] = [];
  for (let line = 0; line < LINES; line++) if ((lines & (1 << line)) !== 0) names.push(lineName(line));
  return names.join(', ');
}
