import type { SnoopSink } from '../../base/sink.ts';
import type { Task } from '../task.ts';
import type { Lu } from './lu.ts';

/**
 * Tells an inline unit where a command is about to write, before the command is complete at the target: the unit marks
 * its record then (DESIGN, Persistence).
 */
export class Intents {
  private readonly sink: SnoopSink;

  constructor(sink: SnoopSink) {
    this.sink = sink;
  }

  /** Somebody listens. */
  get wanted(): boolean {
    return this.sink.intent !== undefined;
  }

  /** The blocks of `task` have become known. */
  of({ lu: { root }, wholeLu, blocks }: Task): void {
    if (this.sink.intent === undefined) return;
    if (wholeLu) this.all(root);
    else for (let i = 0; i < blocks.length; i += 2) this.blocks(root, blocks[i], blocks[i + 1]);
  }

  /** A command is about to write blocks [start, end) of `lu`. Not cut at its capacity: that may have grown. */
  blocks(lu: Lu, start: number, end: number): void {
    const { sink } = this;
    if (sink.intent === undefined) return;
    const { blockSize } = lu;
    const toBytes = end * blockSize;
    if (lu.candidates !== undefined || lu.twins !== undefined || blockSize === 0 || toBytes > Number.MAX_SAFE_INTEGER) {
      this.all(lu);
      return;
    }
    if (start < end) sink.intent(lu.id, start * blockSize, toBytes - start * blockSize);
  }

  /** A command is about to write nobody knows where: to `lu`, to what it may turn out to be, and to its other names. */
  all(lu: Lu): void {
    for (const one of lu.candidates ?? [lu, ...(lu.twins ?? [])]) {
      this.sink.intent?.(one.id, 0, Number.MAX_SAFE_INTEGER);
    }
  }
}
