import { type EntryPart, entryFrame } from '../../parsers/formats/linkEntry.ts';
import type { LinkFrame } from '../../parsers/formats/linkFrame.ts';
import type { Piece } from '../base/change.ts';
import type { OrderedEntry } from '../base/ordered.ts';
import { isFill, isOr } from '../base/payload.ts';
import { pieceBytes, runsOf } from './runs.ts';

/** Bytes of entries in one frame: measured, larger ones leave the processor's cache before they are on the wire. */
export const FRAME_DATA: number = 64 * 1024;
const FRAME_RUNS = 4096;

/** Cuts one entry into frames, in the order in which they have to be sent. */
export class EntryCutter {
  readonly #entry: OrderedEntry;
  readonly #number: number;
  readonly #frameData: number;
  readonly #ordered: boolean;
  readonly #runs: readonly Piece[];
  #next = 0;
  /** Bytes of run `#next` that earlier frames have taken. */
  #taken = 0;
  #part = 0;
  #over = false;

  /** `align` is the far end's block size; `ordered`: it takes places in a shared order. */
  constructor(entry: OrderedEntry, number: number, align: number, frameData: number = FRAME_DATA, ordered = false) {
    this.#ordered = ordered;
    this.#entry = entry;
    this.#number = number;
    this.#frameData = frameData;
    this.#runs = 'pieces' in entry ? runsOf(entry.pieces, align) : [];
  }

  /** The next frame; undefined behind the last. */
  next(): LinkFrame | undefined {
    if (this.#over) return undefined;
    const { kind, at, consistent } = this.#entry;
    const order = this.#part === 0 && this.#ordered ? this.#entry.order : undefined;
    const runs = this.#take();
    const more = this.#next < this.#runs.length;
    this.#over = !more;
    const name = this.#entry.kind === 'mark' ? this.#entry.name : '';
    const part: EntryPart = { number: this.#number, part: this.#part++, more, kind, at, consistent, order, name, runs };
    return entryFrame(part);
  }

  #take(): readonly Piece[] {
    // What fits into one frame travels as it is.
    if (this.#next === 0 && this.#taken === 0 && this.#fits()) {
      this.#next = this.#runs.length;
      return this.#runs;
    }
    const runs: Piece[] = [];
    let room = this.#frameData;
    while (this.#next < this.#runs.length && room > 0 && runs.length < FRAME_RUNS) {
      const run = this.#runs[this.#next];
      const { payload } = run;
      if (payload === 'zeros' || isFill(payload)) {
        const bytes = payload === 'zeros' ? 0 : (payload as { fill: Uint8Array }).fill.length;
        if (bytes > room && runs.length > 0) break;
        runs.push(run);
        room -= bytes;
        this.#next++;
        continue;
      }
      const bytes = isOr(payload) ? payload.or[0] : (payload as readonly Uint8Array[])[0];
      if (this.#taken === 0 && bytes.length <= room) {
        runs.push(run);
        room -= bytes.length;
        this.#next++;
        continue;
      }
      const part = bytes.subarray(this.#taken, this.#taken + room);
      runs.push({
        offset: run.offset + this.#taken,
        length: part.length,
        payload: isOr(payload) ? { or: [part] } : [part],
      });
      room -= part.length;
      this.#taken += part.length;
      if (this.#taken < bytes.length) break;
      this.#taken = 0;
      this.#next++;
    }
    return runs;
  }

  #fits(): boolean {
    return this.#runs.length <= FRAME_RUNS && pieceBytes(this.#runs) <= this.#frameData;
  }
}
