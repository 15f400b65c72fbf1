import type { Extent } from '../../parsers/scsi/bytes.ts';
import type { LogicalUnit } from './logicalUnit.ts';

/** What tokens stand for at most, as the Third-party Copy page says. */
export const TOKEN_RANGES_MAX = 64;
export const TOKEN_BYTES_MAX = 0x4000000;
const TOKENS_KEPT = 64;

/** Data that a token stands for: blocks of a logical unit as they were, until one of them changes. */
export interface Token {
  readonly id: bigint;
  readonly unit: LogicalUnit;
  readonly ranges: readonly Extent[];
  readonly blocks: number;
  /** One of its blocks changed: the point in time is gone. */
  isRevoked: boolean;
}

/** The tokens of a device, the newest ones: no clock is kept here, so it is others that push them out. */
export class Tokens {
  readonly #tokens = new Map<bigint, Token>();
  #last = 0n;

  create(unit: LogicalUnit, ranges: readonly Extent[]): Token {
    this.#last += 1n;
    const blocks = ranges.reduce((sum, range) => sum + range.blocks, 0);
    const token = { id: this.#last, unit, ranges, blocks, isRevoked: false };
    this.#tokens.set(token.id, token);
    const [oldest] = this.#tokens.keys();
    if (this.#tokens.size > TOKENS_KEPT && oldest !== undefined) this.delete(oldest);
    unit.hasTokens = true;
    return token;
  }

  find(id: bigint): Token | undefined {
    return this.#tokens.get(id);
  }

  delete(id: bigint): void {
    const token = this.#tokens.get(id);
    if (token === undefined) return;
    this.#tokens.delete(id);
    token.unit.hasTokens = [...this.#tokens.values()].some(({ unit }) => unit === token.unit);
  }

  /** Blocks of a unit change; no blocks stand for all of them. */
  touch(unit: LogicalUnit, lbn: number, blocks: number): void {
    for (const token of this.#tokens.values()) {
      if (token.unit !== unit || token.isRevoked) continue;
      const meets = token.ranges.some((range) => range.lbn < lbn + blocks && lbn < range.lbn + range.blocks);
      token.isRevoked = blocks === 0 || meets;
    }
  }
}

/** What the tokens' ranges hold from a block on: as many runs as `blocks` need. */
export function sliceRanges(ranges: readonly Extent[], offset: number, blocks: number): Extent[] {
  const cut: Extent[] = [];
  let skip = offset;
  let left = blocks;
  for (const range of ranges) {
    const from = Math.min(skip, range.blocks);
    const count = Math.min(range.blocks - from, left);
    if (count > 0) cut.push({ lbn: range.lbn + from, blocks: count });
    skip -= from;
    left -= count;
  }
  return cut;
}

/** Whether any block is in two ranges. */
export function overlap(ranges: readonly Extent[]): boolean {
  const sorted = [...ranges].sort((one, other) => one.lbn - other.lbn);
  return sorted.some((range, i) => i > 0 && sorted[i - 1].lbn + sorted[i - 1].blocks > range.lbn);
}
