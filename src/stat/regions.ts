import { type NatureIndex, READ, WRITE } from './natures.ts';

const FIRST_BLOCKS = 64;

/** A stretch of an LU: commands that began in it, and blocks of it that commands covered. */
export interface HotRegion {
  lbn: number;
  reads: number;
  writes: number;
  blocksRead: number;
  blocksWritten: number;
}

export interface RegionsSnapshot {
  /** Size of every region. */
  regionBlocks: number;
  /** Those where most commands began, most first. */
  byReads: HotRegion[];
  byWrites: HotRegion[];
  /** Blocks read or written per region from LBN 0 on: a picture of the whole LU. */
  map: { blocksRead: number[]; blocksWritten: number[] };
}

/**
 * Reads and writes over the LBN space in a fixed number of regions; the region's size is a power of two in blocks and
 * doubles, folding regions in pairs, when a command lies beyond the last one.
 */
export class Regions {
  readonly #regions: number;
  readonly #commands: Float64Array[];
  readonly #blocks: Float64Array[];
  #size = FIRST_BLOCKS;
  #used = 0;

  constructor(regions = 1024) {
    this.#regions = regions;
    this.#commands = [READ, WRITE].map(() => new Float64Array(regions));
    this.#blocks = [READ, WRITE].map(() => new Float64Array(regions));
  }

  /** Counts a read or write of `blocks` (1 or more) at `lbn` where it begins, and its blocks where they lie. */
  record(nature: NatureIndex, lbn: number, blocks: number): void {
    const end = Math.min(lbn + blocks, Number.MAX_SAFE_INTEGER);
    while (end > this.#size * this.#regions) this.#fold();
    const first = Math.floor(lbn / this.#size);
    const last = Math.floor((end - 1) / this.#size);
    if (last >= this.#used) this.#used = last + 1;
    // Counted once, where it begins: counting it in every region would count it twice when regions are folded.
    this.#commands[nature][first]++;
    const covered = this.#blocks[nature];
    for (let region = first; region <= last; region++) {
      const from = region * this.#size;
      covered[region] += Math.min(end, from + this.#size) - Math.max(lbn, from);
    }
  }

  snapshot(top = 10): RegionsSnapshot {
    const all: HotRegion[] = [];
    for (let region = 0; region < this.#used; region++) {
      const reads = this.#commands[READ][region];
      const writes = this.#commands[WRITE][region];
      if (reads + writes === 0) continue;
      const [blocksRead, blocksWritten] = [this.#blocks[READ][region], this.#blocks[WRITE][region]];
      all.push({ lbn: region * this.#size, reads, writes, blocksRead, blocksWritten });
    }
    const most = (count: (region: HotRegion) => number): HotRegion[] =>
      all
        .filter((region) => count(region) > 0)
        .sort((a, b) => count(b) - count(a) || a.lbn - b.lbn)
        .slice(0, top);
    return {
      regionBlocks: this.#size,
      byReads: most((region) => region.reads),
      byWrites: most((region) => region.writes),
      map: {
        blocksRead: Array.from(this.#blocks[READ].subarray(0, this.#used)),
        blocksWritten: Array.from(this.#blocks[WRITE].subarray(0, this.#used)),
      },
    };
  }

  #fold(): void {
    for (const column of [...this.#commands, ...this.#blocks]) {
      for (let i = 0; i < this.#used; i++) {
        const value = column[i];
        column[i] = 0;
        column[i >> 1] += value;
      }
    }
    this.#used = (this.#used + 1) >> 1;
    this.#size *= 2;
  }
}
