import type { DoubtRecord, Reason } from '../base/backlog.ts';
import type { Change, Piece } from '../base/change.ts';
import type { Flight } from './flight.ts';
import type { Repair } from './repair.ts';
import type { Traffic } from './traffic.ts';

/** Where a LU of unknown capacity ends. */
export const WHOLE: number = Number.MAX_SAFE_INTEGER;

/** Puts into a mirror's record what is not known, and takes out what has been proved since. */
export class Doubts {
  readonly #record: DoubtRecord;
  readonly #traffic: Traffic;
  readonly #repair: Repair;

  constructor(record: DoubtRecord, traffic: Traffic, repair: Repair) {
    this.#record = record;
    this.#traffic = traffic;
    this.#repair = repair;
  }

  /** `[offset, offset + length)` is not known from here on, whatever is still under way. */
  add(offset: number, length: number, reason: Reason): void {
    this.#record.add(offset, length, reason);
    // Whole blocks, as the record keeps them: a write under way on the rest of such a block proves nothing either.
    const { blockSize } = this.#record;
    const start = Math.floor(offset / blockSize) * blockSize;
    const end = Math.min(Math.ceil((offset + length) / blockSize) * blockSize, WHOLE);
    this.#traffic.doubt(start, end);
    this.#repair.touch();
  }

  /** The mirror will not write this change, for `reason` unless the change was in doubt itself. */
  miss(change: Change, reason: Reason): void {
    if (change.pieces !== 'wholeLu') {
      this.missPieces(change, change.pieces, reason);
      return;
    }
    this.#record.addWhole(change.doubt ?? reason);
    this.#traffic.doubt(0, WHOLE);
    this.#repair.touch();
  }

  /** The same for some pieces of a change. */
  missPieces(change: Change, pieces: readonly Piece[], reason: Reason): void {
    for (const { offset, length, payload } of pieces) {
      this.add(offset, length, payload === 'lbnOnly' ? (change.doubt ?? reason) : reason);
    }
  }

  /** The request was done. */
  proved(flight: Flight): void {
    flight.forEachProved((start, end) => this.#record.clear(start, end - start));
  }

  /** The request failed: which of its bytes were written nobody knows. */
  failed(flight: Flight): void {
    for (const [start, end] of flight.runs) this.add(start, end - start, 'not-written');
  }
}
