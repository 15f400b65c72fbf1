import { copyOf } from '../../../src/base/bytes.ts';
import { Fault } from '../../../src/base/fault.ts';
import type { RecordStorage } from '../../../src/base/record.ts';
import type { Keeping } from '../../../src/record/stored.ts';

const PAGE = 4096;

/** A record's pages in memory, with every write in order, so that any moment of it can be looked at again. */
export class MemoryStorage implements RecordStorage {
  readonly log: { index: number; bytes: Uint8Array }[] = [];
  /** Length of the log at each sync that ended. */
  readonly syncedAt: number[] = [];
  /** Set: what is written, synced or emptied fails. */
  full: ((index: number) => boolean) | undefined;
  sick = false;
  stuck = false;

  writePage(index: number, bytes: Uint8Array): void {
    if (this.full?.(index)) throw new Fault('local', 'no space left');
    this.log.push({ index, bytes: copyOf(bytes) });
  }

  async sync(): Promise<void> {
    const length = this.log.length;
    if (this.sick) throw new Fault('local', 'input/output error');
    this.syncedAt.push(length);
  }

  /** As a file that is cut to nothing: an empty header page in the log. */
  empty(): void {
    if (this.stuck) throw new Fault('local', 'input/output error');
    this.log.push({ index: 0, bytes: new Uint8Array(PAGE) });
  }

  /** What lies there after the first `writes` of the log: all of them, or those that `kept` lets through. */
  after(writes = this.log.length, kept: (write: number) => boolean = () => true): Uint8Array {
    const pages: Uint8Array[] = [];
    for (let i = 0; i < writes; i++) if (kept(i)) pages[this.log[i].index] = this.log[i].bytes;
    const bytes = new Uint8Array(pages.length * PAGE);
    pages.forEach((page, i) => void bytes.set(page, i * PAGE));
    return bytes;
  }
}

export const BOOT: Uint8Array = Uint8Array.from({ length: 16 }, (_, i) => i + 1);
export const OTHER_BOOT: Uint8Array = new Uint8Array(16).fill(7);

/** A tee's record of a volume of 100 chunks, with four of them hot. */
export const KEEPING: Keeping = {
  lu: 'iqn.x:y/1',
  mirrorId: 'mirror',
  firstId: 'first',
  bytes: 100 * 512,
  chunkBytes: 512,
  hotBytes: 4 * 512,
  looking: true,
  synced: false,
  bootId: BOOT,
};
