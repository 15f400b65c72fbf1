import type { Moment } from '../../queue/moments.ts';
import type { HistoryContents } from './historyContents.ts';

/** Entries of the queue that wrote into `[offset, offset + length)`, the newest first, at most `max`. */
export function holdersOf({ index, timeline }: HistoryContents, offset: number, length: number, max: number): Moment[] {
  const found: Moment[] = [];
  let sequence = index.next - 1;
  while (found.length < max && sequence >= index.first) {
    const pieces = index.resolve(offset, offset + length, sequence).filter(({ piece }) => piece >= 0);
    if (pieces.length === 0) break;
    const newest = Math.max(...pieces.map(({ piece }) => index.piece(piece).sequence));
    found.push(timeline.moment(newest));
    sequence = newest - 1;
  }
  return found;
}
