import type { Change, Piece } from '../../base/change.ts';
import type { CopyOut } from '../../base/recall.ts';
import { RecallMoves } from './recallMoves.ts';
import { RecallReads } from './recallReads.ts';
import { type CopyOutOptions, RecallStock } from './recallStock.ts';

export type { CopyOutOptions } from './recallStock.ts';

/** The account of copying out, for reports and metrics. */
export interface CopyOutReport {
  /** Entries that refer to the local mirror or to temporary storage. */
  entries: number;
  /** Bytes written to temporary storage, and bytes handed to the link for entries that had lost them. */
  spilledBytes: number;
  recalledBytes: number;
  /** Bytes that could not be kept: the link reads them back from the first volume. */
  lostBytes: number;
  /** Bytes of temporary storage in use, and its bound. */
  heldBytes: number;
  boundBytes: number;
}

const MEMORY_BYTES = 8 * 1024 * 1024;

/**
 * Copying out for one link (requirement C4): its entries without data refer to the local mirror's own blocks; before such
 * a block is overwritten its contents go to temporary storage, and when the entry's turn comes it is read from the two.
 *
 * Nothing here waits for the link or for a write of the local mirror but `recall`, and nothing that a write waits for
 * waits for `recall` to be called: a write waits for reads of the local mirror and writes of temporary storage only.
 */
export class LinkCopyOut implements CopyOut {
  readonly #stock: RecallStock;
  readonly #moves: RecallMoves;
  readonly #reads: RecallReads;
  /** Recalls under way: how those that wait for the local mirror are told to look again. */
  readonly #recalls = new Map<number, (() => void) | undefined>();
  readonly #work = new Set<Promise<unknown>>();
  #closed = false;

  constructor(options: CopyOutOptions) {
    this.#stock = new RecallStock(options);
    this.#moves = new RecallMoves(this.#stock, options.memoryBytes ?? MEMORY_BYTES);
    this.#reads = new RecallReads(this.#stock);
  }

  get report(): CopyOutReport {
    const { references, spill, spilledBytes, recalledBytes, lostBytes } = this.#stock;
    const { usedBytes: heldBytes, bytesMax: boundBytes } = spill;
    return { entries: references.count, spilledBytes, recalledBytes, lostBytes, heldBytes, boundBytes };
  }

  before(offset: number, length: number, seq: number): Promise<void> | undefined {
    const { references } = this.#stock;
    if (references.count === 0 || this.#closed) return undefined;
    if (references.touches(offset, length)) return this.#tracked(this.#save(offset, length, seq));
    this.#begun(offset, length, seq);
    return undefined;
  }

  done(seq: number, written: boolean): void {
    this.#stock.lost(this.#stock.references.ended(seq, written));
    this.#wake(seq);
  }

  refer({ seq, pieces }: Change): void {
    if (!this.#closed && pieces !== 'wholeLu') this.#stock.references.refer(seq, pieces);
  }

  async recall(seq: number, pieces: readonly Piece[]): Promise<readonly Piece[]> {
    // A second one would free what the first one reads.
    if (this.#recalls.has(seq)) return [];
    return this.#tracked(this.#recall(seq, pieces));
  }

  drop(seq: number): void {
    // What is being read is freed afterwards.
    if (this.#recalls.has(seq) && this.#recalls.get(seq) === undefined) return;
    this.#stock.free(this.#stock.references.drop(seq));
    this.#wake(seq);
  }

  /** Nothing is known of any entry from here on. Waits for what is under way, then closes temporary storage. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stock.free(this.#stock.references.loseLocal());
    for (const seq of [...this.#recalls.keys()]) this.#wake(seq);
    await Promise.all(this.#work);
    await this.#stock.spill.close();
  }

  async #save(offset: number, length: number, seq: number): Promise<void> {
    await this.#moves.clear(offset, length, seq);
    this.#begun(offset, length, seq);
  }

  #begun(offset: number, length: number, seq: number): void {
    this.#stock.lost(this.#stock.references.begun(seq, offset, length), 'order');
  }

  async #recall(seq: number, pieces: readonly Piece[]): Promise<readonly Piece[]> {
    const { references } = this.#stock;
    const reference = references.get(seq);
    if (!reference || this.#closed) return [];
    try {
      if (!reference.landed) await new Promise<void>((resolve) => this.#recalls.set(seq, resolve));
      this.#recalls.set(seq, undefined);
      if (references.get(seq) !== reference || this.#closed) return [];
      return await this.#reads.read(reference, pieces);
    } finally {
      this.#recalls.delete(seq);
      this.#stock.free(references.drop(seq));
    }
  }

  #wake(seq: number): void {
    this.#recalls.get(seq)?.();
  }

  #tracked<T>(work: Promise<T>): Promise<T> {
    this.#work.add(work);
    const end = (): void => {
      this.#work.delete(work);
    };
    work.then(end, end);
    return work;
  }
}
