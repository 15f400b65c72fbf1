import { bytes, type Column, numbers } from './column.ts';

const PAGE = 4096;
/** Pages of one place of a level, level by level: 4 KiB, 64 KiB, 1 MiB, ... 64 PiB. */
const SPANS = Array.from({ length: 12 }, (_, level) => 16 ** level);
/** Levels that know whether anything lies below a place, so that what is empty is passed in large steps. */
const MIB = 2;
const FOUR_GIB = 5;
const NONE = -1;

/** A part of what was asked for: bytes `[start, end)` are those of `piece`, or of none (-1). */
export type PartVisitor = (start: number, end: number, piece: number) => void;

/** Where a piece lies, for `Pages`: the bytes themselves, as places are whole pages. */
export interface PieceRanges {
  startOf(piece: number): number;
  endOf(piece: number): number;
}

/**
 * Pieces of the volume, numbered in their order, found by where they lie. Each is taken apart into whole places of sixteen
 * sizes' steps, so that a piece of any length has few; every place keeps its pieces as a list, newest first. The oldest are
 * forgotten, the newest taken back, at the cost of their own number.
 *
 * A piece within one page costs about 70 bytes.
 */
export class Pages {
  readonly #ranges: PieceRanges;
  /** The newest node of each place, by level. */
  readonly #heads: Map<number, number>[] = SPANS.map(() => new Map());
  readonly #belowMib = new Map<number, number>();
  readonly #belowFourGib = new Map<number, number>();
  readonly #piece: Column<Float64Array> = numbers(0);
  readonly #prev: Column<Float64Array> = numbers(0);
  readonly #place: Column<Float64Array> = numbers(0);
  readonly #level: Column<Uint8Array> = bytes(0);
  #start = 0;
  #end = 0;
  /** For `#settle`: each level's node, and its piece. */
  readonly #cursors = new Float64Array(SPANS.length);
  readonly #pieces = new Float64Array(SPANS.length);

  constructor(ranges: PieceRanges) {
    this.#ranges = ranges;
  }

  /** Nodes that are kept. */
  get size(): number {
    return this.#end - this.#start;
  }

  /** Adds the newest piece. */
  add(piece: number): void {
    let from = Math.floor(this.#ranges.startOf(piece) / PAGE);
    let to = Math.ceil(this.#ranges.endOf(piece) / PAGE);
    for (let level = 0; from < to; level++) {
      const top = level === SPANS.length - 1;
      while (from < to && (top || from % 16 !== 0)) this.#add(piece, level, from++);
      while (from < to && to % 16 !== 0) this.#add(piece, level, --to);
      from /= 16;
      to /= 16;
    }
  }

  /** Forgets pieces below this one: what they covered is covered by none. */
  dropBelow(piece: number): void {
    while (this.#start < this.#end && this.#piece.get(this.#start) < piece) {
      const node = this.#start++;
      const level = this.#level.get(node);
      const place = this.#place.get(node);
      if (this.#heads[level].get(place) === node) this.#heads[level].delete(place);
      this.#count(level, place, -1);
    }
    for (const column of [this.#piece, this.#prev, this.#place, this.#level]) column.dropBelow(this.#start);
  }

  /** Takes back this piece and newer ones: older ones are to be seen again. */
  cutFrom(piece: number): void {
    while (this.#end > this.#start && this.#piece.get(this.#end - 1) >= piece) {
      const node = --this.#end;
      const level = this.#level.get(node);
      const place = this.#place.get(node);
      const prev = this.#prev.get(node);
      if (prev >= this.#start) this.#heads[level].set(place, prev);
      else this.#heads[level].delete(place);
      this.#count(level, place, -1);
    }
    for (const column of [this.#piece, this.#prev, this.#place, this.#level]) column.cutFrom(this.#end);
  }

  /** Tells, in order and without a gap, which piece below `limit` is the newest on each part of `[from, to)`. */
  resolve(from: number, to: number, limit: number, visit: PartVisitor): void {
    const end = Math.ceil(to / PAGE);
    for (let page = Math.floor(from / PAGE); page < end; ) {
      const level = this.#emptyBelow(page, end);
      const next = page + SPANS[level];
      this.#settle(page, level, Math.max(from, page * PAGE), Math.min(to, next * PAGE), limit, visit);
      page = next;
    }
  }

  /** The largest step from `page` on within which nothing lies on smaller places. */
  #emptyBelow(page: number, end: number): number {
    const large = SPANS[FOUR_GIB];
    if (page % large === 0 && page + large <= end && !this.#belowFourGib.has(page / large)) return FOUR_GIB;
    const small = SPANS[MIB];
    if (page % small === 0 && page + small <= end && !this.#belowMib.has(page / small)) return MIB;
    return 0;
  }

  /** Settles one place of `level`: only lists of it and of the places around it are looked at. */
  #settle(page: number, level: number, from: number, to: number, limit: number, visit: PartVisitor): void {
    const used = this.#open(page, level, limit);
    let open: number[] | undefined;
    const parts: [start: number, end: number, piece: number][] = [];
    for (;;) {
      let newest = -1;
      for (let i = 0; i < used; i++) {
        if (this.#cursors[i] !== NONE && (newest < 0 || this.#pieces[i] > this.#pieces[newest])) newest = i;
      }
      if (newest < 0) break;
      const piece = this.#pieces[newest];
      const start = Math.max(from, this.#ranges.startOf(piece));
      const end = Math.min(to, this.#ranges.endOf(piece));
      if (start < end) {
        if (open === undefined && start === from && end === to) {
          visit(from, to, piece);
          return;
        }
        open = carve(open ?? [from, to], start, end, piece, parts);
        if (open.length === 0) break;
      }
      this.#move(newest, this.#prev.get(this.#cursors[newest]), limit);
    }
    if (open === undefined) {
      visit(from, to, NONE);
      return;
    }
    for (let i = 0; i < open.length; i += 2) parts.push([open[i], open[i + 1], NONE]);
    parts.sort((a, b) => a[0] - b[0]);
    for (const [start, end, piece] of parts) visit(start, end, piece);
  }

  /** Puts a cursor on each list that covers the page, from `level` up; returns how many. */
  #open(page: number, level: number, limit: number): number {
    let used = 0;
    for (let l = level; l < SPANS.length; l++) {
      const heads = this.#heads[l];
      if (heads.size === 0) continue;
      const head = heads.get(Math.floor(page / SPANS[l]));
      if (head === undefined) continue;
      this.#move(used, head, limit);
      if (this.#cursors[used] !== NONE) used++;
    }
    return used;
  }

  /** Puts a cursor on this node or the first one behind it that is below `limit`. */
  #move(cursor: number, from: number, limit: number): void {
    let node = from;
    while (node >= this.#start) {
      const piece = this.#piece.get(node);
      if (piece < limit) {
        this.#cursors[cursor] = node;
        this.#pieces[cursor] = piece;
        return;
      }
      node = this.#prev.get(node);
    }
    this.#cursors[cursor] = NONE;
  }

  #add(piece: number, level: number, place: number): void {
    const node = this.#end++;
    const heads = this.#heads[level];
    this.#piece.set(node, piece);
    this.#prev.set(node, heads.get(place) ?? NONE);
    this.#place.set(node, place);
    this.#level.set(node, level);
    heads.set(place, node);
    this.#count(level, place, 1);
  }

  #count(level: number, place: number, by: 1 | -1): void {
    if (level < MIB) count(this.#belowMib, Math.floor(place / SPANS[MIB - level]), by);
    if (level < FOUR_GIB) count(this.#belowFourGib, Math.floor(place / SPANS[FOUR_GIB - level]), by);
  }
}

function count(counts: Map<number, number>, place: number, by: 1 | -1): void {
  const now = (counts.get(place) ?? 0) + by;
  if (now === 0) counts.delete(place);
  else counts.set(place, now);
}

/** Takes `[start, end)` out of the open ranges (pairs) and tells what of it was open; returns what is left. */
function carve(open: readonly number[], start: number, end: number, piece: number, parts: [number, number, number][]) {
  const left: number[] = [];
  for (let i = 0; i < open.length; i += 2) {
    const s = Math.max(start, open[i]);
    const e = Math.min(end, open[i + 1]);
    if (s >= e) {
      left.push(open[i], open[i + 1]);
      continue;
    }
    parts.push([s, e, piece]);
    if (open[i] < s) left.push(open[i], s);
    if (e < open[i + 1]) left.push(e, open[i + 1]);
  }
  return left;
}
