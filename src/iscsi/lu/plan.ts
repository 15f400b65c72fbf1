import type { Piece } from '../../base/change.ts';
import { Fault } from '../../base/fault.ts';
import { isFill, isOr } from '../../base/payload.ts';

/** Whole blocks of bytes: `length` of them from byte `skip` of part `part` on. */
export interface Run {
  offset: number;
  length: number;
  parts: Uint8Array[];
  part: number;
  skip: number;
}

/** Whole blocks that repeat `pattern`, beginning with its byte `skip`. */
export interface Repeat {
  offset: number;
  length: number;
  pattern: Uint8Array;
  skip: number;
  /** The one block that all of them equal, where there is one: WRITE SAME will do. */
  block: Uint8Array | undefined;
}

/** Parts of one block, to be read, changed and written back. */
export interface Edit {
  /** Where the block begins. */
  offset: number;
  patches: { at: number; bytes: Uint8Array }[];
}

export interface WritePlan {
  runs: Run[];
  repeats: Repeat[];
  edits: Edit[];
}

/** Repetitions shorter than this go as bytes among their neighbours: a command of their own costs more. */
const REPEAT_MIN = 64 * 1024;
const PATTERN_BYTES = 64 * 1024;

/** Shared by all writes of zeros; only ever read. */
const ZEROS: Uint8Array = new Uint8Array(256 * 1024);

/**
 * Pieces, none of which overlap, as writes of whole blocks: pieces that follow each other become one run, long
 * repetitions stand for themselves, and what is left of a block at the edges is a read-modify-write.
 */
export function planWrites(pieces: readonly Piece[], blockSize: number): WritePlan {
  const plan: WritePlan = { runs: [], repeats: [], edits: [] };
  const edges = new Edges(plan, blockSize);
  let start = 0;
  let end = -1;
  let parts: Uint8Array[] = [];
  const close = (): void => {
    if (end > start) edges.run(start, end, parts);
    end = -1;
    parts = [];
  };
  const add = (offset: number, length: number, bytes: readonly Uint8Array[]): void => {
    if (length === 0) return;
    if (offset !== end) {
      close();
      start = offset;
    }
    parts.push(...bytes);
    end = offset + length;
  };
  for (const { offset, length, payload } of pieces) {
    if (payload === 'lbnOnly' || isOr(payload)) throw new Fault('bug', 'only bytes that are known can be written');
    if (payload !== 'zeros' && !isFill(payload)) {
      add(offset, length, cut(payload, length));
      continue;
    }
    const pattern = payload === 'zeros' ? ZEROS : repeated(payload.fill, length);
    const from = Math.ceil(offset / blockSize) * blockSize;
    const to = Math.floor((offset + length) / blockSize) * blockSize;
    if (to - from < REPEAT_MIN) {
      add(offset, length, fillOf(pattern, 0, length));
      continue;
    }
    add(offset, from - offset, fillOf(pattern, 0, from - offset));
    close();
    const skip = (from - offset) % pattern.length;
    const period = payload === 'zeros' ? 1 : payload.fill.length;
    const block = blockSize % period === 0 ? join(fillOf(pattern, skip, blockSize), blockSize) : undefined;
    plan.repeats.push({ offset: from, length: to - from, pattern, skip, block });
    add(to, offset + length - to, fillOf(pattern, to - offset, offset + length - to));
  }
  close();
  return plan;
}

/** `length` bytes of the repeated pattern from its byte `from` on, as parts without a copy. */
export function fillOf(pattern: Uint8Array, from: number, length: number): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let skip = from % pattern.length;
  for (let left = length; left > 0; ) {
    const n = Math.min(left, pattern.length - skip);
    parts.push(n === pattern.length ? pattern : pattern.subarray(skip, skip + n));
    left -= n;
    skip = 0;
  }
  return parts;
}

/** Moves `run` on by `length` bytes. */
export function advance(run: Run, length: number): void {
  run.offset += length;
  run.length -= length;
  let left = length;
  while (left > 0) {
    const rest = run.parts[run.part].length - run.skip;
    const n = Math.min(rest, left);
    left -= n;
    run.skip += n;
    if (n === rest) {
      run.part++;
      run.skip = 0;
    }
  }
}

/** Cuts runs at block boundaries; what is beyond them becomes edits, one for each block. */
class Edges {
  readonly #plan: WritePlan;
  readonly #blockSize: number;
  #edits: Map<number, Edit> | undefined;

  constructor(plan: WritePlan, blockSize: number) {
    this.#plan = plan;
    this.#blockSize = blockSize;
  }

  run(start: number, end: number, parts: Uint8Array[]): void {
    const size = this.#blockSize;
    const run: Run = { offset: start, length: end - start, parts, part: 0, skip: 0 };
    const from = Math.min(end, Math.ceil(start / size) * size);
    if (from > start) {
      this.#edit(run, from - start);
      if (from === end) return;
    }
    const to = Math.floor(end / size) * size;
    if (to > from) {
      this.#plan.runs.push({ ...run, length: to - from });
      advance(run, to - from);
    }
    if (end > to) this.#edit(run, end - to);
  }

  /** The next `length` bytes of the run, inside one block. */
  #edit(run: Run, length: number): void {
    const offset = Math.floor(run.offset / this.#blockSize) * this.#blockSize;
    this.#edits ??= new Map();
    let edit = this.#edits.get(offset);
    if (!edit) {
      edit = { offset, patches: [] };
      this.#edits.set(offset, edit);
      this.#plan.edits.push(edit);
    }
    const bytes = new Uint8Array(length);
    const at = run.offset - offset;
    for (let done = 0; done < length; ) {
      const part = run.parts[run.part].subarray(run.skip, run.skip + length - done);
      bytes.set(part, done);
      done += part.length;
      advance(run, part.length);
    }
    edit.patches.push({ at, bytes });
  }
}

/** The first `length` bytes of `parts`. */
function cut(parts: readonly Uint8Array[], length: number): readonly Uint8Array[] {
  const out: Uint8Array[] = [];
  let left = length;
  for (const part of parts) {
    if (left === 0) break;
    if (part.length === 0) continue;
    out.push(part.length <= left ? part : part.subarray(0, left));
    left -= Math.min(left, part.length);
  }
  if (left > 0) throw new Fault('bug', `a piece of ${length} bytes has ${left} bytes too few`);
  return out;
}

/** The fill as often as makes a buffer that is worth sending, but no longer than `length` asks for. */
function repeated(fill: Uint8Array, length: number): Uint8Array {
  if (fill.length === 0) throw new Fault('bug', 'an empty block cannot be repeated');
  const times = Math.max(1, Math.ceil(Math.min(PATTERN_BYTES, length) / fill.length));
  const out = new Uint8Array(times * fill.length);
  for (let i = 0; i < times; i++) out.set(fill, i * fill.length);
  return out;
}

function join(parts: readonly Uint8Array[], length: number): Uint8Array {
  const out = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
