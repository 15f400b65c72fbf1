import assert from 'node:assert/strict';
import { CHECK_PAGE, type LinkAnswer } from '../../parsers/formats/linkRequests.ts';
import type { Piece } from '../../src/base/change.ts';
import type { OrderedEntry } from '../../src/base/ordered.ts';
import { ChunkHasher, differingPieces } from '../../src/link/checks.ts';
import type { Random } from '../fuzz/random.ts';
import { VOLUME } from './linkStore.ts';

const ENTRY_MAX = 5 * CHECK_PAGE;
export const HASHER = new ChunkHasher('sha256');

/** A question and what is known of its answer. */
export interface Asked {
  own: Uint8Array;
  expected: Uint8Array;
  /** Pages that were changed after it was asked: a repeated question may see them. */
  touched: Set<number>;
}

/** An entry of any kind. */
export function someEntry(random: Random, at: bigint): OrderedEntry {
  if (random.chance(12)) return { kind: 'mark', at, name: `m${at}`, consistent: true };
  if (random.chance(12)) return { kind: 'state', at, consistent: random.chance(2) };
  const pieces: Piece[] = [];
  let from = random.below(VOLUME);
  for (let n = random.between(0, 3); n > 0 && from < VOLUME; n--) {
    const length = random.between(1, Math.min(ENTRY_MAX, VOLUME - from));
    const bytes = new Uint8Array(length);
    if (!random.chance(4)) random.fill(bytes, random.below(length));
    pieces.push({ offset: from, length, payload: payloadOf(random, bytes) });
    from += length + random.below(VOLUME / 2);
  }
  return { kind: random.chance(4) ? 'copy' : 'change', at, pieces, consistent: !random.chance(8) };
}

function payloadOf(random: Random, bytes: Uint8Array): Piece['payload'] {
  switch (random.below(6)) {
    case 0:
      return 'zeros';
    case 1:
      return bytes.length % 4 === 0 ? { fill: bytes.subarray(0, 4) } : 'zeros';
    case 2:
      return { or: [bytes] };
    default:
      return [bytes.subarray(0, 1), bytes.subarray(1)];
  }
}

/** The answer tells each page that differs, and no other. */
export function assertTold(asked: Asked, answer: LinkAnswer): void {
  assert.ok(answer.kind === 'differ', 'an answer to what was asked');
  const found = differingPieces(0, asked.own, HASHER.chunk(asked.own), answer);
  if (typeof found === 'string') throw new Error(found);
  for (let page = 0; page * CHECK_PAGE < VOLUME; page++) {
    if (asked.touched.has(page)) continue;
    const at: number = page * CHECK_PAGE;
    const same: boolean =
      Buffer.compare(asked.own.subarray(at, at + CHECK_PAGE), asked.expected.subarray(at, at + CHECK_PAGE)) === 0;
    const told: boolean = found.some(({ offset, length }) => offset <= at && at < offset + length);
    assert.equal(told, !same, `page ${page} as it is after what was appended before`);
  }
}
