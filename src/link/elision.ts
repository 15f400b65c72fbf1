import type { Piece } from '../base/change.ts';
import { Extents } from '../base/extents.ts';
import type { OrderedEntry } from '../base/ordered.ts';
import { isOr } from '../base/payload.ts';
import { cutPiece } from '../base/pieces.ts';
import { pieceBytes } from './runs.ts';
import type { SendQueue, SentEntry } from './sendQueue.ts';

/** A link that lets nothing wait so long keeps up: its far end is given every moment. Nanoseconds. */
export const ELIDE_AFTER_NS: number = 1e9;
/** Entries that are looked at together, their pieces, and their bytes. */
export const BATCH_ENTRIES = 1024;
const BATCH_PIECES = 8192;
const BATCH_BYTES: number = 4 * 1024 * 1024;
/** Of the bytes of entries that become one, the share that has to be saved: it costs the moments between them. */
export const LEAST_SHARE: number = 1 / 16;

type Written = Extract<OrderedEntry, { pieces: readonly Piece[] }>;
/** A run of bytes that entry `of` of a batch writes. */
interface Run {
  readonly start: number;
  readonly end: number;
  readonly of: number;
}

/**
 * Superseded-write elision (requirement D2). `next` is the queue's next entry; neither it nor any behind it was ever sent. If
 * it has waited for long, and those behind it have, and nothing keeps them apart, then bytes of theirs that a later one of them
 * writes over are left out. Returns what is next now.
 *
 * Why the far volume still only ever shows what the first one held. Where entry j is the next of the batch to write over
 * bytes of entry i, all of i to j become one entry, which is applied whole or not at all and leaves behind what j leaves
 * behind; so the moments between i and j are named no more, and no other is missed or changed. They differ in nothing but
 * what they write: each says the same of `consistent`, none has a place in an order that volumes share, none depends on
 * what lies there (`or`); and what stands between entries (a bookmark, a state, a question) ends the batch.
 */
export function elide(queue: SendQueue, next: SentEntry, entryBytesMax: number, now: number): SentEntry {
  if (now - next.since < ELIDE_AFTER_NS) return next;
  const batch = queue.look(taker(Math.min(BATCH_BYTES, entryBytesMax), now));
  const reach = batch.length > 1 ? reaches(batch) : undefined;
  if (!reach) return next;
  const after: SentEntry[] = [];
  for (let from = 0; from < batch.length; ) {
    let to = from;
    for (let n = from; n <= to; n++) to = Math.max(to, reach[n]);
    const some = batch.slice(from, to + 1);
    const one = to > from ? joined(some) : undefined;
    after.push(...(one ? [one] : some));
    from = to + 1;
  }
  if (after.length < batch.length) queue.replace(batch.length, after);
  return after[0];
}

/** Says, one after the other, of which entries a batch is made. */
function taker(bytesMax: number, now: number): (item: SentEntry) => boolean {
  let entries = 0;
  let pieces = 0;
  let bytes = 0;
  let consistent: boolean | undefined;
  return (item) => {
    const { entry, since } = item;
    if (now - since < ELIDE_AFTER_NS || !isFree(entry)) return false;
    consistent ??= entry.consistent;
    entries++;
    pieces += entry.pieces.length;
    bytes += item.bytes;
    const fits = entries <= BATCH_ENTRIES && pieces <= BATCH_PIECES && bytes <= bytesMax;
    return fits && entry.consistent === consistent;
  };
}

/** Nothing but writes, which mean the same wherever they stand. */
function isFree(entry: OrderedEntry): entry is Written {
  return 'pieces' in entry && entry.order === undefined && !entry.pieces.some(({ payload }) => isOr(payload));
}

/** For each entry the last one of those that write what it, or one of these, writes; undefined: no two write the same. */
function reaches(batch: readonly SentEntry[]): Int32Array | undefined {
  const runs: Run[] = [];
  for (const [of, { entry }] of batch.entries()) {
    for (const { offset, length } of piecesOf(entry)) {
      if (length > 0) runs.push({ start: offset, end: offset + length, of });
    }
  }
  runs.sort((a, b) => a.start - b.start);
  const reach = new Int32Array(batch.length);
  let found = false;
  // Runs that overlap each other or have overlapping ones between them.
  let [end, first, last] = [0, 0, 0];
  for (const run of runs) {
    if (run.start >= end) [end, first, last] = [run.end, run.of, run.of];
    else {
      found = true;
      [end, first, last] = [Math.max(end, run.end), Math.min(first, run.of), Math.max(last, run.of)];
      reach[first] = Math.max(reach[first], last);
    }
  }
  return found ? reach : undefined;
}

/** What these entries come to; undefined where that saves too little. */
function joined(entries: readonly SentEntry[]): SentEntry | undefined {
  const covered = new Extents();
  const pieces: Piece[] = [];
  for (const { entry } of entries.toReversed()) {
    for (const piece of piecesOf(entry)) {
      const end = piece.offset + piece.length;
      covered.gaps(piece.offset, end, (from, to) => pieces.push(cutPiece(piece, from, to)));
      covered.add(piece.offset, end);
    }
  }
  pieces.sort((a, b) => a.offset - b.offset);
  const last = entries[entries.length - 1];
  const sum = (of: (item: SentEntry) => number): number => entries.reduce((total, item) => total + of(item), 0);
  const before = sum((item) => item.bytes);
  const bytes = pieceBytes(pieces);
  if (before - bytes < Math.max(1, before * LEAST_SHARE)) return undefined;
  return {
    ...last,
    earlier: entries.flatMap(({ earlier, id }) => [...earlier, id]).slice(0, -1),
    since: entries[0].since,
    entry: { ...(last.entry as Written), pieces },
    bytes,
    appendedBytes: sum((item) => item.appendedBytes),
  };
}

function piecesOf(entry: OrderedEntry): readonly Piece[] {
  return 'pieces' in entry ? entry.pieces : [];
}
