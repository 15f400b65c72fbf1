import type { Change, Piece } from '../../base/change.ts';
import type { CopyOut } from '../../base/recall.ts';

/** A copy-out that is closed by whoever has it. */
export interface ClosingCopyOut extends CopyOut {
  close(): Promise<void>;
}

/**
 * The copy-out of one link, over whichever local mirror there is at the time (requirement C4). Without one nothing is referred
 * to: what the link has no room for is read back from the first volume.
 */
export class CopyOutSlot implements ClosingCopyOut {
  #current: ClosingCopyOut | undefined;

  constructor(current?: ClosingCopyOut) {
    this.#current = current;
  }

  /** Another one from this moment on. What was referred to by the last one is lost; resolves once that is closed. */
  async over(next: ClosingCopyOut | undefined): Promise<void> {
    const last = this.#current;
    this.#current = next;
    await last?.close();
  }

  before(offset: number, length: number, seq: number): Promise<void> | undefined {
    return this.#current?.before(offset, length, seq);
  }

  done(seq: number, written: boolean): void {
    this.#current?.done(seq, written);
  }

  refer(change: Change): void {
    this.#current?.refer(change);
  }

  recall(seq: number, pieces: readonly Piece[]): Promise<readonly Piece[]> {
    return this.#current?.recall(seq, pieces) ?? Promise.resolve([]);
  }

  drop(seq: number): void {
    this.#current?.drop(seq);
  }

  close(): Promise<void> {
    return this.over(undefined);
  }
}
