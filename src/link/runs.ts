import { FRAME_BODY_MAX } from '../../parsers/formats/linkFrame.ts';
import { LINK_NAME_MAX } from '../../parsers/formats/linkGreeting.ts';
import type { Piece } from '../base/change.ts';
import { Fault } from '../base/fault.ts';
import type { OrderedEntry } from '../base/ordered.ts';
import { isFill, isOr } from '../base/payload.ts';
import { allZeros, zeroRuns } from './zeros.ts';

/** Runs that zeros may add to an entry: what a far end has to keep of one is bounded (see `ENTRY_RUNS_MAX`). */
const SPLIT_MAX = 65536;
/** A block that is repeated travels whole, with what else stands in its frame. */
export const FILL_MAX: number = FRAME_BODY_MAX / 2;

/**
 * The pieces of an entry (that `wrongEntry` has nothing against) as they travel: in ascending order, bytes in one part each, long runs of zeros as lengths. Nothing is
 * copied. `align` is the far end's block size.
 */
export function runsOf(pieces: readonly Piece[], align: number): readonly Piece[] {
  if (pieces.length === 1 && isOneRun(pieces[0], align)) return pieces;
  const runs: Piece[] = [];
  for (const piece of ascending(pieces)) {
    if (piece.length === 0) continue;
    addRuns(runs, piece, align);
  }
  return runs;
}

/** Most changes are one piece in one part, and travel as they are. */
function isOneRun({ offset, length, payload }: Piece, align: number): boolean {
  if (!Array.isArray(payload) || payload.length !== 1 || payload[0].length !== length || length === 0) return false;
  let whole = true;
  zeroRuns(payload[0], offset, align, () => {
    whole = false;
  });
  return whole;
}

/** Why an entry cannot travel, which is its maker's bug; undefined when it can. */
export function wrongEntry(entry: OrderedEntry): Fault | undefined {
  if (entry.kind === 'mark') {
    const bytes = Buffer.byteLength(entry.name);
    if (bytes > 0 && bytes <= LINK_NAME_MAX) return undefined;
    return new Fault('local', `a bookmark's name of ${bytes} bytes`, `give it 1 to ${LINK_NAME_MAX} bytes`);
  }
  if (entry.kind === 'state') return undefined;
  let end = 0;
  for (const { offset, length, payload } of ascending(entry.pieces)) {
    if (!(offset >= 0 && length >= 0 && Number.isSafeInteger(offset + length)))
      return bug(`${length} bytes at ${offset}`);
    if (length > 0 && offset < end) return bug(`the byte at ${offset} is in two pieces`);
    end = Math.max(end, offset + length);
    if (payload === 'zeros') continue;
    if (payload === 'lbnOnly') return bug('bytes that nobody knows');
    if (isFill(payload)) {
      if (payload.fill.length < 1 || payload.fill.length > FILL_MAX)
        return bug(`a block of ${payload.fill.length} bytes`);
      continue;
    }
    let bytes = 0;
    for (const part of isOr(payload) ? payload.or : payload) bytes += part.length;
    if (bytes < length) return bug(`a piece of ${length} bytes has ${bytes}`);
  }
  return undefined;
}

function bug(what: string): Fault {
  return new Fault('bug', `an entry that cannot be sent: ${what}`);
}

/** Bytes that an entry occupies while it is under way. */
export function pieceBytes(pieces: readonly Piece[]): number {
  let bytes = 0;
  for (const { length, payload } of pieces) {
    if (payload === 'zeros' || payload === 'lbnOnly') continue;
    bytes += isFill(payload) ? payload.fill.length : length;
  }
  return bytes;
}

function ascending(pieces: readonly Piece[]): readonly Piece[] {
  for (let n = 1; n < pieces.length; n++) {
    if (pieces[n].offset < pieces[n - 1].offset) return [...pieces].sort((a, b) => a.offset - b.offset);
  }
  return pieces;
}

function addRuns(runs: Piece[], { offset, length, payload }: Piece, align: number): void {
  if (payload === 'lbnOnly') throw new Fault('bug', 'an entry whose bytes nobody knows');
  if (payload === 'zeros') runs.push({ offset, length, payload });
  else if (isFill(payload)) addFill(runs, offset, length, payload.fill);
  else if (isOr(payload)) {
    inParts(offset, length, payload.or, (at, part) =>
      runs.push({ offset: at, length: part.length, payload: { or: [part] } }),
    );
  } else inParts(offset, length, payload, (at, part) => addBytes(runs, at, part, align));
}

function addFill(runs: Piece[], offset: number, length: number, fill: Uint8Array): void {
  if (allZeros(fill)) {
    runs.push({ offset, length, payload: 'zeros' });
    return;
  }
  // A run of a fill is whole blocks on the wire.
  const whole = length - (length % fill.length);
  if (whole > 0) runs.push({ offset, length: whole, payload: { fill } });
  if (whole < length)
    runs.push({ offset: offset + whole, length: length - whole, payload: [fill.subarray(0, length - whole)] });
}

function inParts(
  offset: number,
  length: number,
  parts: readonly Uint8Array[],
  each: (offset: number, part: Uint8Array) => void,
): void {
  let done = 0;
  for (const part of parts) {
    if (done === length) break;
    const taken = part.length > length - done ? part.subarray(0, length - done) : part;
    if (taken.length > 0) each(offset + done, taken);
    done += taken.length;
  }
}

function addBytes(runs: Piece[], offset: number, bytes: Uint8Array, align: number): void {
  let done = 0;
  const put = (to: number): void => {
    const part = done === 0 && to === bytes.length ? bytes : bytes.subarray(done, to);
    if (to > done) runs.push({ offset: offset + done, length: to - done, payload: [part] });
    done = to;
  };
  if (runs.length < SPLIT_MAX) {
    zeroRuns(bytes, offset, align, (start, end) => {
      put(start);
      runs.push({ offset: offset + start, length: end - start, payload: 'zeros' });
      done = end;
    });
  }
  put(bytes.length);
}
