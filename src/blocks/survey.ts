import { FAN_OUT, type NodeRun, type NodeSums, nodeBytes, SUM_BYTES } from '../base/blocks.ts';
import { Extents } from '../base/extents.ts';
import type { NearSums } from '../base/ordered.ts';
import { topLevel } from './geometry.ts';

/** Ranges of the outcome that are told apart; more grow together, which only has more compared again. */
const RANGES_MAX = 65_536;

/**
 * Finds where two volumes differ by their block tables, coarse to fine: what is asked about grows with the difference, and
 * not with the volumes. `next` says what is to be asked, `answered` takes the other side's bits.
 */
export class Survey {
  readonly #wanted: Extents;
  readonly #near: NearSums;
  readonly #most: (level: number) => number;
  /** Nodes to be looked at, by level, the first ones first. */
  readonly #open: Waiting[] = [];
  #asked = 0;
  /** What of the wanted is not known to be the same. */
  readonly rest = new Extents(RANGES_MAX);
  /** What of it the other side called different. */
  readonly differing = new Extents(RANGES_MAX);

  /** `most`: nodes of one question by their level. */
  constructor(wanted: Extents, near: NearSums, most: (level: number) => number) {
    this.#wanted = wanted;
    this.#near = near;
    this.#most = most;
    const { bytes, blockBytes } = near;
    wanted.forEachIn(bytes, Number.MAX_SAFE_INTEGER, (start, end) => this.rest.add(start, end));
    const level = topLevel(bytes, blockBytes);
    const count = Math.ceil(bytes / nodeBytes(blockBytes, level));
    for (let n = 0; n <= level; n++) this.#open.push(new Waiting());
    if (count > 0) this.#open[level].push({ first: 0, count });
  }

  /** Nothing is left to be asked, and every answer has come. */
  get over(): boolean {
    return this.#asked === 0 && this.#open.every((waiting) => waiting.nodes === 0);
  }

  /** The next question; undefined: none at present. */
  next(): NodeSums | undefined {
    const busy = this.#near.busy();
    if (!busy) {
      this.#giveUp();
      return undefined;
    }
    for (;;) {
      const level = this.#pick();
      if (level < 0) return undefined;
      const question = this.#ask(level, busy);
      if (question) {
        this.#asked++;
        return question;
      }
    }
  }

  /** The bits of a question's nodes; false when they cannot be about it. */
  answered({ level, runs }: NodeSums, same: Uint8Array): boolean {
    this.#asked--;
    let bit = 0;
    for (const { count } of runs) bit += count;
    if (same.length !== Math.ceil(bit / 8)) return false;
    bit = 0;
    for (const { first, count } of runs) {
      for (let index = first; index < first + count; index++, bit++) {
        if ((same[bit >> 3] & (1 << (bit & 7))) !== 0) continue;
        if (level === 0) this.differing.add(...this.#range(level, index));
        this.#descend(level, index);
      }
    }
    return true;
  }

  /** A level with a whole question's worth of nodes, the lowest first, so that there are never many; else the highest. */
  #pick(): number {
    const full = this.#open.findIndex(({ nodes }, level) => nodes >= this.#most(level));
    return full >= 0 ? full : this.#open.findLastIndex(({ nodes }) => nodes > 0);
  }

  #ask(level: number, busy: Extents): NodeSums | undefined {
    const near = this.#near;
    const open = this.#open[level];
    const most = this.#most(level);
    const sums = new Uint8Array(Math.min(most, open.nodes) * SUM_BYTES);
    let put = 0;
    const still = busy.isEmpty;
    const runs: { first: number; count: number }[] = [];
    while (open.nodes > 0 && put < sums.length) {
      const last = runs.at(-1);
      // Questions name their nodes in order.
      if (last && open.first < last.first) break;
      const index = open.take();
      const [start, end] = this.#range(level, index);
      if (!this.#wanted.intersects(start, end)) continue;
      if ((!still && busy.intersects(start, end)) || !near.put(level, index, sums, put)) {
        this.#descend(level, index);
        continue;
      }
      if (last && last.first + last.count === index) last.count++;
      else runs.push({ first: index, count: 1 });
      put += SUM_BYTES;
    }
    if (put === 0) return undefined;
    return { level, blockBytes: near.blockBytes, runs, sums: sums.subarray(0, put) };
  }

  /** A node is not known to be the same. */
  #descend(level: number, index: number): void {
    if (level === 0) {
      const [start, end] = this.#range(0, index);
      this.#wanted.forEachIn(start, end, (from, to) => this.rest.add(from, to));
      return;
    }
    const { bytes, blockBytes } = this.#near;
    const first = index * FAN_OUT;
    const count = Math.min(FAN_OUT, Math.ceil(bytes / nodeBytes(blockBytes, level - 1)) - first);
    if (count > 0) this.#open[level - 1].push({ first, count });
  }

  #range(level: number, index: number): [number, number] {
    const { bytes, blockBytes } = this.#near;
    const length = nodeBytes(blockBytes, level);
    return [index * length, Math.min((index + 1) * length, bytes)];
  }

  /** Nothing more can be known. */
  #giveUp(): void {
    for (const [level, open] of this.#open.entries()) {
      while (open.nodes > 0) {
        const [start, end] = this.#range(level, open.take());
        this.#wanted.forEachIn(start, end, (from, to) => this.rest.add(from, to));
      }
    }
  }
}

/** Runs of nodes, first in first out. */
class Waiting {
  #runs: NodeRun[] = [];
  #head = 0;
  #taken = 0;
  nodes = 0;

  /** The next node. */
  get first(): number {
    return this.#runs[this.#head].first + this.#taken;
  }

  push(run: NodeRun): void {
    this.#runs.push(run);
    this.nodes += run.count;
  }

  take(): number {
    const index = this.first;
    this.nodes--;
    this.#taken++;
    if (this.#taken === this.#runs[this.#head].count) {
      this.#taken = 0;
      this.#head++;
    }
    if (this.#head === this.#runs.length) {
      this.#runs = [];
      this.#head = 0;
    }
    return index;
  }
}
