import { createHash } from 'node:crypto';
import { changedAt, openTableFile, type TableFile } from '../../../hw/blockTable.ts';
import { readBootId } from '../../../hw/bootId.ts';
import type { TableHeader } from '../../../parsers/formats/blockTable.ts';
import { TABLE_BLOCK } from '../../base/blocks.ts';
import type { Fault } from '../../base/fault.ts';
import { BlockTable } from '../../blocks/blockTable.ts';

export interface KeptTableOptions {
  /** The table's file; made, with its folder, where it is missing. */
  path: string;
  /** What the medium, or the store, is called: another one has another table. */
  identity: string;
  /** Path of the medium, where it is a file: whether somebody changed it while it was closed. */
  medium?: string;
  /** Of the volume. */
  blockSize: number;
  bytes: number;
  notice: (text: string) => void;
}

/**
 * A block table and the file that keeps it. What a killed process leaves is believed, as every page that it wrote is in the
 * system's memory; after another end of the machine only what was closed in order, and after that only where nobody else
 * has changed the medium since. (Whoever writes to the medium behind the back of a unit that was killed is not noticed.)
 */
export interface KeptTable {
  readonly table: BlockTable;
  /** The volume is this long now. */
  resize(bytes: number): void;
  /** The store is another one now: nothing is known of it. */
  rename(identity: string): void;
  /** `clean`: the medium is durable, and closed. */
  close(clean: boolean): Promise<void>;
}

const NO_BOOT = new Uint8Array(16);

/** Rejects with a `Fault` that names path and mend. */
export async function openKeptTable(options: KeptTableOptions): Promise<KeptTable> {
  const file = await openTableFile(options.path);
  try {
    const bootId = (await readBootId()) ?? NO_BOOT;
    const blockBytes = Math.max(TABLE_BLOCK, options.blockSize);
    const header = { blockBytes, bytes: options.bytes, identity: hashed(options.identity), bootId };
    const believed = await isBelieved(file.found, header, options.medium);
    if (!believed) file.discard();
    const { bytes } = (believed && file.found) || header;
    const table = new BlockTable({
      storage: file,
      blockBytes,
      bytes,
      believed,
      lost: ({ message }: Fault) => options.notice(`the block table is not kept any more: ${message}`),
    });
    file.putHeader({ ...header, clean: false, stamp: 0n });
    table.resize(options.bytes);
    // Before the medium changes: a table that calls itself clean would be believed after a power loss.
    await file.sync();
    return new FileTable(table, file, header, options);
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function isBelieved(
  found: TableHeader | undefined,
  { blockBytes, identity, bootId }: Omit<TableHeader, 'clean' | 'stamp'>,
  medium: string | undefined,
): Promise<boolean> {
  if (!found || found.blockBytes !== blockBytes || Buffer.compare(found.identity, identity) !== 0) return false;
  if (found.clean) return found.stamp === 0n || medium === undefined || found.stamp === (await changedAt(medium));
  return bootId.some((byte) => byte !== 0) && Buffer.compare(found.bootId, bootId) === 0;
}

function hashed(identity: string): Uint8Array {
  return createHash('sha256').update(identity).digest().subarray(0, 16);
}

class FileTable implements KeptTable {
  readonly table: BlockTable;
  readonly #file: TableFile;
  readonly #options: KeptTableOptions;
  #header: Omit<TableHeader, 'clean' | 'stamp'>;

  constructor(
    table: BlockTable,
    file: TableFile,
    header: Omit<TableHeader, 'clean' | 'stamp'>,
    options: KeptTableOptions,
  ) {
    this.table = table;
    this.#file = file;
    this.#header = header;
    this.#options = options;
  }

  resize(bytes: number): void {
    if (bytes === this.table.bytes) return;
    // First: flags behind the end of which a killed process told would be taken for the next one's.
    this.#put({ bytes });
    this.table.resize(bytes);
  }

  rename(identity: string): void {
    this.table.loseAll();
    this.#put({ identity: hashed(identity) });
  }

  async close(clean: boolean): Promise<void> {
    const { table } = this;
    try {
      if (!clean || table.over) return;
      await this.#file.sync();
      const { medium } = this.#options;
      const stamp = medium === undefined ? 0n : await changedAt(medium);
      this.#file.putHeader({ ...this.#header, clean: true, stamp });
      await this.#file.sync();
    } finally {
      await this.#file.close();
    }
  }

  #put(changes: Partial<TableHeader>): void {
    this.#header = { ...this.#header, ...changes };
    if (!this.table.over) this.#file.putHeader({ ...this.#header, clean: false, stamp: 0n });
  }
}
