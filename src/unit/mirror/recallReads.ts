import type { Piece } from '../../base/change.ts';
import { Extents } from '../../base/extents.ts';
import type { Reference, Segment } from '../../queue/references.ts';
import { firstEndingAfter } from '../../queue/referencesIndex.ts';
import { memory, type RecallStock } from './recallStock.ts';

/** What is read at once: so many bytes, or one segment that is longer, and so many segments. */
const BATCH_BYTES = 1024 * 1024;
const BATCH_SEGMENTS = 16;

/** What is wanted of one segment, and where its bytes go. */
interface Part {
  readonly segment: Segment;
  readonly start: number;
  readonly end: number;
}

/** Reads back what entries refer to. */
export class RecallReads {
  readonly #stock: RecallStock;

  constructor(stock: RecallStock) {
    this.#stock = stock;
  }

  /** What is known of `pieces`, of an entry that has landed; the bytes are the caller's own. Never rejects. */
  async read(reference: Reference, pieces: readonly Piece[]): Promise<readonly Piece[]> {
    const wanted = new Extents();
    for (const { offset, length } of pieces) wanted.add(offset, offset + length);
    const known: Piece[] = [];
    for (const [start, length] of wanted.toRanges()) await this.#range(reference, start, start + length, known);
    return known;
  }

  async #range(reference: Reference, start: number, end: number, known: Piece[]): Promise<void> {
    for (let at = start; ; ) {
      const segment = reference.segments[firstEndingAfter(reference.segments, at)];
      if (segment === undefined || segment.offset >= end) return;
      // It is on its way to temporary storage.
      if (segment.state === 'busy') await segment.ended;
      else at = await this.#batch(this.#parts(reference, at, end), known);
    }
  }

  /** The next segments, up to one that is being read already; those in the local mirror cut to what is wanted. */
  #parts(reference: Reference, from: number, end: number): Part[] {
    const { segments } = reference;
    const parts: Part[] = [];
    let bytes = 0;
    for (let i = firstEndingAfter(segments, from); i < segments.length && parts.length < BATCH_SEGMENTS; i++) {
      let segment = segments[i];
      if (segment.state === 'busy' || segment.offset >= end || bytes >= BATCH_BYTES) break;
      const start = Math.max(from, segment.offset);
      let to = Math.min(end, segment.offset + segment.length);
      if (segment.state === 'local') {
        to = Math.min(to, start + BATCH_BYTES - bytes);
        if (start > segment.offset) i++;
        segment = this.#stock.references.cut(segment, start, to);
      }
      parts.push({ segment, start, end: to });
      if (segment.state !== 'zeros') bytes += segment.length;
    }
    return parts;
  }

  /** Reads the parts and adds what could be read. Returns where they end. */
  async #batch(parts: readonly Part[], known: Piece[]): Promise<number> {
    const buffer = memory(
      parts.reduce((sum, { segment }) => sum + (segment.state === 'zeros' ? 0 : segment.length), 0),
    );
    let used = 0;
    const reads = parts.map(async (part) => {
      const { segment, start, end } = part;
      if (segment.state === 'zeros') return 'zeros';
      const into = buffer.subarray(used, used + segment.length);
      used += segment.length;
      const read = segment.state === 'stored' ? await this.#stored(segment, into) : await this.#local(segment, into);
      return read ? into.subarray(start - segment.offset, end - segment.offset) : undefined;
    });
    const done = await Promise.all(reads);
    for (const [i, bytes] of done.entries()) {
      const { start, end } = parts[i];
      if (bytes === undefined) continue;
      this.#stock.recalledBytes += end - start;
      add(known, start, end - start, bytes);
    }
    return parts[parts.length - 1].end;
  }

  /** Nothing overwrites it meanwhile; afterwards anybody may. */
  async #local(segment: Segment, into: Uint8Array): Promise<boolean> {
    const { references } = this.#stock;
    const reading = this.#stock.readLocal(segment.offset, into, 'read').then((read) => {
      const intact = segment.state === 'busy';
      references.forget(segment);
      if (intact && !read) this.#stock.lost([segment]);
      return read && intact;
    });
    references.busy(segment, reading);
    return reading;
  }

  async #stored(segment: Segment, into: Uint8Array): Promise<boolean> {
    try {
      await this.#stock.spill.read(segment.place, into);
      return true;
    } catch (error) {
      this.#stock.tell('read', error);
      this.#stock.lostBytes += segment.length;
      return false;
    }
  }
}

/** Adds a run behind those that are known; one that continues the last one becomes a part of it. */
function add(known: Piece[], offset: number, length: number, bytes: Uint8Array | 'zeros'): void {
  const last = known.at(-1);
  if (last && Array.isArray(last.payload) && bytes !== 'zeros' && last.offset + last.length === offset) {
    const payload: readonly Uint8Array[] = [...(last.payload as readonly Uint8Array[]), bytes];
    known[known.length - 1] = { offset: last.offset, length: last.length + length, payload };
    return;
  }
  known.push({ offset, length, payload: bytes === 'zeros' ? bytes : [bytes] });
}
