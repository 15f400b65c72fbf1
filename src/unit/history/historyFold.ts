import { CRC_START, crcUpdate, crcValue } from '../../../parsers/iscsi/crc32c.ts';
import type { Payload, Piece } from '../../base/change.ts';
import { Extents } from '../../base/extents.ts';
import { Fault } from '../../base/fault.ts';
import { EntryDamage, type HistoryContents, repeatInto } from './historyContents.ts';
import type { HistoryKeeper } from './historyKeeper.ts';

/** Of one step: bytes that are in memory, and pieces. An entry that is larger makes a step alone. */
const STEP_BYTES = 16 * 1024 * 1024;
const STEP_PIECES = 16_384;
/** Of one call of the base. */
const WRITE_BYTES = 4 * 1024 * 1024;
const WRITE_PIECES = 4096;

/** A run of entries in one segment, as it lies there. */
interface Loaded {
  readonly segment: number;
  readonly position: number;
  readonly bytes: Uint8Array;
}

/** Steps of folding: the oldest entries become the base's. */
export class HistoryFold {
  readonly #contents: HistoryContents;
  readonly #keeper: HistoryKeeper;
  readonly #notice: (text: string) => void;
  /** Bookmarks that left, and nobody has been told. */
  readonly #gone: string[] = [];

  constructor(contents: HistoryContents, keeper: HistoryKeeper, notice: (text: string) => void) {
    this.#contents = contents;
    this.#keeper = keeper;
    this.#notice = notice;
  }

  /** How far one step towards `goal` goes. */
  stepTo(goal: number): number {
    const { index } = this.#contents;
    let bytes = 0;
    let sequence = index.first;
    for (; sequence <= goal; sequence++) {
      bytes += index.bytesOf(sequence);
      const [from, to] = index.piecesOf(index.first, sequence + 1);
      if (sequence > index.first && (bytes > STEP_BYTES || to - from > STEP_PIECES)) break;
    }
    return sequence - 1;
  }

  /**
   * Folds the entries up to `to` (see `stepTo`), and tells of bookmarks that leave with them; false when `may` says, once they
   * were read and found whole, that they must stay.
   *
   * Ordered so that it can be done again whenever it was ended in between: that moments before `to` are gone is durable
   * before the base changes, the base before it is said to hold them, and that before the entries are dropped. `reach`: the
   * base may hold parts of entries up to there already.
   */
  async step(to: number, may: () => boolean, reach: number = to): Promise<boolean> {
    const { base, index, timeline } = this.#contents;
    const loaded = await this.#load(to);
    if (!may()) return false;
    const { at, consistent } = timeline.moment(to);
    const told = { base: to, foldTo: reach, at, consistent, bytes: timeline.bytesAt(to), place: index.place(to) };
    this.#gone.push(...timeline.dropTo(to));
    const number = timeline.orders.numberOf(to);
    await this.#keeper.commit({ foldTo: reach });
    // From here on they are gone, however long the base takes nothing.
    this.#tell();
    for (const pieces of this.#writes(to, loaded)) await base.writev(pieces, { fua: false });
    await base.flush();
    // What is known beyond the entries may have moved meanwhile.
    const { shared } = this.#keeper.state;
    await this.#keeper.commit({ ...told, ...(shared ? { shared: { ...shared, base: number } } : {}) });
    index.dropTo(to);
    await this.#contents.dropSegments();
    return true;
  }

  #tell(): void {
    const gone = this.#gone.splice(0);
    if (gone.length > 0) this.#notice(`bookmarks left the window: ${gone.join(', ')}`);
  }

  /** Reads the entries up to `to` as they lie, and checks those that were not checked yet. */
  async #load(to: number): Promise<Loaded[]> {
    const { index } = this.#contents;
    const loaded: Loaded[] = [];
    for (let from = index.first; from <= to; ) {
      const { segment: number, position } = index.standing(from);
      let end = from;
      let length = 0;
      while (end <= to && index.segmentOf(end) === number) length += index.bytesOf(end++);
      const bytes = new Uint8Array(length);
      await this.#contents.segmentAt(number).read(position, bytes);
      for (let sequence = from; sequence < end; sequence++) this.#check(sequence, position, bytes);
      loaded.push({ segment: number, position, bytes });
      from = end;
    }
    return loaded;
  }

  #check(sequence: number, start: number, bytes: Uint8Array): void {
    const { index } = this.#contents;
    if (index.checked(sequence)) return;
    const { segment, position, headBytes, payloadBytes, payloadCrc } = index.standing(sequence);
    const from = position - start + headBytes;
    if (crcValue(crcUpdate(CRC_START, bytes, from, from + payloadBytes)) !== payloadCrc) {
      throw new EntryDamage(sequence, this.#contents.segmentAt(segment).path, 'its checksum is wrong');
    }
    index.setChecked(sequence);
  }

  /** What the entries leave behind once the later ones have overwritten the earlier, by place, in calls of bounded size. */
  *#writes(to: number, loaded: readonly Loaded[]): Generator<Piece[]> {
    const { index } = this.#contents;
    let pieces: Piece[] = [];
    let bytes = 0;
    for (const [start, length] of this.#touched(to).toRanges()) {
      for (const run of index.resolve(start, start + length, to)) {
        if (run.piece < 0) throw new Fault('bug', `nothing is known of ${run.start}, which an entry wrote`);
        const piece = this.#piece(run.piece, run.start, run.end, loaded);
        pieces.push(piece);
        bytes += piece.length;
        if (bytes < WRITE_BYTES && pieces.length < WRITE_PIECES) continue;
        yield pieces;
        pieces = [];
        bytes = 0;
      }
    }
    if (pieces.length > 0) yield pieces;
  }

  #touched(to: number): Extents {
    const { index } = this.#contents;
    const touched = new Extents();
    const [from, end] = index.piecesOf(index.first, to + 1);
    for (let piece = from; piece < end; piece++) {
      const { offset, length } = index.piece(piece);
      touched.add(offset, offset + length);
    }
    return touched;
  }

  #piece(number: number, start: number, end: number, loaded: readonly Loaded[]): Piece {
    const { index } = this.#contents;
    const { sequence, kind, offset, position, stored } = index.piece(number);
    const length = end - start;
    let payload: Payload = 'zeros';
    if (kind !== 'zeros') {
      const segment = index.segmentOf(sequence);
      const from = loaded.find((part) => part.segment === segment);
      if (from === undefined) throw new Fault('bug', `entry ${sequence} was not read`);
      const at = position - from.position;
      if (kind === 'bytes') payload = [from.bytes.subarray(at + start - offset, at + end - offset)];
      else payload = { fill: turned(from.bytes.subarray(at, at + stored), start - offset) };
    }
    return { offset: start, length, payload };
  }
}

/** The block as it begins `phase` bytes behind the start of a repetition. */
function turned(block: Uint8Array, phase: number): Uint8Array {
  if (phase % block.length === 0) return block;
  const bytes = new Uint8Array(block.length);
  repeatInto(bytes, block, phase);
  return bytes;
}
