import { type BlockSums, SUM_BYTES } from '../../base/blocks.ts';
import { Extents } from '../../base/extents.ts';
import { sumOf } from '../../blocks/sums.ts';
import type { ReadDesk } from './checkedReadsDesk.ts';

/** What came of comparing what hosts read with a mirror's checksums. Since the unit began. */
export interface CheckedReadsStatus {
  /** Blocks that were compared. */
  blocks: number;
  /** Blocks of which the first volume and the mirror were read again, at rest, and are not the same. */
  differences: number;
  /** Blocks that did not fit their checksum, and were found the same, or never at rest, when both sides were read. */
  unconfirmed: number;
  /** Reads that were not looked at, as that would have been too much at the time. */
  skipped: number;
}

/** What both sides hold of suspects. */
export interface Confirmation {
  differing: Extents;
  /** Everything else was at rest, and is the same on both sides. */
  whole: boolean;
}

export interface CheckedReadsOptions {
  bytesPerSecond: number;
  desk: ReadDesk;
  /** Monotonic time in nanoseconds. */
  now: () => number;
  /** The mirror's checksums; undefined while nothing of them can be believed. */
  sums: () => Pick<BlockSums, 'blockBytes' | 'bytes' | 'put'> | undefined;
  /** Bytes of `[start, end)` that are being written, wait to be written or are in doubt; undefined: any may be. */
  moving: (start: number, end: number) => Extents | undefined;
  /** Reads both sides. Rejects where that cannot be done. */
  confirm: (suspects: Extents) => Promise<Confirmation>;
  /** These differ, and it was not known: ranges of bytes. */
  told: (differing: Extents) => void;
  /** The checksum of `[start, end)` fits neither what a host read nor, it seems, the mirror: it is to be made anew. */
  doubtful: (start: number, end: number) => void;
}

/** Blocks of one read that are compared, and what their checksums were when it ended. */
interface Job {
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly blockBytes: number;
  /** Of the volume. */
  readonly end: number;
  readonly blocks: readonly number[];
  readonly sums: Uint8Array;
  at: number;
}

/** Bytes that are hashed in one turn of the event loop. */
const TURN_BYTES = 32 * 1024;
/** Suspects that wait to be confirmed, and differences that are remembered; beyond that nothing is added to what was told. */
const SUSPECTS_MAX = 1024;
const TOLD_MAX = 4096;
/** Checksums that are made anew after one look at both sides. */
const DOUBTFUL_MAX = 16;
/** Between two looks at both sides. */
const REST_NS = 1e9;

/**
 * Compares what hosts read with the checksums of a mirror's blocks, as it passes (requirement D5).
 *
 * A block is compared only when its checksum is known to be true of what the mirror holds, and the mirror has all that the
 * bus told of it: when the read ends, nothing of it is under way, waits or is in doubt, and no write of it ended while
 * the read went on. So what was pushed before the read began is what both hold. What differs all the same is read on both
 * sides, as `verify` does it, before it is told; and it is told once, until it was found equal again.
 */
export class CheckedReads {
  readonly #options: CheckedReadsOptions;
  readonly #status: CheckedReadsStatus = { blocks: 0, differences: 0, unconfirmed: 0, skipped: 0 };
  readonly #told = new Extents();
  #suspects = new Extents();
  #suspected = 0;
  #blockBytes = 0;
  #confirming = false;
  #restUntil = 0;
  #credit: number;
  #at: number;

  constructor(options: CheckedReadsOptions) {
    this.#options = options;
    this.#credit = options.bytesPerSecond;
    this.#at = options.now();
  }

  get status(): CheckedReadsStatus {
    return { ...this.#status };
  }

  /** Nothing that was seen waits to be looked at. */
  get idle(): boolean {
    return !this.#confirming && this.#suspects.isEmpty;
  }

  /** See `ReadWatch`. */
  take(offset: number, length: number): Uint8Array | undefined {
    const sums = this.#options.sums();
    if (sums === undefined) return undefined;
    // A read that holds no block of the table whole says nothing.
    const first = Math.ceil(offset / sums.blockBytes) * sums.blockBytes;
    if (first >= sums.bytes || offset + length < Math.min(first + sums.blockBytes, sums.bytes)) return undefined;
    const bytes = this.#allowed() ? this.#options.desk.take(length) : undefined;
    if (bytes === undefined) this.#status.skipped++;
    else this.#credit -= bytes.length;
    return bytes;
  }

  give(bytes: Uint8Array): void {
    this.#options.desk.give(bytes);
  }

  /** See `ReadWatch`. */
  read(offset: number, bytes: Uint8Array, unsure: Extents): void {
    const job = this.#job(offset, bytes, unsure);
    if (job === undefined) this.give(bytes);
    else this.#options.desk.queue(() => this.#hash(job));
  }

  /** Suspects are looked at, if it is time. */
  tick(): void {
    if (this.#confirming || this.#suspects.isEmpty || this.#options.now() < this.#restUntil) return;
    this.#confirming = true;
    const suspects = this.#suspects;
    this.#suspects = new Extents();
    this.#suspected = 0;
    void this.#confirm(suspects).finally(() => {
      this.#confirming = false;
      this.#restUntil = this.#options.now() + REST_NS;
    });
  }

  /** What it costs is paid when it is over: one read may be more than a second's worth. */
  #allowed(): boolean {
    const { now, bytesPerSecond } = this.#options;
    const at = now();
    this.#credit = Math.min(bytesPerSecond, this.#credit + ((at - this.#at) / 1e9) * bytesPerSecond);
    this.#at = at;
    return this.#credit > 0;
  }

  /** The blocks that can be compared, with their checksums as they are now. */
  #job(offset: number, bytes: Uint8Array, unsure: Extents): Job | undefined {
    const { sums: sumsOf, moving: movingOf } = this.#options;
    const sums = sumsOf();
    if (sums === undefined) return undefined;
    const { blockBytes, bytes: end } = sums;
    const first = Math.ceil(offset / blockBytes);
    const to = Math.min(offset + bytes.length, end);
    const past = to === end ? Math.ceil(to / blockBytes) : Math.floor(to / blockBytes);
    if (first >= past) return undefined;
    const moving = movingOf(first * blockBytes, Math.min(past * blockBytes, end));
    if (moving === undefined) return undefined;
    const blocks: number[] = [];
    const known = new Uint8Array((past - first) * SUM_BYTES);
    for (let block = first; block < past; block++) {
      const [from, till] = [block * blockBytes, Math.min((block + 1) * blockBytes, end)];
      if (unsure.intersects(from, till) || moving.intersects(from, till)) continue;
      if (sums.put(0, block, known, blocks.length * SUM_BYTES)) blocks.push(block);
    }
    if (blocks.length === 0) return undefined;
    this.#blockBytes = blockBytes;
    return { offset, bytes, blockBytes, end, blocks, sums: known, at: 0 };
  }

  /** Some of the blocks; whether more are left. */
  #hash(job: Job): boolean {
    const { offset, bytes, blockBytes, end, blocks, sums } = job;
    for (let done = 0; done < TURN_BYTES && job.at < blocks.length; job.at++, done += blockBytes) {
      const from = blocks[job.at] * blockBytes;
      const till = Math.min(from + blockBytes, end);
      const sum = sumOf(bytes.subarray(from - offset, till - offset));
      const own = sums.subarray(job.at * SUM_BYTES, (job.at + 1) * SUM_BYTES);
      this.#status.blocks++;
      if (Buffer.compare(sum, own) !== 0) this.#suspect(from, till);
      else if (!this.#told.isEmpty) this.#told.remove(from, till);
    }
    if (job.at < blocks.length) return true;
    this.give(bytes);
    return false;
  }

  #suspect(from: number, till: number): void {
    if (this.#told.intersects(from, till) || this.#suspects.intersects(from, till)) return;
    if (this.#suspected >= SUSPECTS_MAX || this.#told.count >= TOLD_MAX) {
      this.#status.skipped++;
      return;
    }
    this.#suspected++;
    this.#suspects.add(from, till);
  }

  async #confirm(suspects: Extents): Promise<void> {
    const { confirm, told, doubtful } = this.#options;
    let found: Confirmation = { differing: new Extents(), whole: false };
    try {
      found = await confirm(suspects);
    } catch {
      // One side cannot be read: what was seen is not confirmed, and seen again where it is still so.
    }
    const fresh = new Extents();
    let spare = found.whole ? DOUBTFUL_MAX : 0;
    for (const [start, length] of suspects.toRanges()) {
      for (let from = start; from < start + length; from += this.#blockBytes) {
        const till = Math.min(from + this.#blockBytes, start + length);
        if (found.differing.intersects(from, till)) {
          this.#status.differences++;
          this.#told.add(from, till);
          // It may have been read again meanwhile.
          this.#suspects.remove(from, till);
          fresh.add(from, till);
          continue;
        }
        this.#status.unconfirmed++;
        if (spare-- > 0) doubtful(from, till);
      }
    }
    if (this.#suspects.isEmpty) this.#suspected = 0;
    if (!fresh.isEmpty) told(fresh);
  }
}
