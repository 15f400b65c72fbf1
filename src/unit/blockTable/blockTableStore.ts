import type { NodeSums } from '../../base/blocks.ts';
import { faultOf } from '../../base/fault.ts';
import type { EntryPlace, FarStore, OrderedEntry } from '../../base/ordered.ts';
import type { BlockTable } from '../../blocks/blockTable.ts';
import { piecesOf } from '../../queue/draft.ts';
import type { KeptTable } from './blockTable.ts';
import { compareNodes } from './blockTableNodes.ts';
import { Scrub } from './blockTableScrub.ts';
import { ForwardingStore } from './forwardingStore.ts';

/**
 * A far store that keeps a block table of its newest moment. Whoever changes the newest moment by anything but `append` calls
 * `lost` before.
 */
export class TabledStore extends ForwardingStore implements FarStore {
  readonly scrub: Scrub;
  readonly #kept: KeptTable;
  #incarnation: string;

  /** The table's identity is the store's incarnation. */
  constructor(store: FarStore, kept: KeptTable, background?: boolean) {
    super(store);
    this.#kept = kept;
    this.#incarnation = store.incarnation;
    const read: FarStore['read'] = (offset, into) => store.read(offset, into);
    this.scrub = new Scrub({ table: kept.table, read, background });
  }

  get table(): BlockTable {
    return this.#kept.table;
  }

  get pipelined(): boolean {
    return this.store.pipelined ?? false;
  }

  async append(place: EntryPlace, entry: OrderedEntry): Promise<void> {
    const pieces = piecesOf(entry);
    this.#meet();
    const { table } = this.#kept;
    for (const { offset, length } of pieces) table.begin(offset, length);
    try {
      await this.store.append(place, entry);
    } finally {
      for (const { offset, length } of pieces) table.end(offset, length);
    }
  }

  /** A medium that fails to make durable what it was given may show something else at any time from then on. */
  async sync(): Promise<void> {
    try {
      await this.store.sync();
    } catch (error) {
      this.table.abandon(faultOf(error));
      throw error;
    }
  }

  async compareNodes(theirs: NodeSums): Promise<Uint8Array> {
    this.#meet();
    const same = await compareNodes(this.#kept.table, this.scrub, theirs);
    // What was compared is not there any more.
    return this.#incarnation === this.store.incarnation ? same : new Uint8Array(same.length);
  }

  async grow(bytes: number): Promise<void> {
    await this.store.grow(bytes);
    this.#meet();
  }

  async close(): Promise<void> {
    await this.scrub.stop();
    let clean = false;
    try {
      await this.store.close();
      clean = true;
    } finally {
      await this.#kept.close(clean);
    }
  }

  /** The newest moment is about to be another one. */
  lost(): void {
    this.#kept.table.loseAll();
  }

  /** The store may have become another one, or longer. */
  #meet(): void {
    const { incarnation, bytes } = this.store;
    if (incarnation !== this.#incarnation) {
      this.#incarnation = incarnation;
      this.#kept.rename(incarnation);
    }
    this.#kept.resize(bytes);
  }
}
