import { SPILL_UNIT } from '../../../hw/spillSpace.ts';
import type { Segment } from '../../queue/references.ts';
import { Budget } from './recallBudget.ts';
import { memory, type RecallStock } from './recallStock.ts';

/** Bytes that are read and written at once. */
const GROUP_BYTES = 1024 * 1024;

/** Moves what is about to be overwritten in the local mirror to temporary storage. */
export class RecallMoves {
  readonly #stock: RecallStock;
  readonly #budget: Budget;

  constructor(stock: RecallStock, memoryBytes: number) {
    this.#stock = stock;
    this.#budget = new Budget(memoryBytes);
  }

  /**
   * Resolves once no entry but `seq` refers to `[offset, offset + length)` of the local mirror: what lay there was saved
   * or is lost, and whoever reads there has ended. Never rejects.
   */
  async clear(offset: number, length: number, seq: number): Promise<void> {
    const { references } = this.#stock;
    const found = (): Segment[] => references.overlapping(offset, length, seq);
    for (let segments = found(); segments.length > 0; segments = found()) {
      const ended: (Promise<unknown> | undefined)[] = [];
      for (const segment of segments) if (segment.state === 'busy') ended.push(segment.ended);
      for (const group of this.#groups(segments, offset, offset + length)) {
        const moved = this.#move(group);
        for (const segment of group) references.busy(segment, moved);
        ended.push(moved);
      }
      await Promise.all(ended);
    }
  }

  /** Those of the segments that are not being read yet, cut to `[start, end)`; neighbours together. */
  #groups(segments: readonly Segment[], start: number, end: number): Segment[][] {
    const { references } = this.#stock;
    const groups: Segment[][] = [];
    let next = -1;
    let room = 0;
    for (const whole of segments) {
      if (whole.state !== 'local') continue;
      let rest: Segment | undefined = references.cut(whole, start, end);
      while (rest) {
        const segment: Segment = rest;
        // Places begin at whole units, so a neighbour can follow only behind whole units.
        if (segment.offset !== next || room === 0 || room % SPILL_UNIT !== 0) {
          groups.push([]);
          room = GROUP_BYTES;
        }
        const cut = segment.offset + room;
        rest = segment.length > room ? references.cut(segment, cut, Number.POSITIVE_INFINITY) : undefined;
        groups[groups.length - 1].push(segment);
        room -= segment.length;
        next = segment.offset + segment.length;
      }
    }
    return groups;
  }

  /** One read, and as many writes as there are free runs for it. */
  async #move(group: Segment[]): Promise<void> {
    const { offset } = group[0];
    const last = group[group.length - 1];
    const length = last.offset + last.length - offset;
    await this.#budget.take(length);
    try {
      if (group.every(isGone)) return;
      const bytes = memory(length);
      if (await this.#stock.readLocal(offset, bytes, 'save')) await this.#store(group, bytes);
    } finally {
      this.#budget.give(length);
      this.#lose(group);
    }
  }

  /** Ends early when no place is left, or one cannot be written. */
  async #store(group: Segment[], bytes: Uint8Array): Promise<void> {
    const { spill } = this.#stock;
    const start = group[0].offset;
    for (let done = 0; done < bytes.length && !group.every(isSettled); ) {
      const run = spill.take(bytes.length - done);
      if (!run) {
        this.#stock.tell('full');
        return;
      }
      try {
        await spill.write(run.place, bytes.subarray(done, done + run.bytes));
      } catch (error) {
        spill.give(run.place, run.bytes);
        this.#stock.tell('save', error);
        return;
      }
      this.#stored(group, start + done, run.place, run.bytes);
      done += run.bytes;
    }
  }

  /** `[from, from + bytes)` stands at `place` now; a segment that goes on behind it is cut there. */
  #stored(group: Segment[], from: number, place: number, bytes: number): void {
    const { references, spill } = this.#stock;
    const to = from + bytes;
    for (let i = 0; i < group.length; i++) {
      const segment = group[i];
      const end = segment.offset + segment.length;
      if (end <= from || segment.offset >= to) continue;
      if (end > to && !isGone(segment)) group.splice(i + 1, 0, references.cut(segment, to, end));
      const at = Math.max(from, segment.offset);
      const its = place + at - from;
      if (isGone(segment)) {
        spill.give(its, Math.min(end, to) - at);
        continue;
      }
      references.stored(segment, its);
      this.#stock.spilledBytes += segment.length;
    }
  }

  #lose(group: readonly Segment[]): void {
    const lost = group.filter(({ state }) => state === 'busy');
    for (const segment of lost) this.#stock.references.forget(segment);
    this.#stock.lost(lost);
  }
}

function isGone({ state }: Segment): boolean {
  return state === 'gone';
}

function isSettled({ state }: Segment): boolean {
  return state !== 'busy';
}
