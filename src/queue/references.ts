import type { Piece } from '../base/change.ts';
import { Extents } from '../base/extents.ts';
import { isOr } from '../base/payload.ts';
import { firstEndingAfter, SegmentIndex } from './referencesIndex.ts';

/**
 * Where the bytes of a segment are: nowhere yet (`waiting`: the local mirror has not begun to write them), in the local
 * mirror at their own offset (`local`; `busy` while they are being read there, so that nothing may overwrite them), in
 * temporary storage (`stored`), nowhere because they are `zeros`; `gone` once nothing refers to the segment any more.
 */
export type SegmentState = 'waiting' | 'local' | 'busy' | 'stored' | 'zeros' | 'gone';

/** A run of bytes that one entry wrote. Changed by `References` only. */
export interface Segment {
  readonly reference: Reference;
  readonly offset: number;
  readonly length: number;
  readonly state: SegmentState;
  /** Where it stands in temporary storage (also when it is gone since), -1 when it does not. */
  readonly place: number;
  /** Settles when it is no longer `busy`. */
  readonly ended: Promise<unknown> | undefined;
}

/** An entry without its data. */
export interface Reference {
  readonly seq: number;
  /** Sorted by offset, without overlap; those that are gone are not among them. */
  readonly segments: readonly Segment[];
  /** The local mirror has written the whole change. */
  readonly landed: boolean;
}

interface OwnReference extends Reference {
  readonly segments: OwnSegment[];
  landed: boolean;
}

interface OwnSegment extends Segment {
  readonly reference: OwnReference;
  length: number;
  state: SegmentState;
  place: number;
  ended: Promise<unknown> | undefined;
}

/**
 * What an ordered mirror's entries without data refer to, for one local mirror (requirement C4).
 *
 * The bytes of an entry come to lie in the local mirror when it begins to write them (`begun`); from then on nothing may
 * overwrite them before they were stored elsewhere (`overlapping`, `stored`). Writes of the same bytes are under way one
 * after the other, so a byte of the local mirror belongs to one entry at most: the last that was written there. What the
 * local mirror has not begun to write is no concern of writes of other entries, nor of copies: it will be written over them.
 *
 * Methods that return segments have let go of them: the places in temporary storage of those that have one are free.
 */
export class References {
  readonly #entries = new Map<number, OwnReference>();
  /** The segments that are `local` or `busy`. */
  readonly #index = new SegmentIndex<OwnSegment>();

  get count(): number {
    return this.#entries.size;
  }

  get(seq: number): Reference | undefined {
    return this.#entries.get(seq);
  }

  /** An entry lost its data before the local mirror began to write it. What is not certain of it is not referred to. */
  refer(seq: number, pieces: readonly Piece[]): void {
    const reference: OwnReference = { seq, segments: [], landed: false };
    const { segments } = reference;
    const put = ({ payload }: Piece, start: number, end: number): void => {
      // What an OR leaves depends on what lay there, which a copy may have made newer than the entry.
      if (payload === 'lbnOnly' || isOr(payload)) return;
      const state = payload === 'zeros' ? 'zeros' : 'waiting';
      segments.splice(firstEndingAfter(segments, start), 0, segmentOf(reference, start, end - start, state));
    };
    // Most changes are one piece, or sorted: only others need a set of what was named.
    let named: Extents | undefined;
    let high = 0;
    for (const [i, piece] of pieces.entries()) {
      const { offset, length } = piece;
      if (length === 0) continue;
      const end = offset + length;
      if (offset < high) named ??= coveredBy(pieces.slice(0, i));
      if (named) {
        // Where pieces overlap, what comes between the writes of the two would find the first one's bytes.
        this.#carve(reference, offset, end);
        named.gaps(offset, end, (from, to) => put(piece, from, to));
        named.add(offset, end);
      } else put(piece, offset, end);
      high = Math.max(high, end);
    }
    if (segments.length > 0) this.#entries.set(seq, reference);
  }

  /** The local mirror begins to write `[offset, offset + length)` of the entry; what others had there is stored. */
  begun(seq: number, offset: number, length: number): readonly Segment[] {
    const lost: Segment[] = [];
    const reference = this.#entries.get(seq);
    if (!reference) return lost;
    const end = offset + length;
    const { segments } = reference;
    for (let i = firstEndingAfter(segments, offset); i < segments.length && segments[i].offset < end; i++) {
      const segment = segments[i];
      if (segment.state !== 'waiting') continue;
      if (segment.offset < offset) {
        this.#split(segment, offset);
        continue;
      }
      if (segment.offset + segment.length > end) this.#split(segment, end);
      if (this.#index.touches(segment.offset, segment.offset + segment.length)) {
        // Somebody else's bytes still lie there: which of the two it will be nobody knows.
        lost.push(segment);
        continue;
      }
      segment.state = 'local';
      this.#index.insert(segment);
    }
    for (const segment of lost) this.forget(segment);
    return lost;
  }

  /** The local mirror is through with the entry: what it never wrote is lost, and all but zeros unless `written`. */
  ended(seq: number, written: boolean): readonly Segment[] {
    const reference = this.#entries.get(seq);
    if (!reference) return [];
    reference.landed = true;
    const lost = reference.segments.filter(({ state }) => state === 'waiting' || (!written && state !== 'zeros'));
    for (const segment of lost) this.forget(segment);
    return lost;
  }

  /** True when some entry refers to a byte of the local mirror there. Allocates nothing. */
  touches(offset: number, length: number): boolean {
    return this.#index.touches(offset, offset + length);
  }

  /** The segments that lie in the local mirror there, whole, of other entries than `seq`. */
  overlapping(offset: number, length: number, seq: number): Segment[] {
    return this.#index.within(offset, offset + length).filter(({ reference }) => reference.seq !== seq);
  }

  /** The part of a segment in `[start, end)` as a segment of its own in the same state; not of one that is stored. */
  cut(segment: Segment, start: number, end: number): Segment {
    let part = segment as OwnSegment;
    if (start > part.offset) part = this.#split(part, start);
    if (end < part.offset + part.length) this.#split(part, end);
    return part;
  }

  /** It is being read from the local mirror until `ended` settles. */
  busy(segment: Segment, ended: Promise<unknown>): void {
    const own = segment as OwnSegment;
    own.state = 'busy';
    own.ended = ended;
  }

  /** Its bytes stand in temporary storage from here on, and those in the local mirror may be overwritten. */
  stored(segment: Segment, place: number): void {
    const own = segment as OwnSegment;
    this.#index.remove(own);
    own.state = 'stored';
    own.place = place;
    own.ended = undefined;
  }

  /** Nothing refers to the segment any more. An entry without a segment is forgotten. */
  forget(segment: Segment): void {
    const own = segment as OwnSegment;
    if (own.state === 'gone') return;
    const { segments, seq } = own.reference;
    segments.splice(firstEndingAfter(segments, own.offset), 1);
    if (segments.length === 0) this.#entries.delete(seq);
    this.#leave(own);
  }

  /** What lies in the local mirror may not be there any more. */
  loseLocal(): readonly Segment[] {
    const lost = this.#index.within(0, Number.POSITIVE_INFINITY);
    for (const segment of lost) this.forget(segment);
    return lost;
  }

  /** Nothing refers to what the entry wrote any more. */
  drop(seq: number): readonly Segment[] {
    const reference = this.#entries.get(seq);
    if (!reference) return [];
    this.#entries.delete(seq);
    const dropped = reference.segments.splice(0);
    for (const segment of dropped) this.#leave(segment);
    return dropped;
  }

  #leave(segment: OwnSegment): void {
    if (segment.state === 'local' || segment.state === 'busy') this.#index.remove(segment);
    segment.state = 'gone';
  }

  /** Cuts a segment in two; returns the one behind `at`. */
  #split(segment: OwnSegment, at: number): OwnSegment {
    const { reference, state, ended } = segment;
    const { segments } = reference;
    const behind = segmentOf(reference, at, segment.offset + segment.length - at, state);
    behind.ended = ended;
    segment.length = at - segment.offset;
    if (state !== 'gone') segments.splice(firstEndingAfter(segments, at), 0, behind);
    if (state === 'local' || state === 'busy') this.#index.insert(behind);
    return behind;
  }

  /** Takes `[start, end)` out of an entry that is being put together. */
  #carve(reference: OwnReference, start: number, end: number): void {
    const { segments } = reference;
    const from = firstEndingAfter(segments, start);
    if (from === segments.length || segments[from].offset >= end) return;
    const first = segments[from].offset < start ? from + 1 : from;
    if (first > from) this.#split(segments[from], start);
    let to = first;
    for (; to < segments.length && segments[to].offset < end; to++) {
      if (segments[to].offset + segments[to].length > end) this.#split(segments[to], end);
    }
    segments.splice(first, to - first);
  }
}

function coveredBy(pieces: readonly Piece[]): Extents {
  const covered = new Extents();
  for (const { offset, length } of pieces) covered.add(offset, offset + length);
  return covered;
}

function segmentOf(reference: OwnReference, offset: number, length: number, state: SegmentState): OwnSegment {
  return { reference, offset, length, state, place: -1, ended: undefined };
}
