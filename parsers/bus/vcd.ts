import type { SampleSink, SignalNames } from '../../src/base/samples.ts';
import type { TraceFault } from './traceFault.ts';
import { SHORT_IDS, VcdChanges } from './vcdChanges.ts';
import { VcdHeader } from './vcdHeader.ts';
import { isSignalFault, SignalFinder } from './vcdSignals.ts';

/**
 * A VCD (IEEE 1364 section 18) in pieces as they come, pushed into a sink as samples of the bus. Memory does not grow with
 * its length.
 *
 * A sample is all changes up to the next `#` line. In a trace of scsimon every `#` line is one, even when its time does not
 * grow; else lines of one time are one sample. A sample in which no line of the bus moved is passed over. Times are whole
 * nanoseconds from the file's own zero (rounded down), for scsimon loop counts times an average: its trace is not timed.
 * Values that are unknown (x, `$dumpoff`) make a hole until all of them are known again; so does a line that cannot be
 * read, until every control and data line has been told anew (RST and ATN may stay as they are: a bus that is reset lets go
 * of all others). A released line (z) is a negated one.
 */
export class VcdReader {
  /** Set once reading has stopped for good. */
  fault: TraceFault | undefined;
  private readonly header: VcdHeader;
  private readonly finder: SignalFinder;
  private changes: VcdChanges | undefined;
  private position = 0;
  private scsimon = false;
  /** Declared codes of one or two characters; the first element says whether there are longer ones. */
  private readonly declared = new Uint8Array(SHORT_IDS);

  constructor(names: SignalNames = {}) {
    this.finder = new SignalFinder(names);
    this.header = new VcdHeader((variable) => {
      if (variable.type === 'string' && variable.path.at(-1) === 'phase') this.scsimon = true;
      this.finder.offer(variable);
      this.declared[variable.id > 0 && variable.id < SHORT_IDS ? variable.id : 0] = 1;
    });
  }

  /** The declarations have passed and name a bus. */
  get opened(): boolean {
    return this.changes !== undefined;
  }

  push(bytes: Uint8Array, from: number, to: number, sink: SampleSink): void {
    if (this.fault !== undefined) return;
    const start = this.position - from;
    let at = from;
    if (this.changes === undefined) {
      at = this.header.push(bytes, from, to);
      if (this.header.reason !== undefined) {
        this.stop(start + at, this.header.reason, undefined);
        return;
      }
      if (this.header.done) this.begin(start + at, sink);
    }
    if (this.changes !== undefined) {
      at = this.changes.push(bytes, at, to, sink);
      if (this.changes.reason !== undefined) this.stop(start + at, this.changes.reason, undefined);
    }
    this.position = start + to;
  }

  /** The trace has ended: what stands open is pushed. */
  finish(sink: SampleSink): void {
    if (this.fault === undefined && this.changes === undefined) {
      this.stop(this.position, 'it ends before its declarations do ($enddefinitions)', undefined);
    }
    this.changes?.finish(sink);
  }

  private begin(offset: number, sink: SampleSink): void {
    const plan = this.finder.plan();
    if (isSignalFault(plan)) {
      this.stop(offset, plan.reason, plan.mend);
      return;
    }
    const { unit } = this.header;
    const timed = !this.scsimon && unit !== undefined;
    this.changes = new VcdChanges(plan, this.declared, unit ?? [1, 1], timed);
    sink.begin({ width: plan.width, parity: plan.parity, timed });
    for (const text of plan.notices) sink.notice(text);
    if (unit === undefined) sink.notice('the trace has no $timescale: its times are not used');
  }

  private stop(offset: number, reason: string, mend: string | undefined): void {
    this.fault = { offset, reason, mend };
  }
}
