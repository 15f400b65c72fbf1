import { Writable } from 'node:stream';
import type { SnoopSink } from '../../../src/base/sink.ts';
import type { InspectEnd, InspectHooks, Seat, Stream } from '../../../src/cli/rows-inspect.ts';
import { START } from './view.ts';

/** A stream that remembers what was written; `isTTY` and `columns` as a terminal's. */
export class Paper extends Writable {
  text = '';
  chunks = 0;
  declare isTTY?: boolean;
  declare columns?: number;

  constructor(tty?: number) {
    super({ decodeStrings: false, highWaterMark: 1024 });
    if (tty !== undefined) Object.assign(this, { isTTY: true, columns: tty });
  }

  override _write(chunk: string | Buffer, _encoding: string, done: () => void): void {
    this.text += String(chunk);
    if (chunk.length > 0) this.chunks++;
    setImmediate(done);
  }

  get lines(): string[] {
    return this.text.split('\n').slice(0, -1);
  }
}

export interface TestSeat extends Seat {
  stdout: Paper & Stream;
  stderr: Paper & Stream;
}

/** A seat whose capture is what `traffic` pushes into the sink. */
export function seatOf(
  traffic: (sink: SnoopSink, hooks: InspectHooks) => void | Promise<void>,
  parts: { end?: Partial<InspectEnd>; columns?: number; errColumns?: number; env?: Record<string, string> } = {},
): TestSeat {
  return {
    stdout: new Paper(parts.columns),
    stderr: new Paper(parts.errColumns),
    env: parts.env ?? { LANG: 'C.UTF-8' },
    async inspect(_paths, sink, hooks) {
      await traffic(sink, hooks);
      const nothing = { frames: 0, bytes: 0, streams: 0, holes: 0, holeBytes: 0, faults: [], notices: [] };
      return { ...nothing, firstAt: START, lastAt: START, ...parts.end };
    },
  };
}

/** Waits until both papers hold everything that was written. */
export async function settled(seat: TestSeat): Promise<TestSeat> {
  for (const paper of [seat.stdout, seat.stderr]) await new Promise<void>((resolve) => paper.end(resolve));
  return seat;
}
