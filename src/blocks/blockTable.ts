import { type BlockSums, FAN_OUT, nodeBytes, SUM_BYTES, type TableStorage } from '../base/blocks.ts';
import { copyOf } from '../base/bytes.ts';
import { type Fault, faultOf } from '../base/fault.ts';
import { Flags } from './flags.ts';
import {
  COARSE_BYTES,
  coarseAt,
  FINE_BYTES,
  FLAG_BYTES,
  FLAGS_PAGE,
  fineAt,
  flagsAt,
  SECTION_GROUPS,
  sectionAt,
  sectionOf,
} from './geometry.ts';
import { sumOf } from './sums.ts';
import { UnderWrite } from './underWrite.ts';

export interface BlockTableOptions {
  storage: TableStorage;
  blockBytes: number;
  /** Length of the volume. */
  bytes: number;
  /** False: nothing in the storage is believed. */
  believed: boolean;
  /** The table is no more: from here on it says nothing. */
  lost: (fault: Fault) => void;
}

/** Blocks that are to be read so that their checksums are known. */
export interface Reading {
  readonly group: number;
  /** Bytes of the volume. */
  readonly offset: number;
  readonly length: number;
  /** Of them those that were written meanwhile, a bit for each block. */
  readonly touched: Uint8Array;
}

/**
 * The checksums of a volume's blocks (requirement D4), in a storage that outlives the process, and which of them are true of
 * now. A table never claims a checksum that is not: before a write begins (`begin`) the flags of its blocks are taken out of
 * the storage, and they are put in again only behind checksums of bytes that were read while no write of these blocks
 * was under way. So it holds whenever the process is killed. After a power loss nothing of the storage is to be believed
 * (`believed`), as pages reach the medium in any order.
 *
 * Writing costs nothing where the checksum is not known anyway: what hosts write again and again is looked at later,
 * when somebody reads (`next`, `known`).
 */
export class BlockTable implements BlockSums {
  readonly blockBytes: number;
  readonly #options: BlockTableOptions;
  readonly #flags = new Flags();
  readonly #under = new UnderWrite();
  readonly #readings = new Set<Reading>();
  /** Checksums of levels 2 and above. */
  readonly #upper: Map<number, Uint8Array>[] = [];
  readonly #fine = { group: -1, sums: new Uint8Array(FINE_BYTES) };
  readonly #coarse = { section: -1, sums: new Uint8Array(COARSE_BYTES) };
  #bytes: number;
  #over = false;
  /** What the storage holds could not be discarded: nothing may be written before it is. */
  #undead = false;
  /** Writes that have begun, and their bytes. */
  writes = 0;
  writtenBytes = 0;

  constructor(options: BlockTableOptions) {
    this.blockBytes = options.blockBytes;
    this.#bytes = options.bytes;
    this.#options = options;
    if (options.believed) this.#guard(() => this.#load());
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** It failed, and knows nothing for good. */
  get over(): boolean {
    return this.#over;
  }

  get blocks(): number {
    return Math.ceil(this.#bytes / this.blockBytes);
  }

  /** Blocks whose checksum is known. */
  get current(): number {
    return this.#flags.count;
  }

  /**
   * `[offset, offset + length)` is about to be written; `end` follows, whatever becomes of it. Throws a `Fault` where a killed
   * process would leave a wrong table behind: then nothing may be written.
   */
  begin(offset: number, length: number): void {
    this.writes++;
    this.writtenBytes += length;
    if (this.#undead) this.#discard();
    if (length === 0 || this.#over) return;
    const first = Math.floor(offset / this.blockBytes);
    const last = Math.floor((offset + length - 1) / this.blockBytes);
    this.#under.begin(Math.floor(first / FAN_OUT), Math.floor(last / FAN_OUT));
    this.#stale(first, last);
  }

  end(offset: number, length: number): void {
    if (length === 0 || this.#over) return;
    const first = Math.floor(offset / this.blockBytes / FAN_OUT);
    this.#under.end(first, Math.floor((offset + length - 1) / this.blockBytes / FAN_OUT));
  }

  /** Nothing is known any more. */
  loseAll(): void {
    for (const { touched } of this.#readings) touched.fill(0xff);
    this.#upper.length = 0;
    const page = new Uint8Array(FLAGS_PAGE);
    if (!this.#over) {
      this.#guard(() => this.#flags.forEachSection((section) => this.#storage.write(sectionAt(section), page)));
    }
    this.#flags.clearAll();
  }

  /** The medium can no longer be believed: nothing is known, for good. Throws a `Fault` as `begin` does. */
  abandon(why: Fault): void {
    if (!this.#over) this.#guard(() => this.#fail(why));
  }

  /** The volume is this long now. */
  resize(bytes: number): void {
    if (bytes === this.#bytes) return;
    // What hangs on where the volume ends is known anew: its last block, and the node above it.
    const ends = [this.#bytes, bytes].map((end) => Math.floor(Math.max(0, end - 1) / this.blockBytes / FAN_OUT));
    const [from, to] = [Math.min(...ends), Math.max(...ends)];
    this.#stale(from * FAN_OUT, to * FAN_OUT + FAN_OUT - 1);
    this.#bytes = bytes;
    this.#upper.length = 0;
  }

  sum(level: number, index: number): Uint8Array | undefined {
    if (this.#over || !(index >= 0) || index * nodeBytes(this.blockBytes, level) >= this.#bytes) return undefined;
    return this.#guard(() => this.#sum(level, index));
  }

  put(level: number, index: number, into: Uint8Array, at: number): boolean {
    const held = level === 0 ? this.#held(index) : undefined;
    const sum = held ?? this.sum(level, index);
    if (!sum) return false;
    const from = held ? (index % FAN_OUT) * SUM_BYTES : 0;
    for (let i = 0; i < SUM_BYTES; i++) into[at + i] = sum[from + i];
    return true;
  }

  /** Whether a node has the checksum that lies in `theirs` at `at`; undefined where its own is not known. */
  same(level: number, index: number, theirs: Uint8Array, at: number): boolean | undefined {
    const held = level === 0 ? this.#held(index) : undefined;
    const sum = held ?? this.sum(level, index);
    if (!sum) return undefined;
    const from = held ? (index % FAN_OUT) * SUM_BYTES : 0;
    for (let i = 0; i < SUM_BYTES; i++) if (theirs[at + i] !== sum[from + i]) return false;
    return true;
  }

  /**
   * The next group from `group` on that is not known whole and that nobody writes or reads; undefined: none up to the end of
   * the volume. Answered by `known` or `unread`.
   */
  next(group: number): Reading | undefined {
    const groups = Math.ceil(this.blocks / FAN_OUT);
    for (let g = group; g < groups && !this.#over; g++) {
      if (g % SECTION_GROUPS === 0 && this.#flags.countOf(sectionOf(g)) === SECTION_GROUPS * FAN_OUT) {
        g += SECTION_GROUPS - 1;
        continue;
      }
      const reading = this.#isWhole(g) ? undefined : this.reading(g);
      if (reading) return reading;
    }
    return undefined;
  }

  /** A group to be read; undefined while somebody writes or reads it. */
  reading(group: number): Reading | undefined {
    if (this.#over || this.#under.has(group)) return undefined;
    for (const one of this.#readings) if (one.group === group) return undefined;
    const offset = group * FAN_OUT * this.blockBytes;
    const length = Math.min(FAN_OUT * this.blockBytes, this.#bytes - offset);
    if (!(length > 0)) return undefined;
    const reading = { group, offset, length, touched: new Uint8Array(FLAG_BYTES) };
    this.#readings.add(reading);
    return reading;
  }

  /** What was read of a group. */
  known(reading: Reading, bytes: Uint8Array): void {
    if (!this.#readings.delete(reading) || this.#over) return;
    this.#guard(() => this.#know(reading, bytes));
  }

  /** It could not be read. */
  unread(reading: Reading): void {
    this.#readings.delete(reading);
  }

  get #storage(): TableStorage {
    return this.#options.storage;
  }

  #load(): void {
    const page = new Uint8Array(FLAGS_PAGE);
    const { blocks } = this;
    for (let section = 0; section * SECTION_GROUPS * FAN_OUT < blocks; section++) {
      this.#storage.read(sectionAt(section), page);
      this.#flags.load(section, page, Math.max(0, blocks - section * SECTION_GROUPS * FAN_OUT));
    }
  }

  /** Blocks `first` to `last`, both included. */
  #stale(first: number, last: number): void {
    const lastGroup = Math.floor(last / FAN_OUT);
    for (let group = Math.floor(first / FAN_OUT); group <= lastGroup; group++) {
      const from = Math.max(0, first - group * FAN_OUT);
      const to = Math.min(FAN_OUT - 1, last - group * FAN_OUT);
      if (this.#readings.size > 0) this.#touch(group, from, to);
      const flags = this.#flags.of(group);
      if (!flags) {
        // Nothing of the section is known: on to the next.
        if (this.#readings.size === 0) group += SECTION_GROUPS - 1 - (group % SECTION_GROUPS);
        continue;
      }
      if (!this.#flags.clear(group, from, to)) continue;
      this.#forget(group);
      this.#guard(() => this.#storage.write(flagsAt(group), flags));
    }
  }

  #touch(group: number, from: number, to: number): void {
    for (const reading of this.#readings) {
      if (reading.group !== group) continue;
      for (let block = from; block <= to; block++) reading.touched[block >> 3] |= 1 << (block & 7);
    }
  }

  /** The nodes above a group are not known any more. */
  #forget(group: number): void {
    let index = group;
    for (const sums of this.#upper) {
      index = Math.floor(index / FAN_OUT);
      sums?.delete(index);
    }
  }

  #blocksIn(group: number): number {
    return Math.min(FAN_OUT, this.blocks - group * FAN_OUT);
  }

  #isWhole(group: number): boolean {
    return this.#flags.countIn(group) === this.#blocksIn(group);
  }

  #sum(level: number, index: number): Uint8Array | undefined {
    if (level === 0) {
      if (!this.#flags.has(index)) return undefined;
      const at = (index % FAN_OUT) * SUM_BYTES;
      return copyOf(this.#fineOf(Math.floor(index / FAN_OUT)), at, at + SUM_BYTES);
    }
    if (level === 1) {
      if (!this.#isWhole(index)) return undefined;
      const at = (index % SECTION_GROUPS) * SUM_BYTES;
      return copyOf(this.#coarseOf(sectionOf(index)), at, at + SUM_BYTES);
    }
    this.#upper[level - 2] ??= new Map();
    const known = this.#upper[level - 2].get(index);
    if (known) return known;
    const below = nodeBytes(this.blockBytes, level - 1);
    const children = Math.min(FAN_OUT, Math.ceil(this.#bytes / below) - index * FAN_OUT);
    const sums = new Uint8Array(children * SUM_BYTES);
    for (let child = 0; child < children; child++) {
      const sum = this.#sum(level - 1, index * FAN_OUT + child);
      if (!sum) return undefined;
      sums.set(sum, child * SUM_BYTES);
    }
    const sum = sumOf(sums);
    this.#upper[level - 2].set(index, sum);
    return sum;
  }

  /** The checksums of a block's group, where the block's is known and they were looked at last: most questions go on there. */
  #held(index: number): Uint8Array | undefined {
    const fine = this.#fine;
    return fine.group === Math.floor(index / FAN_OUT) && this.#flags.has(index) ? fine.sums : undefined;
  }

  #fineOf(group: number): Uint8Array {
    const fine = this.#fine;
    if (fine.group !== group) {
      fine.group = -1;
      this.#storage.read(fineAt(group), fine.sums);
      fine.group = group;
    }
    return fine.sums;
  }

  #coarseOf(section: number): Uint8Array {
    const coarse = this.#coarse;
    if (coarse.section !== section) {
      coarse.section = -1;
      this.#storage.read(coarseAt(section), coarse.sums);
      coarse.section = section;
    }
    return coarse.sums;
  }

  /** Checksums first, then the flags: a killed process leaves no flag without its checksum. */
  #know({ group, offset, length, touched }: Reading, bytes: Uint8Array): void {
    const first = group * FAN_OUT;
    // It may have grown or shrunk meanwhile.
    const blocks = Math.min(this.#blocksIn(group), Math.ceil(length / this.blockBytes));
    const sums = this.#fineOf(group);
    const fresh: number[] = [];
    for (let block = 0; block < blocks; block++) {
      if (this.#flags.has(first + block) || (touched[block >> 3] & (1 << (block & 7))) !== 0) continue;
      const at = block * this.blockBytes;
      if (offset + Math.min(at + this.blockBytes, length) > this.#bytes) continue;
      sums.set(sumOf(bytes.subarray(at, Math.min(at + this.blockBytes, length))), block * SUM_BYTES);
      fresh.push(block);
    }
    if (fresh.length === 0) return;
    this.#storage.write(fineAt(group), sums);
    const whole = this.#flags.countIn(group) + fresh.length === this.#blocksIn(group);
    if (whole) this.#knowGroup(group, sums.subarray(0, this.#blocksIn(group) * SUM_BYTES));
    for (const block of fresh) this.#flags.set(group, block);
    this.#storage.write(flagsAt(group), this.#flags.of(group) ?? new Uint8Array(FLAG_BYTES));
  }

  #knowGroup(group: number, sums: Uint8Array): void {
    const section = sectionOf(group);
    const sum = sumOf(sums);
    const at = (group % SECTION_GROUPS) * SUM_BYTES;
    this.#storage.write(coarseAt(section) + at, sum);
    if (this.#coarse.section === section) this.#coarse.sums.set(sum, at);
  }

  /** A storage that fails once is given up: whoever opens it next must find nothing. Throws where even that fails. */
  #guard<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      this.#over = true;
      for (const { touched } of this.#readings) touched.fill(0xff);
      this.#flags.clearAll();
      this.#upper.length = 0;
      this.#discard();
      const fault = faultOf(error);
      this.#options.lost(fault);
      return undefined;
    }
  }
  #fail(why: Fault): never {
    throw why;
  }

  #discard(): void {
    this.#undead = true;
    this.#storage.discard();
    this.#undead = false;
  }
}
